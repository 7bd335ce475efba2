"""Federated averaging whose model is kept as PyTorch keeps it, where there is no persistor."""

from pathlib import Path
from typing import Any

from ame import errors
from ame.federation.components.persistors.files import write
from ame.federation.model import FLModel, ParamsType
from ame.federation.spec.names.app import AppConstants, DefaultCheckpointFileName
from ame.federation.workflows.averaging.fedavg import FedAvg


class PTFedAvg(FedAvg):
    """`FedAvg` that saves a state dict by `torch.save`, and reads it without running code."""

    def save_model_file(self, model: FLModel, filepath: str) -> None:
        """Keep the parameters."""
        import torch

        write(Path(filepath), lambda path: torch.save(model.params, path))

    def load_model_file(self, filepath: str) -> FLModel:
        """What `save_model_file` wrote.

        Raises:
            errors.SourceUnusable: the file holds no parameters.
        """
        import pickle

        import torch

        try:
            params = torch.load(filepath, weights_only=True, map_location="cpu")
        except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, LookupError) as error:
            why = str(error).split("\n", maxsplit=1)[0]
            raise errors.SourceUnusable(self.name, Path(filepath), why) from error
        return FLModel(params_type=ParamsType.FULL, params=params)


class PTFedAvgEarlyStopping(PTFedAvg):
    """The same, by the name and the arguments of FLARE 2.7: it ends when `stop_cond` holds."""

    def __init__(
        self,
        *args: Any,
        stop_cond: str | None = None,
        patience: int | None = None,
        task_to_optimize: str = AppConstants.TASK_TRAIN,
        save_filename: str = DefaultCheckpointFileName.GLOBAL_MODEL,
        initial_model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Arguments beside those of `BaseFedAvg`.

        Args:
            args: those of `BaseModelController`.
            stop_cond: `"accuracy >= 0.9"`: end when the mean of a metric is so.
            patience: end after so many rounds without a better model.
            task_to_optimize: what the sites are to do.
            save_filename: the file in the run's folder where there is no persistor.
            initial_model: what to begin with: an `nn.Module`.
            kwargs: those of `BaseFedAvg` and `BaseModelController`.
        """
        super().__init__(
            *args,
            stop_cond=stop_cond,
            patience=patience,
            task_name=task_to_optimize,
            save_filename=save_filename,
            **kwargs,
        )
        self.task_to_optimize = task_to_optimize
        self.initial_model = initial_model

    def _first_model(self) -> FLModel:
        if self.initial_model is None:
            return super()._first_model()
        return FLModel(params=self.initial_model.state_dict())
