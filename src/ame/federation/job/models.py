"""`PTModel` and `TFModel`: an initial model, with what keeps it."""

from collections.abc import Mapping
from typing import Any

from ame import errors
from ame.federation.job.capture import frameworks
from ame.federation.job.fedjob import FedJob, JobCtx


class PTModel:
    """A PyTorch model, its persistor and its locator. Its weights travel with the job."""

    def __init__(
        self,
        model: Any,
        persistor: Any = None,
        locator: Any = None,
        allow_numpy_conversion: bool = True,
        initial_ckpt: str | None = None,
        best_model_filename: str | None = None,
    ) -> None:
        """Notes the model.

        Args:
            model: a `torch.nn.Module`, or `{"path": "module.Class", "args": {…}}`.
            persistor: what keeps it, instead of a `PTFileModelPersistor`.
            locator: what finds it, instead of a `PTFileModelLocator`.
            allow_numpy_conversion: whether clients are sent NumPy arrays instead of tensors.
            initial_ckpt: a file of the server's to begin with, instead of the model's weights.
            best_model_filename: where the best model is kept.
        """
        self.model = model
        self.persistor = _kept("persistor", persistor, "ModelPersistor")
        self.locator = _kept("locator", locator, "ModelLocator")
        self.settings: dict[str, Any] = {}
        if not allow_numpy_conversion:
            self.settings["allow_numpy_conversion"] = False
        if initial_ckpt:
            self.settings["source_ckpt_file_full_name"] = initial_ckpt
        if best_model_filename:
            self.settings["best_global_model_file_name"] = best_model_filename

    def add_to_fed_job(self, job: FedJob, ctx: JobCtx, **kwargs: Any) -> dict[str, str]:
        """Adds persistor and locator.

        Returns:
            Their ids, as `persistor_id` and `locator_id`.

        Raises:
            errors.JobInvalid (ValueError): the model is none of PyTorch's.
        """
        from ame.federation.components.persistors.torch_files import (
            PTFileModelLocator,
            PTFileModelPersistor,
        )

        job.check_kwargs(kwargs, {})
        if not (frameworks.is_torch_model(self.model) or _described(self.model)):
            raise errors.JobInvalid(
                f"Unable to add {_shown(self.model)} to job with PTModel. Expected a "
                "torch.nn.Module, made: `PTModel(Net())`"
            )
        persistor = self.persistor or PTFileModelPersistor(model=self.model, **self.settings)
        persistor_id = job.add_component("persistor", persistor, ctx)
        locator = self.locator or PTFileModelLocator(pt_persistor_id=persistor_id)
        return {
            "persistor_id": persistor_id,
            "locator_id": job.add_component("locator", locator, ctx),
        }


class TFModel:
    """A Keras model and its persistor. Its weights travel with the job."""

    def __init__(
        self, model: Any = None, persistor: Any = None, initial_ckpt: str | None = None
    ) -> None:
        """Notes the model.

        Args:
            model: a `keras.Model`, or `{"path": "module.Class", "args": {…}}`.
            persistor: what keeps it, instead of a `TFModelPersistor`.
            initial_ckpt: a file of the server's to begin with, instead of the model's weights.
        """
        self.model = model
        self.persistor = _kept("persistor", persistor, "ModelPersistor")
        self.initial_ckpt = initial_ckpt

    def add_to_fed_job(self, job: FedJob, ctx: JobCtx, **kwargs: Any) -> str:
        """Adds the persistor; returns its id.

        Raises:
            errors.JobInvalid (ValueError): the model is none of Keras'.
        """
        from ame.federation.components.persistors.keras_files import TFModelPersistor

        job.check_kwargs(kwargs, {})
        persistor = self.persistor
        if persistor is None:
            if not (frameworks.is_keras_model(self.model) or _described(self.model)):
                raise errors.JobInvalid(
                    f"Unable to add {_shown(self.model)} to job with TFModelPersistor. Expected "
                    "tf.keras.Model, made: `TFModel(Net())`"
                )
            persistor = TFModelPersistor(
                model=self.model, source_ckpt_file_full_name=self.initial_ckpt
            )
        return job.add_component("persistor", persistor, ctx)


def _described(model: object) -> bool:
    return isinstance(model, Mapping) and isinstance(model.get("path"), str)


def _shown(model: object) -> str:
    what = f"class {model.__qualname__}" if isinstance(model, type) else repr(model)
    return f"{what} ({type(model).__name__})"


def _kept(argument: str, given: Any, kind: str) -> Any:
    from ame.federation.spec import learnable

    if given is not None and not isinstance(given, getattr(learnable, kind)):
        raise errors.JobInvalid(f"`{argument}` must be a {kind}, not {type(given).__name__}")
    return given
