"""Ditto: a site keeps a model of its own near the one of all.

Li et al. 2021, "Ditto: Fair and Robust Federated Learning Through Personalization", equation
(Ditto): the site's v minimizes F(v) + λ/2 ‖v - w‖².
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ame.federation.components.persistors.files import write
from ame.federation.spec.task import Signal
from ame.federation.training.fedprox import PTFedProxLoss


class PTDittoHelper(ABC):
    """Keeps a site's own model between rounds, in the folder of its app."""

    def __init__(
        self,
        criterion: Any,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        device: torch.device | str | None,
        app_dir: str,
        ditto_lambda: float = 0.1,
        model_epochs: int = 1,
    ) -> None:
        """`ditto_lambda`: how near; `model_epochs`: how long the site's own model is trained.

        Raises:
            ValueError: the model or the optimizer is none of torch's.
        """
        if not isinstance(model, torch.nn.Module):
            message = f"model must be a torch.nn.Module, not {type(model).__name__}"
            raise ValueError(message)  # noqa: TRY004 (as FLARE's callers expect)
        if not isinstance(optimizer, torch.optim.Optimizer):
            message = f"optimizer must be one of torch's, not {type(optimizer).__name__}"
            raise ValueError(message)  # noqa: TRY004 (the same)
        self.criterion = criterion
        self.model = model
        self.optimizer = optimizer
        self.device = torch.device(device or "cpu")
        self.model_epochs = model_epochs
        self.prox_criterion = PTFedProxLoss(mu=ditto_lambda)
        self.epoch_global = 0
        self.epoch_of_start_time = 0
        self.best_metric: float = 0
        self.model_file_path = str(Path(app_dir) / "personalized_model.pt")
        self.best_model_file_path = str(Path(app_dir) / "best_personalized_model.pt")

    def load_model(self, global_weights: Mapping[str, Any]) -> None:
        """The site's own model of the round before; in the first round that of all."""
        file = Path(self.model_file_path)
        self.epoch_of_start_time = 0
        if file.exists():
            data = torch.load(file, weights_only=True)
            self.model.load_state_dict(data["model"])
            self.epoch_of_start_time = data["epoch"]
        else:
            self.model.load_state_dict(
                {key: torch.as_tensor(each) for key, each in global_weights.items()}
            )
        if Path(self.best_model_file_path).exists():
            self.best_metric = torch.load(self.best_model_file_path, weights_only=True)[
                "best_metric"
            ]

    def save_model(self, is_best: bool = False) -> None:
        """Keep the site's own model."""
        data: dict[str, Any] = {"model": self.model.state_dict(), "epoch": self.epoch_global}
        if is_best:
            data["best_metric"] = self.best_metric
        file = Path(self.best_model_file_path if is_best else self.model_file_path)
        write(file, lambda path: torch.save(data, path))

    def update_metric_save_model(self, metric: float) -> None:
        """Keep it, and as the best if its metric is."""
        self.save_model()
        if metric > self.best_metric:
            self.best_metric = metric
            self.save_model(is_best=True)

    @abstractmethod
    def local_train(
        self,
        train_loader: Any,
        model_global: torch.nn.Module,
        abort_signal: Signal,
        writer: Any,
    ) -> None:
        """Train it, with `prox_criterion(self.model, model_global)` added to the loss."""
