"""What a training script tells of itself: metrics, parameters, tags, texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class AnalyticsDataType(Enum):
    """What kind of thing is recorded."""

    SCALARS = "SCALARS"
    SCALAR = "SCALAR"
    IMAGE = "IMAGE"
    TEXT = "TEXT"
    LOG_RECORD = "LOG_RECORD"
    PARAMETER = "PARAMETER"
    PARAMETERS = "PARAMETERS"
    METRIC = "METRIC"
    METRICS = "METRICS"
    MODEL = "MODEL"
    TAG = "TAG"
    TAGS = "TAGS"
    INIT_DATA = "INIT_DATA"


class LogWriterName(Enum):
    """Whose interface a record came through."""

    TORCH_TB = "TORCH_TENSORBOARD"
    MLFLOW = "MLFLOW"
    WANDB = "WEIGHTS_AND_BIASES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing recorded, as the script said it."""

    key: str
    value: object
    kind: AnalyticsDataType
    step: int | None = None
    extra: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """What else was said: `writer`, `path` of a text, and the like."""

    def numbers(self) -> Iterator[tuple[str, float]]:
        """The metrics in it by their full names; nothing if it tells none.

        `SCALARS` are named `KEY/NAME`, as TensorBoard shows them; `METRICS` by their own names.
        """
        match self.kind, self.value:
            case ((AnalyticsDataType.SCALAR | AnalyticsDataType.METRIC), value):
                yield self.key, as_float(value)
            case AnalyticsDataType.SCALARS, {**values}:
                for name, value in values.items():
                    yield f"{self.key}/{name}", as_float(value)
            case AnalyticsDataType.METRICS, {**values}:
                for name, value in values.items():
                    yield str(name), as_float(value)

    def words(self) -> Iterator[tuple[str, str]]:
        """The parameters and tags in it; nothing if it tells none."""
        match self.kind, self.value:
            case ((AnalyticsDataType.PARAMETER | AnalyticsDataType.TAG), value):
                yield self.key, str(value)
            case ((AnalyticsDataType.PARAMETERS | AnalyticsDataType.TAGS), {**values}):
                for name, value in values.items():
                    yield str(name), str(value)


def as_float(value: object) -> float:
    """A number, or an array or tensor that holds one.

    Raises:
        TypeError: it is neither.
        ValueError: it is neither.

    """
    item = getattr(value, "item", None)
    return float(item() if callable(item) else value)  # type: ignore[arg-type]  # float() judges it
