"""NumPy models in files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ame import errors
from ame.federation.components.persistors.files import run_folder, source, within, write
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.learnable import (
    ModelDescriptor,
    ModelLearnable,
    ModelLearnableKey,
    ModelLocator,
    ModelPersistor,
    make_model_learnable,
)
from ame.federation.spec.names.app import AppConstants, NPConstants
from ame.federation.spec.names.events import AppEventType

_DEFAULT = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


class NPModelPersistor(ModelPersistor):
    """Keeps one array, under `numpy_key`, in a `.npy` file; several in a `.npz` beside it."""

    def __init__(
        self,
        model_dir: str = AppConstants.DEFAULT_MODEL_DIR,
        model_name: str = "server.npy",
        model: Any = None,
        source_ckpt_file_full_name: str | None = None,
    ) -> None:
        """How a job's model is loaded and saved.

        Args:
            model_dir: the folder, in that of the run.
            model_name: the file in it. If it is there at the beginning, the job begins with it.
            model: what to begin with else: an array, nested lists (float32), or such by name; the
                numbers 1 to 9, as in FLARE, if there is none.
            source_ckpt_file_full_name: a file to begin with before all else.
        """
        super().__init__()
        self.model_dir = model_dir
        self.model_name = model_name
        self.model = model
        self.source_ckpt_file_full_name = source_ckpt_file_full_name

    def load_model(self, fl_ctx: FLContext) -> ModelLearnable:
        """The arrays of the file, or of the model.

        Raises:
            errors.SourceMissing, errors.SourceUnusable: a file is missing, or holds no arrays.
        """
        if self.source_ckpt_file_full_name:
            file = source(self.source_ckpt_file_full_name, fl_ctx, self.name)
            return make_model_learnable(_read(file, self.name), {})
        found = _found(self._file(fl_ctx), self.name)
        if found is not None:
            return make_model_learnable(found, {})
        given = _DEFAULT if self.model is None else self.model
        arrays = given if isinstance(given, Mapping) else {NPConstants.NUMPY_KEY: given}
        return make_model_learnable({key: _array(each) for key, each in arrays.items()}, {})

    def save_model(self, model: ModelLearnable, fl_ctx: FLContext) -> None:
        """Keep the arrays."""
        _keep(self._file(fl_ctx), model[ModelLearnableKey.WEIGHTS])

    def get_model_from_location(self, location: str, fl_ctx: FLContext) -> ModelLearnable:
        """The arrays of a file, which lies among the job's code if its path is not whole."""
        return make_model_learnable(_read(source(location, fl_ctx, self.name), self.name), {})

    def _file(self, fl_ctx: FLContext) -> Path:
        return within(run_folder(fl_ctx), f"{self.model_dir}/{self.model_name}")


class NPFileModelPersistor(ModelPersistor):
    """The same of the last model and of the best, each in a file of its own: for peers."""

    def __init__(
        self,
        last_global_model_file_name: str = "last_global_model.npy",
        best_global_model_file_name: str = "best_global_model.npy",
        model_dir: str = AppConstants.DEFAULT_MODEL_DIR,
        model_file_name: str = "model.npy",
        source_ckpt_file_full_name: str | None = None,
        initial_model_file_name: str | None = None,
    ) -> None:
        """How a model is loaded and saved.

        Args:
            last_global_model_file_name: where the last model is kept.
            best_global_model_file_name: where the best model is kept.
            model_dir: the folder of them all, in that of the run.
            model_file_name: what to begin with, if it is there; else with the numbers 1 to 9.
            source_ckpt_file_full_name: a file to begin with before all else.
            initial_model_file_name: what FLARE 2.7 calls `model_file_name`.
        """
        super().__init__()
        self.last_global_model_file_name = last_global_model_file_name
        self.best_global_model_file_name = best_global_model_file_name
        self.model_dir = model_dir
        self.model_file_name = model_file_name
        self.source_ckpt_file_full_name = source_ckpt_file_full_name
        self.initial_model_file_name = initial_model_file_name

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Keep the model of the round's beginning when it proves to be the best."""
        if event_type == AppEventType.GLOBAL_BEST_MODEL_AVAILABLE:
            model = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL)
            if model is not None:
                file = self._file(self.best_global_model_file_name, fl_ctx)
                _keep(file, model[ModelLearnableKey.WEIGHTS])

    def load_model(self, fl_ctx: FLContext) -> ModelLearnable:
        """The arrays of the file.

        Raises:
            errors.SourceMissing, errors.SourceUnusable: a file is missing, or holds no arrays.
        """
        if self.source_ckpt_file_full_name:
            file = source(self.source_ckpt_file_full_name, fl_ctx, self.name)
            return make_model_learnable(_read(file, self.name), {})
        name = self.initial_model_file_name or self.model_file_name
        found = _found(self._file(name, fl_ctx), self.name)
        return make_model_learnable(found or {NPConstants.NUMPY_KEY: _array(_DEFAULT)}, {})

    def save_model(self, model: ModelLearnable, fl_ctx: FLContext) -> None:
        """Keep it as the last."""
        file = self._file(self.last_global_model_file_name, fl_ctx)
        _keep(file, model[ModelLearnableKey.WEIGHTS])

    def get_model_inventory(self, fl_ctx: FLContext) -> dict[str, ModelDescriptor]:
        """The best and the last model, by the names of their files without the suffix."""
        files = [
            self._file(name, fl_ctx)
            for name in (self.best_global_model_file_name, self.last_global_model_file_name)
        ]
        return {
            file.stem: ModelDescriptor(file.stem, str(file), "np", {})
            for file in files
            if file.exists() or file.with_suffix(".npz").exists()
        }

    def get_model(self, model_file: str, fl_ctx: FLContext) -> ModelLearnable | None:
        """One of the inventory, or None."""
        kept = self.get_model_inventory(fl_ctx).get(model_file)
        found = None if kept is None else _found(Path(kept.location), self.name)
        return None if found is None else make_model_learnable(found, {})

    def _file(self, name: str, fl_ctx: FLContext) -> Path:
        return within(run_folder(fl_ctx), f"{self.model_dir}/{name}")


