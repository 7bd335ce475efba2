"""Models of any framework in safetensors files."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ame import errors
from ame.federation.components.persistors.files import app_folder, source, write
from ame.federation.spec.context import FLContext
from ame.federation.spec.learnable import (
    ModelDescriptor,
    ModelLearnable,
    ModelLearnableKey,
    ModelPersistor,
    make_model_learnable,
)
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import AppEventType


class SafetensorsModelPersistor(ModelPersistor):
    """Keeps arrays by name in a safetensors file of the server's app folder; the best beside it."""

    def __init__(
        self,
        model: dict[str, Any] | None = None,
        save_name: str = "global_model.safetensors",
        best_save_name: str = "best_global_model.safetensors",
        source_ckpt_file_full_name: str | None = None,
        filter_id: str | None = None,
    ) -> None:
        """`model`: arrays to begin with, if there is no source."""
        super().__init__(filter_id)
        self.model = model
        self.save_name = save_name
        self.best_save_name = best_save_name
        self.source_ckpt_file_full_name = source_ckpt_file_full_name

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Keep the model of the round's beginning when it proves to be the best."""
        if event_type == AppEventType.GLOBAL_BEST_MODEL_AVAILABLE:
            model = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL)
            if model is not None:
                self._write(model, app_folder(fl_ctx) / self.best_save_name)

    def load_model(self, fl_ctx: FLContext) -> ModelLearnable:
        """The arrays of the source, or of the model.

        Raises:
            errors.SourceMissing, errors.SourceUnusable: the source is missing, or damaged.
        """
        if self.source_ckpt_file_full_name:
            file = source(self.source_ckpt_file_full_name, fl_ctx, self.name)
            return make_model_learnable(self._read(file), {})
        arrays = {key: np.asarray(each) for key, each in (self.model or {}).items()}
        return make_model_learnable(arrays, {})

    def save_model(self, model: ModelLearnable, fl_ctx: FLContext) -> None:
        """Keep the arrays as the last."""
        self._write(model, app_folder(fl_ctx) / self.save_name)

    def get_model_inventory(self, fl_ctx: FLContext) -> dict[str, ModelDescriptor]:
        """The last and the best model, by the names of their files."""
        paths = (app_folder(fl_ctx) / name for name in (self.save_name, self.best_save_name))
        return {
            path.name: ModelDescriptor(path.name, str(path), "safetensors")
            for path in paths
            if path.exists()
        }

    def get_model(self, model_file: str, fl_ctx: FLContext) -> ModelLearnable | None:
        """One of them, or None."""
        found = self.get_model_inventory(fl_ctx).get(model_file)
        return None if found is None else make_model_learnable(self._read(Path(found.location)), {})

    def _read(self, file: Path) -> dict[str, Any]:
        from safetensors import SafetensorError, numpy

        try:
            return dict(numpy.load_file(file))
        except (SafetensorError, OSError) as error:
            raise errors.SourceUnusable(self.name, file, str(error)) from error

    def _write(self, model: ModelLearnable, file: Path) -> None:
        from safetensors.numpy import save_file

        weights = model[ModelLearnableKey.WEIGHTS]
        arrays = {key: np.ascontiguousarray(each) for key, each in weights.items()}
        meta = model.get(ModelLearnableKey.META) or {}
        about = {str(key): json.dumps(each, default=str) for key, each in meta.items()}
        write(file, lambda path: save_file(arrays, path, metadata=about))
