"""Writers with the interfaces of TensorBoard, MLflow and W&B: what they are told is recorded here.

A script changes the import of its writer and keeps its calls. Metrics go to the run of the job,
beside those of the other sites.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsFloat

from ame.federation.client import api
from ame.federation.spec.analytics import AnalyticsDataType, LogWriterName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.federation.client.session import Session


class _Writer:
    name: LogWriterName

    def __init__(self, ctx: Session | None = None) -> None:
        """Takes the script's session.

        Raises:
            errors.NotBegun: the script has not said `init()` (a RuntimeError).

        """
        self.ctx = api.current(type(self).__name__, ctx)

    def _log(self, key: str, value: object, kind: AnalyticsDataType, **extra: object) -> None:
        self.ctx.log(key, value, kind, {"writer": self.name.value, **extra})


class SummaryWriter(_Writer):
    """As TensorBoard's. Steps that are not given are not made up."""

    name = LogWriterName.TORCH_TB

    def add_scalar(
        self, tag: str, scalar: SupportsFloat, global_step: int | None = None, **extra: object
    ) -> None:
        """Records one number."""
        self._log(tag, scalar, AnalyticsDataType.SCALAR, global_step=global_step, **extra)

    def add_scalars(
        self,
        tag: str,
        scalars: Mapping[str, SupportsFloat],
        global_step: int | None = None,
        **extra: object,
    ) -> None:
        """Records several numbers, each under `TAG/NAME`."""
        self._log(tag, scalars, AnalyticsDataType.SCALARS, global_step=global_step, **extra)

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None, **extra: object
    ) -> None:
        """Records a text."""
        self._log(tag, text_string, AnalyticsDataType.TEXT, global_step=global_step, **extra)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is open here."""


class WandBWriter(_Writer):
    """As W&B's run."""

    name = LogWriterName.WANDB

    def log(self, metrics: Mapping[str, SupportsFloat], step: int | None = None) -> None:
        """Records several numbers, each under its own name."""
        self._log("metrics", metrics, AnalyticsDataType.METRICS, global_step=step)


class MLflowWriter(_Writer):
    """As the module `mlflow`."""

    name = LogWriterName.MLFLOW

    def log_param(self, key: str, value: object) -> None:
        """Records a parameter, as text."""
        self._log(key, value, AnalyticsDataType.PARAMETER)

    def log_params(self, values: Mapping[str, object]) -> None:
        """Records several parameters, as text."""
        self._log("params", values, AnalyticsDataType.PARAMETERS)

    def log_metric(self, key: str, value: SupportsFloat, step: int | None = None) -> None:
        """Records one number."""
        self._log(key, value, AnalyticsDataType.METRIC, global_step=step)

    def log_metrics(self, metrics: Mapping[str, SupportsFloat], step: int | None = None) -> None:
        """Records several numbers, each under its own name."""
        self._log("metrics", metrics, AnalyticsDataType.METRICS, global_step=step)

    def log_text(self, text: str, artifact_file_path: str) -> None:
        """Records a text that is to be a file of that name."""
        self._log("text", text, AnalyticsDataType.TEXT, path=artifact_file_path)

    def set_tag(self, key: str, tag: object) -> None:
        """Records a tag, as text."""
        self._log(key, tag, AnalyticsDataType.TAG)

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Records several tags, as text."""
        self._log("tags", tags, AnalyticsDataType.TAGS)
