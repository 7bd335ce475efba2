"""Models that are found by a list."""

from ame.federation.run.found import component
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO
from ame.federation.spec.learnable import ModelLocator, ModelPersistor, model_learnable_to_dxo


class ListModelLocator(ModelLocator):
    """Finds models in the places of a list; a persistor reads them (`get_model_from_location`).

    Of NVFLARE's own persistors none does; there it takes one of your own that does.
    """

    def __init__(self, persistor_id: str, model_list: dict[str, str] | None = None) -> None:
        """`model_list`: where each model is, by its name."""
        super().__init__()
        self.persistor_id = persistor_id
        self.model_list = model_list or {}

    def get_model_names(self, fl_ctx: FLContext) -> list[str]:
        """The names of the list."""
        return list(self.model_list)

    def locate_model(self, model_name: str, fl_ctx: FLContext) -> DXO | None:
        """One of them, or None.

        Raises:
            errors.ComponentUnknown: the persistor is not there.
            NotImplementedError: it reads no models from places.
        """
        place = self.model_list.get(model_name)
        if place is None:
            return None
        persistor = component(fl_ctx.get_engine(), self.persistor_id, ModelPersistor)  # type: ignore[type-abstract]  # what is found is asked for its kind
        found = persistor.get_model_from_location(place, fl_ctx)
        return None if found is None else model_learnable_to_dxo(found)
