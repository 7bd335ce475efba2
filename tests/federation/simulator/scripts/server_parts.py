"""The server's side of the tests' jobs: a model of zeros, averaged, and kept in a file."""

from pathlib import Path
from typing import Any

import numpy as np

from ame.federation.spec.context import FLContext
from ame.federation.spec.learnable import ModelLearnable, ModelPersistor, make_model_learnable
from ame.federation.workflows.averaging.fedavg import FedAvg


class Averages(FedAvg):
    """Federated averaging."""


class Keeps(ModelPersistor):
    """Writes the model of every round to `model.npz` in the server's folder of the job."""

    def __init__(self, size: int = 8) -> None:
        super().__init__()
        self.size = size

    def load_model(self, fl_ctx: FLContext) -> ModelLearnable:
        return make_model_learnable({"w": np.zeros(self.size, np.float64)}, {})

    def save_model(self, model: ModelLearnable, fl_ctx: FLContext) -> None:
        weights: dict[str, Any] = model["weights"]
        folder = Path(fl_ctx.get_engine().get_workspace().get_app_dir("simulate_job"))
        np.savez(folder / "model.npz", **weights)
