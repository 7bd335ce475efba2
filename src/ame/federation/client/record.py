"""What a training script tells of itself: metrics, parameters, tags, texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from ame.federation.spec.analytics import (
    AnalyticsData,
    AnalyticsDataType,
    LogWriterName,
    TrackConst,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN = ("writer", "key", "value", "data_type", "sender")
"""What is said of a record elsewhere than in its `extra`, for components."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing recorded, as the script said it."""

    key: str
    value: object
    kind: AnalyticsDataType
    step: int | None = None
    extra: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """What else was said: `writer`, `path` of a text, and the like."""

    @classmethod
    def of(
        cls, key: str, value: object, kind: AnalyticsDataType, extra: Mapping[str, object]
    ) -> Record:
        """What a script said, in plain values: numbers become floats, parameters and tags text.

        `global_step` among the `extra` is the step.

        Raises:
            TypeError: a metric is no number, or several are no mapping.
            ValueError: a metric is no number.

        """
        rest = dict(extra)
        step = rest.pop("global_step", None)
        match kind:
            case AnalyticsDataType.SCALAR | AnalyticsDataType.METRIC:
                value = as_float(value)
            case AnalyticsDataType.SCALARS | AnalyticsDataType.METRICS:
                value = {str(name): as_float(one) for name, one in _mapping(key, value).items()}
            case AnalyticsDataType.PARAMETERS | AnalyticsDataType.TAGS:
                value = {str(name): str(one) for name, one in _mapping(key, value).items()}
            case AnalyticsDataType.PARAMETER | AnalyticsDataType.TAG | AnalyticsDataType.TEXT:
                value = str(value)
        number = None if step is None else int(as_float(step))
        return cls(key=key, value=value, kind=kind, step=number, extra=rest)

    @classmethod
    def told(cls, data: AnalyticsData) -> Record:
        """What a component said."""
        return cls.of(data.tag, data.value, data.data_type, {**data.kwargs, "writer": data.sender})

    def data(self) -> AnalyticsData:
        """The same, as components hear it."""
        extra = {key: value for key, value in self.extra.items() if key not in _OWN}
        if self.step is not None and self.step >= 0:
            extra[TrackConst.GLOBAL_STEP_KEY] = self.step
        sender = LogWriterName(self.extra.get("writer", LogWriterName.TORCH_TB))
        return AnalyticsData(self.key, self.value, self.kind, sender, **extra)

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


def _mapping(key: str, value: object) -> Mapping[object, object]:
    if not isinstance(value, Mapping):
        message = f"`{key}` takes several values by name (a dict), not {type(value).__name__}"
        raise TypeError(message)
    return value


def as_float(value: object) -> float:
    """A number, or an array or tensor that holds one.

    Raises:
        TypeError: it is neither.
        ValueError: it is neither.

    """
    item = getattr(value, "item", None)
    return float(item() if callable(item) else value)  # type: ignore[arg-type]  # float() judges it
