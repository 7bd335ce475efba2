"""What is told of a run: who sends it on a site, and who receives it there or at the server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any

from ame.federation.spec.analytics import (
    ANALYTIC_EVENT_TYPE,
    AnalyticsData,
    AnalyticsDataType,
    LogWriterName,
    TrackConst,
)
from ame.federation.spec.component import Widget
from ame.federation.spec.dxo import from_shareable
from ame.federation.spec.names.events import EventType
from ame.federation.spec.names.keys import EventScope, FLContextKey, ReservedKey
from ame.federation.spec.shareable import Shareable
from ame.federation.training.events import FED_EVENT_PREFIX

if TYPE_CHECKING:
    from ame.federation.spec.context import FLContext


class AnalyticsSender(Widget):
    """Tells metrics, parameters, tags and texts: the run keeps them, receivers hear them."""

    def __init__(
        self,
        event_type: str = ANALYTIC_EVENT_TYPE,
        writer_name: LogWriterName = LogWriterName.TORCH_TB,
    ) -> None:
        """`event_type`: what is fired; `writer_name`: in whose words it speaks."""
        super().__init__()
        self.event_type = event_type
        self.writer = writer_name
        self.engine: Any = None

    @property
    def writer_name(self) -> LogWriterName:
        """In whose words it speaks."""
        return self.writer

    def get_writer_name(self) -> LogWriterName:
        """In whose words it speaks."""
        return self.writer

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Know the run, once it begins."""
        if event_type == EventType.ABOUT_TO_START_RUN:
            self.engine = fl_ctx.get_engine()

    def add(
        self,
        tag: str,
        value: Any,
        data_type: AnalyticsDataType,
        global_step: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Tell one thing.

        Raises:
            RuntimeError: the run has not begun.
            TypeError, ValueError: it is not what `data_type` says, or the step is none.
        """
        if self.engine is None:
            message = f"`{tag}` is told before the run has begun; tell it while a task is done"
            raise RuntimeError(message)
        if global_step is not None:
            kwargs[TrackConst.GLOBAL_STEP_KEY] = global_step
        data = AnalyticsData(tag, value, data_type, self.get_writer_name(), **kwargs)
        self.engine.recorded(data)
        fl_ctx = self.engine.new_context()
        told = data.to_dxo().to_shareable()
        self.fire_event_with_data(self.event_type, fl_ctx, FLContextKey.EVENT_DATA, told)

    def add_scalar(
        self, tag: str, scalar: float, global_step: int | None = None, **kwargs: Any
    ) -> None:
        """Tell a number."""
        self.add(tag, scalar, AnalyticsDataType.SCALAR, global_step, **kwargs)

    def add_scalars(
        self, tag: str, scalars: dict[str, float], global_step: int | None = None, **kwargs: Any
    ) -> None:
        """Tell several numbers under one name."""
        self.add(tag, scalars, AnalyticsDataType.SCALARS, global_step, **kwargs)

    def flush(self) -> None:
        """Nothing waits: what is told is told at once."""

    def close(self) -> None:
        """Nothing is told any more."""
        self.engine = None


class AnalyticsReceiver(Widget, ABC):
    """Receives what is told, one record after another, from the start of a run to its end.

    At the server it hears all sites: a job that gives the server a receiver has its clients send
    their events, if nothing else does. What a receiver raises ends the run.
    """

    events: list[str] = [ANALYTIC_EVENT_TYPE, FED_EVENT_PREFIX + ANALYTIC_EVENT_TYPE]  # noqa: RUF012 (what FLARE's subclasses find)
    _open = False

    def __init__(self, events: list[str] | None = None) -> None:
        """`events`: what it hears; by default what is told here, and by the other side."""
        super().__init__()
        if events is not None:
            self.events = events

    @cached_property
    def _one_at_a_time(self) -> RLock:
        return RLock()

    def add_to_fed_job(self, job: Any, ctx: Any, **kwargs: Any) -> Any:
        """Add it to a job; that of a server has clients send what it hears of them."""
        job.check_kwargs(args_to_check=kwargs, args_expected={})
        if ctx.target == "server":
            job.hear_clients(
                event.removeprefix(FED_EVENT_PREFIX)
                for event in self.events
                if event.startswith(FED_EVENT_PREFIX)
            )
        return job.add_component(comp_id=None, obj=self, ctx=ctx)

    @abstractmethod
    def initialize(self, fl_ctx: FLContext) -> None:
        """The run begins."""

    @abstractmethod
    def save(self, fl_ctx: FLContext, shareable: Shareable, record_origin: str) -> None:
        """Take a record, a DXO of `AnalyticsData`; `record_origin` is the site it comes from."""

    @abstractmethod
    def finalize(self, fl_ctx: FLContext) -> None:
        """The run is over."""

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Begin, take, or end."""
        if event_type == EventType.START_RUN:
            self.initialize(fl_ctx)
            self._open = True
        elif event_type == EventType.END_RUN:
            with self._one_at_a_time:
                was, self._open = self._open, False
                if was:
                    self.finalize(fl_ctx)
        elif event_type in self.events:
            self._take(event_type, fl_ctx)

    def _take(self, event: str, fl_ctx: FLContext) -> None:
        data = fl_ctx.get_prop(FLContextKey.EVENT_DATA)
        if not isinstance(data, Shareable):
            self.log_error(fl_ctx, f"event `{event}` has no Shareable to be received")
            return
        origin = fl_ctx.get_identity_name()
        if fl_ctx.get_prop(FLContextKey.EVENT_SCOPE) == EventScope.FEDERATION:
            origin = data.get_peer_prop(ReservedKey.IDENTITY_NAME, None) or origin
        with self._one_at_a_time:
            if self._open:
                self.save(fl_ctx=fl_ctx, shareable=data, record_origin=origin)


def told(shareable: Shareable, receiver: LogWriterName) -> AnalyticsData | None:
    """The record that a receiver was given, in its own words; None if it says not what it is."""
    return AnalyticsData.from_dxo(from_shareable(shareable), receiver=receiver)


def tracked_sites(fl_ctx: FLContext) -> list[str]:
    """The sites whose records come to a receiver: at the server all, on a site its own."""
    from ame.federation.spec.names.keys import ProcessType

    if fl_ctx.get_prop(FLContextKey.PROCESS_TYPE) == ProcessType.SERVER_JOB:
        return [client.name for client in fl_ctx.get_engine().get_clients()]
    return [fl_ctx.get_identity_name()]
