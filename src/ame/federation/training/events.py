"""What happens on a site, told to the server."""

from typing import Any

from ame.federation.spec.component import Widget
from ame.federation.spec.context import FLContext
from ame.federation.spec.names.keys import EventScope, FLContextKey
from ame.federation.spec.shareable import Shareable

FED_EVENT_PREFIX = "fed."


class ConvertToFedEvent(Widget):
    """Fires events of the site on the server too, under names with a prefix."""

    def __init__(
        self, events_to_convert: list[str], fed_event_prefix: str = FED_EVENT_PREFIX
    ) -> None:
        """`events_to_convert`: which; their data must be Shareables."""
        super().__init__()
        self.events_to_convert = events_to_convert
        self.fed_event_prefix = fed_event_prefix

    def add_to_fed_job(self, job: Any, ctx: Any, **kwargs: Any) -> Any:
        """Add it to a job."""
        job.check_kwargs(args_to_check=kwargs, args_expected={})
        job.heard_of_clients.update(self.events_to_convert)
        return job.add_component(comp_id=None, obj=self, ctx=ctx)

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Fire it there, if it is one of them and of this site."""
        if event_type not in self.events_to_convert:
            return
        if fl_ctx.get_prop(FLContextKey.EVENT_SCOPE) == EventScope.FEDERATION:
            return
        data = fl_ctx.get_prop(FLContextKey.EVENT_DATA)
        if isinstance(data, Shareable):
            self.fire_fed_event(self.fed_event_prefix + event_type, data, fl_ctx)
        else:
            self.log_error(fl_ctx, f"event `{event_type}` has no Shareable to be sent")
