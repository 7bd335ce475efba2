"""`PTModelPersistenceFormatManager`: the dicts in which models of PyTorch are kept."""

from re import Pattern
from typing import Any, ClassVar

from ame.federation.spec.learnable import (
    ModelLearnable,
    ModelLearnableKey,
    make_model_learnable,
)
from ame.federation.spec.names.app import ModelFormat
from ame.federation.spec.names.keys import MetaKey


class PTModelPersistenceFormatManager:
    """A state dict, alone or under `model` beside `train_conf` and `meta_props`."""

    PERSISTENCE_KEY_MODEL: ClassVar[str] = "model"
    PERSISTENCE_KEY_TRAIN_CONF: ClassVar[str] = "train_conf"
    PERSISTENCE_KEY_META_PROPS: ClassVar[str] = "meta_props"

    def __init__(
        self,
        data: dict[str, Any],
        default_train_conf: Any = None,
        allow_numpy_conversion: bool = True,
    ) -> None:
        """`data`: what was kept; `allow_numpy_conversion`: whether arrays are learned with.

        Raises:
            TypeError: it is no dict.
        """
        if not isinstance(data, dict):
            message = f"data must be a dict, not {type(data).__name__}"
            raise TypeError(message)
        whole = data if self.PERSISTENCE_KEY_MODEL in data else {self.PERSISTENCE_KEY_MODEL: data}
        rest = dict(whole)
        self.var_dict: dict[str, Any] = rest.pop(self.PERSISTENCE_KEY_MODEL)
        self.meta = rest.pop(self.PERSISTENCE_KEY_META_PROPS, None)
        self.train_conf = rest.pop(self.PERSISTENCE_KEY_TRAIN_CONF, None) or default_train_conf
        self.other_props = rest
        self._arrays = allow_numpy_conversion

    def to_model_learnable(self, exclude_vars: Pattern[str] | None = None) -> ModelLearnable:
        """The weights as what is learned, but for those whose names the expression is found in."""
        weights = {
            name: value.detach().cpu().numpy() if self._changes(name, value) else value
            for name, value in self.var_dict.items()
            if not (exclude_vars and exclude_vars.search(name))
        }
        return make_model_learnable(weights, self.meta or {})

    def to_persistence_dict(self) -> dict[str, Any]:
        """What is to be kept by `torch.save`."""
        import torch

        kept: dict[str, Any] = {
            self.PERSISTENCE_KEY_MODEL: {
                name: value if self._processed(name) or not self._arrays else torch.as_tensor(value)
                for name, value in self.var_dict.items()
            }
        }
        if self.meta:
            kept[self.PERSISTENCE_KEY_META_PROPS] = self.meta
        if self.train_conf:
            kept[self.PERSISTENCE_KEY_TRAIN_CONF] = self.train_conf
        return {**kept, **self.other_props}

    def update(self, ml: ModelLearnable) -> None:
        """Takes over what was learned; what it lacks stays.

        Raises:
            ValueError: it is no model.
        """
        if ModelLearnableKey.WEIGHTS not in ml:
            message = f"what was learned has no weights: {sorted(ml)}"
            raise ValueError(message)
        self.meta = ml.get(ModelLearnableKey.META)
        self.var_dict.update(ml[ModelLearnableKey.WEIGHTS])

    @staticmethod
    def get_persist_model_format() -> str:
        """What the file is."""
        return str(ModelFormat.PT_CHECKPOINT)

    def _changes(self, name: str, value: Any) -> bool:
        return self._arrays and not self._processed(name) and hasattr(value, "detach")

    def _processed(self, name: str) -> bool:
        """Whether a filter has made something else of a weight."""
        return bool((self.meta or {}).get(MetaKey.PROCESSED_KEYS, {}).get(name))
