"""What a job learns, and who loads, saves, converts, aggregates and finds it."""

from abc import ABC, abstractmethod
from typing import Any

from ame.federation.spec.component import FLComponent
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.shareable import Shareable


class Learnable(dict[str, Any]):
    """What is learned."""

    def is_empty(self) -> bool:
        """Whether it holds nothing."""
        return False


class ModelLearnableKey:
    """The two parts of a `ModelLearnable`."""

    WEIGHTS = "weights"
    META = "meta"


class ModelLearnable(Learnable):
    """Weights by name, and metadata."""

    def is_empty(self) -> bool:
        """Whether it has no weights."""
        return not self.get(ModelLearnableKey.WEIGHTS)


def make_model_learnable(weights: Any, meta_props: dict[str, Any] | None) -> ModelLearnable:
    """One of these weights."""
    made = ModelLearnable()
    made[ModelLearnableKey.WEIGHTS] = weights
    made[ModelLearnableKey.META] = meta_props
    return made


def validate_model_learnable(model_learnable: object) -> str:
    """What is wrong with it, or nothing."""
    if not isinstance(model_learnable, ModelLearnable):
        return f"a ModelLearnable is needed, not a {type(model_learnable).__name__}"
    for key in (ModelLearnableKey.WEIGHTS, ModelLearnableKey.META):
        if key not in model_learnable:
            return f"the ModelLearnable has no {key}"
    return ""


def model_learnable_to_dxo(ml: ModelLearnable) -> DXO:
    """Its weights as a DXO.

    Raises:
        ValueError: it is none.
    """
    wrong = validate_model_learnable(ml)
    if wrong:
        raise ValueError(wrong)
    return DXO(
        DataKind.WEIGHTS, data=ml[ModelLearnableKey.WEIGHTS], meta=ml[ModelLearnableKey.META]
    )


class ModelDescriptor:
    """Which models a persistor has, and where."""

    def __init__(
        self, name: str, location: str, model_format: str, props: dict[str, Any] | None = None
    ) -> None:
        self.name = name
        self.location = location
        self.model_format = model_format
        self.props = props


class PersistorFilter(FLComponent):
    """Changes what a persistor loads or saves."""

    def process_post_load(self, learnable: Learnable, fl_ctx: FLContext) -> Learnable:
        """What was loaded."""
        return learnable

    def process_pre_save(self, learnable: Learnable, fl_ctx: FLContext) -> Learnable:
        """What is to be saved."""
        return learnable

    def process_post_save(self, learnable: Learnable, fl_ctx: FLContext) -> Learnable:
        """What was saved."""
        return learnable

    def process_post_get(self, learnable: Learnable, fl_ctx: FLContext) -> Learnable:
        """What was got from the inventory."""
        return learnable


class LearnablePersistor(FLComponent, ABC):
    """Loads what is learned at the beginning, and saves it."""

    @abstractmethod
    def load(self, fl_ctx: FLContext) -> Learnable | None:
        """What the job begins with; None or empty if that is for the sites to say."""

    @abstractmethod
    def save(self, learnable: Learnable, fl_ctx: FLContext) -> None:
        """Keep it."""


class ModelPersistor(LearnablePersistor, ABC):
    """Loads and saves weights, through a filter if one is named."""

    filter_id: str | None = None

    def __init__(self, filter_id: str | None = None) -> None:
        super().__init__()
        self.filter_id = filter_id

    def _filter(self, fl_ctx: FLContext) -> PersistorFilter:
        if not self.filter_id:
            return _NONE
        found = fl_ctx.get_engine().get_component(self.filter_id)
        if not isinstance(found, PersistorFilter):
            message = (
                f"filter_id of {self.name}: `{self.filter_id}` must be a PersistorFilter, "
                f"not a {type(found).__name__}"
            )
            raise ValueError(message)  # noqa: TRY004 (as FLARE's callers expect)
        return found

    def load(self, fl_ctx: FLContext) -> Learnable | None:
        """What the job begins with."""
        loaded = self.load_model(fl_ctx)
        if loaded is None:
            return None
        return self._filter(fl_ctx).process_post_load(loaded, fl_ctx)

    def save(self, learnable: Learnable, fl_ctx: FLContext) -> None:
        """Keep it."""
        through = self._filter(fl_ctx)
        learnable = through.process_pre_save(learnable, fl_ctx)
        self.save_model(learnable, fl_ctx)
        through.process_post_save(learnable, fl_ctx)

    def get(self, model_file: str, fl_ctx: FLContext) -> Any:
        """One of the models of the inventory."""
        found = self.get_model(model_file, fl_ctx)
        return None if found is None else self._filter(fl_ctx).process_post_get(found, fl_ctx)

    @abstractmethod
    def load_model(self, fl_ctx: FLContext) -> ModelLearnable | None:
        """The weights that the job begins with."""

    @abstractmethod
    def save_model(self, model: Any, fl_ctx: FLContext) -> None:
        """Keep these weights."""

    def get_model_inventory(self, fl_ctx: FLContext) -> dict[str, ModelDescriptor]:
        """Which models it has, by name."""
        return {}

    def get_model(self, model_file: str, fl_ctx: FLContext) -> ModelLearnable | None:
        """One of them."""
        message = f"{self.name} keeps one model, and finds none by name: it has no get_model"
        raise NotImplementedError(message)

    def get_model_from_location(self, location: str, fl_ctx: FLContext) -> ModelLearnable | None:
        """The model in a file."""
        message = f"{self.name} reads no models from places: it has no get_model_from_location"
        raise NotImplementedError(message)


_NONE = PersistorFilter()


class Aggregator(FLComponent, ABC):
    """Makes one of many results."""

    def reset(self, fl_ctx: FLContext) -> None:
        """Forget what was accepted."""

    @abstractmethod
    def accept(self, shareable: Shareable, fl_ctx: FLContext) -> bool:
        """Take a result; False if it is not taken."""

    @abstractmethod
    def aggregate(self, fl_ctx: FLContext) -> Shareable:
        """What they amount to; nothing is accepted afterwards that was before."""


class ShareableGenerator(FLComponent, ABC):
    """Turns what is learned into what is sent, and back."""

    @abstractmethod
    def learnable_to_shareable(self, model: Any, fl_ctx: FLContext) -> Shareable:
        """What is sent to sites."""

    @abstractmethod
    def shareable_to_learnable(self, shareable: Shareable, fl_ctx: FLContext) -> Any:
        """What is learned from results."""


class ModelLocator(FLComponent):
    """Finds models by name."""

    def get_model_names(self, fl_ctx: FLContext) -> list[str]:
        """The names of those that it has."""
        return []

    def locate_model(self, model_name: str, fl_ctx: FLContext) -> DXO | None:
        """One of them."""
        return None


class MetricComparator(FLComponent, ABC):
    """Says which of two metrics is the better."""

    @abstractmethod
    def compare(self, a: Any, b: Any) -> float:
        """Above 0 if `a` is, below 0 if `b` is."""


class Formatter(FLComponent, ABC):
    """Makes text of what a context holds."""

    @abstractmethod
    def format(self, fl_ctx: FLContext) -> str:
        """The text."""
