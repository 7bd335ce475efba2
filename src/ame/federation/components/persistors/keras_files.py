"""Keras models in files: weights alone, as `.weights.h5`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ame import errors
from ame.federation.components.persistors.files import app_folder, source
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

MARK = "_nvf_"
"""Between a layer's name and the place of an array in its weights, where they are made flat."""


class TFModelPersistor(ModelPersistor):
    """Keeps the weights of a Keras model in the server's app folder.

    Sites are sent one array for each of a layer's weights, called `LAYER_nvf_0` and so on.
    """

    def __init__(
        self,
        model: Any = None,
        save_name: str = "tf_model.weights.h5",
        filter_id: str | None = None,
        source_ckpt_file_full_name: str | None = None,
    ) -> None:
        """How a job's model is loaded and saved.

        Args:
            model: a Keras model, or `{"path", "args"}`. One that is not built says by its attribute
                `_input_shape` how to.
            save_name: the file. If it is there at the beginning, the job begins with it.
            filter_id: a `PersistorFilter` that models go through.
            source_ckpt_file_full_name: a file to begin with before all else.
        """
        super().__init__(filter_id)
        self.model = model
        self.save_name = save_name
        self.source_ckpt_file_full_name = source_ckpt_file_full_name

    def load_model(self, fl_ctx: FLContext) -> ModelLearnable:
        """The weights of the file, or of the model.

        Raises:
            errors.ModelUnfit: there is no Keras model, or it cannot be built.
            errors.SourceMissing, errors.SourceUnusable: a file is missing, or does not fit it.
        """
        self._find(fl_ctx)
        if self.source_ckpt_file_full_name:
            self._read(source(self.source_ckpt_file_full_name, fl_ctx, self.name))
        elif self._file(fl_ctx).exists():
            self._read(self._file(fl_ctx))
        return make_model_learnable(flat(self.model), {})

    def save_model(self, model: ModelLearnable, fl_ctx: FLContext) -> None:
        """Give the model these weights, and keep them."""
        fill(self.model, model[ModelLearnableKey.WEIGHTS])
        self.model.save_weights(str(self._file(fl_ctx)))

    def get_model_inventory(self, fl_ctx: FLContext) -> dict[str, ModelDescriptor]:
        """The source and the last model, by the names of their files."""
        found = {}
        if self.source_ckpt_file_full_name and Path(self.source_ckpt_file_full_name).exists():
            path = Path(self.source_ckpt_file_full_name)
            found[path.name] = ModelDescriptor(
                str(path), str(path), "TensorFlow", {"source": "initial_ckpt"}
            )
        file = self._file(fl_ctx)
        if file.exists():
            found[file.name] = ModelDescriptor(self.save_name, str(file), "TensorFlow", {})
        return found

    def get_model(self, model_file: str, fl_ctx: FLContext) -> ModelLearnable | None:
        """One of them, or None."""
        found = self.get_model_inventory(fl_ctx).get(model_file)
        if found is None:
            return None
        self._read(Path(found.location))
        return make_model_learnable(flat(self.model), {})

    def _find(self, fl_ctx: FLContext) -> None:
        if isinstance(self.model, Mapping):
            self.model = fl_ctx.get_engine().build_component(dict(self.model))
        elif isinstance(self.model, str):
            self.model = fl_ctx.get_engine().get_component(self.model)
        if not all(hasattr(self.model, each) for each in ("layers", "get_weights", "built")):
            raise errors.ModelUnfit(self.name, "a Keras model", self.model)
        if not self.model.built:
            shape = getattr(self.model, "_input_shape", None)
            if shape is None:
                wanted = "a built Keras model, or one with `_input_shape`"
                raise errors.ModelUnfit(self.name, wanted, self.model)
            self.model.build(input_shape=shape)

    def _file(self, fl_ctx: FLContext) -> Path:
        return app_folder(fl_ctx) / self.save_name

    def _read(self, file: Path) -> None:
        """Give the model the weights of a file: of weights alone, or of a whole model."""
        try:
            if file.suffix == ".keras" or not file.name.endswith(".weights.h5"):
                import keras  # type: ignore[import-untyped]  # it has no types

                self.model.set_weights(keras.models.load_model(str(file)).get_weights())
            else:
                self.model.load_weights(str(file))
        except (ValueError, OSError, KeyError) as error:
            raise errors.SourceUnusable(self.name, file, str(error).split("\n")[0]) from error


class TFFileModelLocator(ModelLocator):
    """Finds the models of a `TFModelPersistor`."""

    def __init__(self, tf_persistor_id: str) -> None:
        super().__init__()
        self.tf_persistor_id = tf_persistor_id

    def get_model_names(self, fl_ctx: FLContext) -> list[str]:
        """The names of its files."""
        return list(self._found(fl_ctx).get_model_inventory(fl_ctx))

    def locate_model(self, model_name: str, fl_ctx: FLContext) -> DXO | None:
        """One of them."""
        found = self._found(fl_ctx).get(model_name, fl_ctx)
        return None if found is None else model_learnable_to_dxo(found)

    def _found(self, fl_ctx: FLContext) -> TFModelPersistor:
        engine = fl_ctx.get_engine()
        found = engine.get_component(self.tf_persistor_id)
        if not isinstance(found, TFModelPersistor):
            raise errors.ComponentUnknown(
                self.tf_persistor_id, list(engine.get_all_components()), "TFModelPersistor"
            )
        return found


def flat(model: Any) -> dict[str, Any]:
    """A Keras model's weights: one array for each of a layer's."""
    return {
        f"{layer.name}{MARK}{place}": array
        for layer in model.layers
        for place, array in enumerate(layer.get_weights())
    }


def fill(model: Any, weights: Mapping[str, Any]) -> None:
    """Give a Keras model what `flat` made; layers of which nothing is there stay as they are."""
    layers: dict[str, dict[int, Any]] = {}
    for key, array in weights.items():
        name, _, place = key.rpartition(MARK)
        layers.setdefault(name, {})[int(place)] = array
    for name, arrays in layers.items():
        model.get_layer(name=name).set_weights([arrays[place] for place in sorted(arrays)])
