"""`AnalyticsData`: a metric, parameter, text or tag that a site or a component tells the job."""

from enum import Enum
from typing import Any, Self

from ame.federation.spec.dxo import DXO, DataKind

ANALYTIC_EVENT_TYPE = "analytix_log_stats"


class LogWriterName(Enum):
    """Whose words a site used."""

    TORCH_TB = "TORCH_TENSORBOARD"
    MLFLOW = "MLFLOW"
    WANDB = "WEIGHTS_AND_BIASES"


class TrackConst:
    """Keys of what is told."""

    TRACKER_KEY = "tracker_key"
    TRACK_KEY = "track_key"
    TRACK_VALUE = "track_value"
    TAG_KEY = "tag_key"
    TAGS_KEY = "tags_key"
    EXP_TAGS_KEY = "tags_key"
    GLOBAL_STEP_KEY = "global_step"
    PATH_KEY = "path"
    DATA_TYPE_KEY = "analytics_data_type"
    KWARGS_KEY = "analytics_kwargs"
    SITE_KEY = "site"
    JOB_ID_KEY = "job_id"


class AnalyticsDataType(Enum):
    """What is told."""

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


_ONE = (AnalyticsDataType.SCALAR, AnalyticsDataType.METRIC)
_MANY = (AnalyticsDataType.SCALARS, AnalyticsDataType.METRICS)
_DICTS = (*_MANY, AnalyticsDataType.PARAMETERS, AnalyticsDataType.TAGS)
_TO_TENSORBOARD = {
    AnalyticsDataType.METRIC: AnalyticsDataType.SCALAR,
    AnalyticsDataType.METRICS: AnalyticsDataType.SCALARS,
}
_FROM_TENSORBOARD = {scalar: metric for metric, scalar in _TO_TENSORBOARD.items()}


class AnalyticsData:
    """One thing that is told, under a name, maybe at a step."""

    def __init__(
        self,
        key: str,
        value: Any,
        data_type: AnalyticsDataType,
        sender: LogWriterName = LogWriterName.TORCH_TB,
        **kwargs: Any,
    ) -> None:
        """`kwargs`: `global_step`, `path`, and what else the writer was given.

        Raises:
            TypeError: `value` is not what `data_type` says, or `key` is no name.
            ValueError: the step is negative.
        """
        if not isinstance(key, str):
            message = f"a metric is named by a str, not {type(key).__name__}"
            raise TypeError(message)
        if not isinstance(data_type, AnalyticsDataType):
            message = f"data_type of `{key}` must be an AnalyticsDataType, not {data_type!r}"
            raise TypeError(message)
        self.tag = key
        self.value = _fit(key, value, data_type)
        self.data_type = data_type
        self.sender = sender
        self.kwargs = kwargs
        self.step: int | None = _step(key, kwargs.get(TrackConst.GLOBAL_STEP_KEY))
        self.path = kwargs.get(TrackConst.PATH_KEY)
        if self.path is not None and not isinstance(self.path, str):
            message = f"path of `{key}` must be a str, not {type(self.path).__name__}"
            raise TypeError(message)

    def to_dxo(self) -> DXO:
        """As a DXO of kind `ANALYTIC`."""
        data: dict[str, Any] = {TrackConst.TRACK_KEY: self.tag, TrackConst.TRACK_VALUE: self.value}
        if self.step is not None:
            data[TrackConst.GLOBAL_STEP_KEY] = self.step
        if self.path:
            data[TrackConst.PATH_KEY] = self.path
        if self.kwargs:
            data[TrackConst.KWARGS_KEY] = self.kwargs
        meta = {TrackConst.DATA_TYPE_KEY: self.data_type, TrackConst.TRACKER_KEY: self.sender}
        return DXO(DataKind.ANALYTIC, data=data, meta=meta)

    @classmethod
    def from_dxo(cls, dxo: DXO, receiver: LogWriterName = LogWriterName.TORCH_TB) -> Self | None:
        """What `to_dxo` made, in the words of `receiver`.

        Raises:
            TypeError, ValueError: it is no DXO, or an empty one.
        """
        if not isinstance(dxo, DXO):
            message = f"a DXO is needed, not a {type(dxo).__name__}"
            raise TypeError(message)
        if not dxo.data:
            raise ValueError("the DXO holds nothing that was told")
        kind = dxo.get_meta_prop(TrackConst.DATA_TYPE_KEY)
        if kind is None:
            return None
        kind = AnalyticsDataType(kind)
        sender = LogWriterName(dxo.get_meta_prop(TrackConst.TRACKER_KEY) or receiver)
        if sender != receiver and LogWriterName.TORCH_TB in {sender, receiver}:
            words = _TO_TENSORBOARD if receiver == LogWriterName.TORCH_TB else _FROM_TENSORBOARD
            kind = words.get(kind, kind)
        rest = dict(dxo.data.get(TrackConst.KWARGS_KEY) or {})
        if dxo.data.get(TrackConst.GLOBAL_STEP_KEY) is not None:
            rest[TrackConst.GLOBAL_STEP_KEY] = dxo.data[TrackConst.GLOBAL_STEP_KEY]
        return cls(
            dxo.data[TrackConst.TRACK_KEY], dxo.data[TrackConst.TRACK_VALUE], kind, sender, **rest
        )

    def __str__(self) -> str:
        return f"{self.tag}={self.value!r} ({self.data_type.value}, step {self.step})"


def _fit(key: str, value: Any, kind: AnalyticsDataType) -> Any:
    if kind in _ONE:
        return _number(key, value)
    if kind in _DICTS and not isinstance(value, dict):
        message = f"`{key}` must be a dict, not {type(value).__name__}"
        raise TypeError(message)
    if kind in _MANY:
        return {name: _number(f"{key}.{name}", one) for name, one in value.items()}
    if kind == AnalyticsDataType.TEXT and not isinstance(value, str):
        message = f"`{key}` must be a str, not {type(value).__name__}"
        raise TypeError(message)
    return value


def _number(key: str, value: Any) -> int | float:
    if not isinstance(value, (int, float)):
        item = getattr(value, "item", None)
        if callable(item) and tuple(getattr(value, "shape", ())) == ():
            value = item()
    if not isinstance(value, (int, float)):
        message = f"`{key}` must be a number, not {type(value).__name__}"
        raise TypeError(message)
    return value


def _step(key: str, value: Any) -> int | None:
    if value is None:
        return None
    step = _number(f"step of {key}", value)
    if not isinstance(step, int):
        message = f"the step of `{key}` must be an int, not {type(value).__name__}"
        raise TypeError(message)
    if step < 0:
        message = f"the step of `{key}` must be 0 or more, not {step}"
        raise ValueError(message)
    return step