class NPModelLocator(ModelLocator):
    """Finds models that are `.npy` or `.npz` files."""

    SERVER_MODEL_NAME = "server"

    def __init__(
        self,
        model_dir: str = AppConstants.DEFAULT_MODEL_DIR,
        model_name: str | dict[str, str] | None = "server.npy",
    ) -> None:
        """`model_name`: the file of the model called `server`, or files by the models' names."""
        super().__init__()
        self.model_dir = model_dir
        if model_name is not None and not isinstance(model_name, (str, dict)):
            message = f"model_name must be a str or a dict, not {type(model_name).__name__}"
            raise ValueError(message)
        self.model_name = (
            model_name
            if isinstance(model_name, dict)
            else {self.SERVER_MODEL_NAME: model_name or "server.npy"}
        )

    def get_model_names(self, fl_ctx: FLContext) -> list[str]:
        """The names that were given."""
        return list(self.model_name)

    def locate_model(self, model_name: str, fl_ctx: FLContext) -> DXO | None:
        """One of them, or None if its file is not there."""
        name = self.model_name.get(model_name)
        if name is None:
            return None
        path = Path(name)
        file = path if path.is_absolute() else run_folder(fl_ctx) / self.model_dir / name
        found = _found(file, self.name)
        if found is not None:
            return DXO(DataKind.WEIGHTS, data=found, meta={})
        self.log_error(fl_ctx, f"there is no model file {file}")
        return None


def _array(given: Any) -> np.ndarray[Any, Any]:
    return given.copy() if isinstance(given, np.ndarray) else np.array(given, dtype=np.float32)


def _found(file: Path, component: str) -> dict[str, Any] | None:
    """The arrays that were kept under this name; None if there are none."""
    for each in (file, file.with_suffix(".npz")):
        if each.exists():
            return _read(each, component)
    return None


def _keep(file: Path, weights: Mapping[str, Any]) -> None:
    if set(weights) == {NPConstants.NUMPY_KEY}:
        write(file, lambda path: _save(path, weights[NPConstants.NUMPY_KEY]))
    else:
        write(file.with_suffix(".npz"), lambda path: _save_all(path, weights))


def _read(file: Path, component: str) -> dict[str, Any]:
    try:
        data = np.load(file, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise errors.SourceUnusable(component, file, str(error)) from error
    if isinstance(data, np.ndarray):
        return {NPConstants.NUMPY_KEY: data}
    with data:
        return {key: data[key] for key in data.files}


def _save(path: Path, array: Any) -> None:
    with path.open("wb") as file:
        np.save(file, np.asarray(array), allow_pickle=False)


def _save_all(path: Path, arrays: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(
            file, allow_pickle=False, **{key: np.asarray(each) for key, each in arrays.items()}
        )
