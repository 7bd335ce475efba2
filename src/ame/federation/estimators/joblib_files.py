"""Parameters of estimators in joblib files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.components.persistors.files import app_folder, source, within, write
from ame.federation.spec.learnable import (
    ModelLearnable,
    ModelLearnableKey,
    ModelPersistor,
    make_model_learnable,
)
from ame.federation.spec.names.app import AppConstants

if TYPE_CHECKING:
    from ame.federation.spec.context import FLContext


class JoblibModelParamPersistor(ModelPersistor):
    """Keeps the parameters of an estimator, and begins with its settings.

    joblib's files can hold any code. What is read is the server's own file of this run, or the
    one that the job names; what sites send never is such a file.
    """

    def __init__(
        self,
        initial_params: dict[str, Any] | None = None,
        save_name: str = "model_param.joblib",
        model_path: str | None = None,
    ) -> None:
        """How a job's parameters are loaded and saved.

        Args:
            initial_params: what sites get first, such as `{"n_clusters": 3}`.
            save_name: the file in the app's folder, written in the last round. If it is there at
                the beginning, the job begins with it.
            model_path: a file of the server's to begin with before all else; a whole path.

        Raises:
            errors.JobInvalid (ValueError): the path is not whole.
        """
        super().__init__()
        if model_path is not None and not Path(model_path).is_absolute():
            raise errors.JobInvalid(f"`model_path` is {model_path!r}; give an absolute path")
        self.initial_params = initial_params or {}
        self.save_name = save_name
        self.model_path = model_path

    def load_model(self, fl_ctx: FLContext) -> ModelLearnable:
        """What the file holds, or the settings.

        Raises:
            errors.SourceMissing, errors.SourceUnusable: a file is missing, or holds no parameters.
            errors.JobInvalid (ValueError): there is nothing to begin with.
        """
        file = self._file(fl_ctx)
        if self.model_path is not None:
            file = source(self.model_path, fl_ctx, self.name)
        if file.exists():
            return make_model_learnable(_read(file, self.name), {})
        if not self.initial_params:
            raise errors.JobInvalid(
                f"{self.name} has nothing to begin with; give `initial_params` or `model_path`"
            )
        return make_model_learnable(dict(self.initial_params), {})

    def save_model(self, model: ModelLearnable, fl_ctx: FLContext) -> None:
        """Keep the parameters, after the last round."""
        rounds = fl_ctx.get_prop(AppConstants.NUM_ROUNDS)
        if rounds is not None and fl_ctx.get_prop(AppConstants.CURRENT_ROUND) != rounds - 1:
            return
        from joblib import dump  # type: ignore[import-untyped]  # it has none

        weights = model[ModelLearnableKey.WEIGHTS]
        write(self._file(fl_ctx), lambda path: dump(weights, path, compress=1))

    def _file(self, fl_ctx: FLContext) -> Path:
        return within(app_folder(fl_ctx), self.save_name)


def _read(file: Path, component: str) -> dict[str, Any]:
    import pickle

    from joblib import load

    try:
        found = load(file)
    except (OSError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise errors.SourceUnusable(component, file, str(error)) from error
    if not isinstance(found, dict):
        raise errors.SourceUnusable(component, file, f"it holds a {type(found).__name__}, no dict")
    return found
