"""PyTorch models in files: loaded at the beginning, saved after each round, found by name."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ame import errors
from ame.federation.components.persistors.files import app_folder, source, write
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO
from ame.federation.spec.learnable import (
    ModelDescriptor,
    ModelLearnable,
    ModelLearnableKey,
    ModelLocator,
    ModelPersistor,
    make_model_learnable,
    model_learnable_to_dxo,
)
from ame.federation.spec.names.app import (
    AppConstants,
    DefaultCheckpointFileName,
    ModelFormat,
)
from ame.federation.spec.names.events import AppEventType, EventType

_DAMAGED = (RuntimeError, OSError, EOFError, LookupError, ValueError, TypeError, AttributeError)
"""What reading a file that holds no weights may raise."""
_MODEL, _CONF, _META = "model", "train_conf", "meta_props"


class PTFileModelPersistor(ModelPersistor):
    """Keeps `{"model": state dict, "train_conf", "meta_props"}` by `torch.save`, read safely.

    The last model lies in `FL_global_model.pt` of the server's app folder, the best, which a
    selector names, in `best_FL_global_model.pt`: as it stood when its round began.
    """

    def __init__(
        self,
        exclude_vars: str | None = None,
        model: Any = None,
        global_model_file_name: str = DefaultCheckpointFileName.GLOBAL_MODEL,
        best_global_model_file_name: str = DefaultCheckpointFileName.BEST_GLOBAL_MODEL,
        source_ckpt_file_full_name: str | None = None,
        filter_id: str | None = None,
        load_weights_only: bool = True,
        allow_numpy_conversion: bool = True,
        load_device: str | None = None,
    ) -> None:
        """How a job's model is loaded and saved.

        Args:
            exclude_vars: parameters whose names this expression is found in are not given to sites.
            model: an `nn.Module`, the id of a component that is one, or `{"path", "args"}`.
            global_model_file_name: where the last model is kept.
            best_global_model_file_name: where the best model is kept.
            source_ckpt_file_full_name: a file to begin with, instead of the model's own weights.
            filter_id: a `PersistorFilter` that models go through.
            load_weights_only: kept for jobs that set it: a pickle is never loaded.
            allow_numpy_conversion: whether sites are sent NumPy arrays instead of tensors.
            load_device: where a file is loaded to; `cpu` by default.
        """
        super().__init__(filter_id)
        self.exclude_vars = exclude_vars
        self.model = model
        self.global_model_file_name = global_model_file_name
        self.best_global_model_file_name = best_global_model_file_name
        self.source_ckpt_file_full_name = source_ckpt_file_full_name
        self.load_weights_only = load_weights_only
        self.allow_numpy_conversion = allow_numpy_conversion
        self.load_device = load_device
        self._exclude = re.compile(exclude_vars) if exclude_vars else None
        self._kept: dict[str, Any] = {}
        """What is saved beside what is learned: excluded weights, other entries of the source."""
        self._weights: dict[str, Any] = {}

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Keep the model of the round's beginning when it proves to be the best."""
        if event_type == AppEventType.GLOBAL_BEST_MODEL_AVAILABLE:
            model = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL)
            if model is not None:
                self._save(model, self._file(self.best_global_model_file_name, fl_ctx))

    def load_model(self, fl_ctx: FLContext) -> ModelLearnable:
        """The weights of the source, or of the model.

        Raises:
            errors.SourceMissing: the source is not there.
            errors.SourceUnusable: the source holds something else than weights.
        """
        self._find(fl_ctx)
        if self.source_ckpt_file_full_name:
            file = source(self.source_ckpt_file_full_name, fl_ctx, self.name)
            data = self._read(file)
        else:
            data = {_MODEL: self.model.state_dict() if self.model is not None else {}}
        return self._learnable(data)

    def save_model(self, model: ModelLearnable, fl_ctx: FLContext) -> None:
        """Keep it as the last."""
        self._save(model, self._file(self.global_model_file_name, fl_ctx))

    def get_model_inventory(self, fl_ctx: FLContext) -> dict[str, ModelDescriptor]:
        """The source, the last and the best model, by the names of their files."""
        found = {}
        if self.source_ckpt_file_full_name:
            path = Path(self.source_ckpt_file_full_name)
            if path.exists():
                found[path.name] = ModelDescriptor(
                    str(path), str(path), ModelFormat.PT_CHECKPOINT, {"source": "initial_ckpt"}
                )
        for name in (self.global_model_file_name, self.best_global_model_file_name):
            path = self._file(name, fl_ctx)
            if path.exists():
                found[path.name] = ModelDescriptor(name, str(path), ModelFormat.PT_CHECKPOINT, {})
        return found

    def get_model(self, model_file: str, fl_ctx: FLContext) -> ModelLearnable | None:
        """One of the inventory, or None."""
        found = self.get_model_inventory(fl_ctx).get(model_file)
        return None if found is None else self._learnable(self._read(Path(found.location)))

    def get_model_from_location(self, location: str, fl_ctx: FLContext) -> ModelLearnable:
        """The model in a file, which lies among the job's code if its path is not whole."""
        return self._learnable(self._read(source(location, fl_ctx, self.name)))

    def _find(self, fl_ctx: FLContext) -> None:
        """The module itself, where it was named or described."""
        import torch

        given = self.model
        if isinstance(given, str):
            self.model = fl_ctx.get_engine().get_component(given)
        elif isinstance(given, Mapping):
            self.model = fl_ctx.get_engine().build_component(dict(given))
        if self.model is not None and not isinstance(self.model, torch.nn.Module):
            raise errors.ModelUnfit(self.name, "a torch.nn.Module", self.model)

    def _file(self, name: str, fl_ctx: FLContext) -> Path:
        return app_folder(fl_ctx) / name

    def _read(self, file: Path) -> dict[str, Any]:
        import pickle  # its error alone: torch reads weights without it

        import torch

        try:
            data = torch.load(file, map_location=self.load_device or "cpu", weights_only=True)
        except (pickle.UnpicklingError, *_DAMAGED) as error:
            raise errors.SourceUnusable(self.name, file, str(error).split("\n")[0]) from error
        if not isinstance(data, dict):
            raise errors.SourceUnusable(self.name, file, f"it holds a {type(data).__name__}")
        return data if _MODEL in data else {_MODEL: data}

    def _learnable(self, data: Mapping[str, Any]) -> ModelLearnable:
        self._kept = {key: each for key, each in data.items() if key not in (_MODEL, _META)}
        self._weights = dict(data[_MODEL])
        weights = {
            key: _array(each) if self.allow_numpy_conversion else each
            for key, each in self._weights.items()
            if self._exclude is None or not self._exclude.search(key)
        }
        return make_model_learnable(weights, dict(data.get(_META) or {}))

    def _save(self, model: ModelLearnable, file: Path) -> None:
        from collections import OrderedDict

        import torch

        learned = model.get(ModelLearnableKey.WEIGHTS) or {}
        weights = OrderedDict(self._weights)
        for key, each in learned.items():
            weights[key] = torch.as_tensor(each)
        whole: OrderedDict[str, Any] = OrderedDict({_MODEL: weights})
        if model.get(ModelLearnableKey.META):
            whole[_META] = model[ModelLearnableKey.META]
        if _CONF not in self._kept and self.model is not None:
            whole[_CONF] = {"train": {"model": type(self.model).__name__}}
        whole.update(self._kept)
        write(file, lambda path: torch.save(whole, path))


