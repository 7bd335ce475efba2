"""Components that tell metrics, with the calls of TensorBoard, MLflow and W&B.

They are for executors and learners of a job. What scripts write with is in `client.tracking`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.receivers.streaming import AnalyticsSender
from ame.federation.spec.analytics import ANALYTIC_EVENT_TYPE, AnalyticsDataType, LogWriterName
from ame.federation.spec.component import FLComponent
from ame.federation.spec.names.events import EventType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.federation.spec.context import FLContext


class LogWriter(FLComponent, ABC):
    """Tells by a sender of its own, or by one that the job has."""

    def __init__(
        self, event_type: str = ANALYTIC_EVENT_TYPE, metrics_sender_id: str | None = None
    ) -> None:
        """`event_type`: what its own sender fires; `metrics_sender_id`: a sender of the job."""
        super().__init__()
        self.event_type = event_type
        self.metrics_sender_id = metrics_sender_id
        self.sender: Any = None

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Find its sender when the run begins."""
        if event_type != EventType.ABOUT_TO_START_RUN:
            return
        engine = fl_ctx.get_engine()
        if self.metrics_sender_id is None:
            self.sender = AnalyticsSender(self.event_type, self.get_writer_name())
        else:
            self.sender = engine.get_component(self.metrics_sender_id)
            if not isinstance(self.sender, AnalyticsSender):
                raise errors.ComponentUnknown(
                    self.metrics_sender_id, list(engine.get_all_components()), "AnalyticsSender"
                )
            self.sender.writer = self.get_writer_name()
        self.sender.engine = engine

    def write(
        self,
        tag: str,
        value: Any,
        data_type: AnalyticsDataType,
        global_step: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Tell one thing.

        Raises:
            RuntimeError: the run has not begun.
            TypeError, ValueError: it is not what `data_type` says, or the step is none.
        """
        if self.sender is None:
            message = f"`{tag}` is written before the run has begun; write while a task is done"
            raise RuntimeError(message)
        self.sender.add(
            tag=tag, value=value, data_type=data_type, global_step=global_step, **kwargs
        )

    @abstractmethod
    def get_writer_name(self) -> LogWriterName:
        """In whose words it speaks."""

    def get_default_metric_data_type(self) -> AnalyticsDataType:
        """As what several numbers are told."""
        return AnalyticsDataType.METRICS


class _Own(LogWriter):
    """One whose only setting is the event."""

    def __init__(self, event_type: str = ANALYTIC_EVENT_TYPE) -> None:
        super().__init__(event_type)


class TBWriter(_Own):
    """As TensorBoard's `SummaryWriter`."""

    def get_writer_name(self) -> LogWriterName:
        """TensorBoard's."""
        return LogWriterName.TORCH_TB

    def get_default_metric_data_type(self) -> AnalyticsDataType:
        """As what several numbers are told."""
        return AnalyticsDataType.SCALARS

    def add_scalar(
        self, tag: str, scalar: float, global_step: int | None = None, **kwargs: Any
    ) -> None:
        """Tell one number."""
        self.write(tag, scalar, AnalyticsDataType.SCALAR, global_step, **kwargs)

    def add_scalars(
        self, tag: str, scalars: dict[str, float], global_step: int | None = None, **kwargs: Any
    ) -> None:
        """Tell several numbers, each as `TAG/NAME`."""
        self.write(tag, scalars, AnalyticsDataType.SCALARS, global_step, **kwargs)

    def flush(self) -> None:
        """Nothing waits here."""


class MLflowWriter(_Own):
    """As the module `mlflow`."""

    def get_writer_name(self) -> LogWriterName:
        """MLflow's."""
        return LogWriterName.MLFLOW

    def log_param(self, key: str, value: Any) -> None:
        """Tell a parameter."""
        self.write(key, value, AnalyticsDataType.PARAMETER)

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Tell several parameters."""
        self.write("params", dict(values), AnalyticsDataType.PARAMETERS)

    def log_metric(self, key: str, value: float, step: int | None = None) -> None:
        """Tell one number."""
        self.write(key, value, AnalyticsDataType.METRIC, step)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Tell several numbers, each under its own name."""
        self.write("metrics", dict(metrics), AnalyticsDataType.METRICS, step)

    def log_text(self, text: str, artifact_file_path: str) -> None:
        """Tell a text that is to be a file of that name."""
        self.write("text", text, AnalyticsDataType.TEXT, path=artifact_file_path)

    def set_tag(self, key: str, tag: Any) -> None:
        """Tell a tag."""
        self.write(key, tag, AnalyticsDataType.TAG)

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Tell several tags."""
        self.write("tags", dict(tags), AnalyticsDataType.TAGS)


class WandBWriter(_Own):
    """As W&B's run."""

    def get_writer_name(self) -> LogWriterName:
        """W&B's."""
        return LogWriterName.WANDB

    def log(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Tell several numbers, each under its own name."""
        self.write("metrics", dict(metrics), AnalyticsDataType.METRICS, step)
