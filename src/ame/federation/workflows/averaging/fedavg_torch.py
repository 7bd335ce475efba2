"""Federated averaging whose model is kept as PyTorch keeps it, where there is no persistor."""

from pathlib import Path

from ame import errors
from ame.federation.components.persistors.files import write
from ame.federation.model import FLModel, ParamsType
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