class PTFileModelLocator(ModelLocator):
    """Finds the models of a `PTFileModelPersistor`."""

    def __init__(self, pt_persistor_id: str) -> None:
        super().__init__()
        self.pt_persistor_id = pt_persistor_id
        self._persistor: PTFileModelPersistor | None = None

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Find the persistor."""
        if event_type == EventType.START_RUN:
            self._found(fl_ctx)

    def get_model_names(self, fl_ctx: FLContext) -> list[str]:
        """The names of its files."""
        return list(self._found(fl_ctx).get_model_inventory(fl_ctx))

    def locate_model(self, model_name: str, fl_ctx: FLContext) -> DXO | None:
        """One of them."""
        found = self._found(fl_ctx).get(model_name, fl_ctx)
        return None if found is None else model_learnable_to_dxo(found)

    def _found(self, fl_ctx: FLContext) -> PTFileModelPersistor:
        if self._persistor is None:
            engine = fl_ctx.get_engine()
            found = engine.get_component(self.pt_persistor_id)
            if not isinstance(found, PTFileModelPersistor):
                raise errors.ComponentUnknown(
                    self.pt_persistor_id, list(engine.get_all_components()), "PTFileModelPersistor"
                )
            self._persistor = found
        return self._persistor


def _array(tensor: Any) -> Any:
    """A tensor as an array of its own; bfloat16, which NumPy lacks, as float32."""
    import torch

    if not isinstance(tensor, torch.Tensor):
        return tensor
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return tensor.detach().cpu().numpy().copy()
