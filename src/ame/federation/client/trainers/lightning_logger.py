"""Lightning's `log`, told to the job: `Trainer(logger=ClientLogger())`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ame.federation.client.tracking import MLflowWriter

if TYPE_CHECKING:
    from collections.abc import Mapping


class ClientLogger:
    """A logger of either Lightning: what a module logs goes to the run, beside other sites'."""

    def __init__(self, prefix: str = "") -> None:
        """`prefix`: before each metric's name, with a `-` between them."""
        self._prefix = f"{prefix}-" if prefix else ""

    name = "ame"
    version = "0"
    root_dir = save_dir = log_dir = group_separator = None

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Records numbers."""
        told = {f"{self._prefix}{name}": float(each) for name, each in metrics.items()}
        MLflowWriter().log_metrics(told, step)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002  # Lightning's
        """Records parameters, as text."""
        given = params if isinstance(params, dict) else vars(params)
        MLflowWriter().log_params({key: str(each) for key, each in given.items()})

    def log_graph(self, model: Any, input_array: Any = None) -> None:
        """A graph is not recorded."""

    def save(self) -> None:
        """Nothing waits here."""

    def finalize(self, status: str = "success") -> None:
        """Nothing is open here."""

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Checkpoints are Lightning's own affair."""


logger = ClientLogger
