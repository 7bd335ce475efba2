"""`FLModel`: what a server and a site's training script hand each other."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from ame.federation.spec.names.keys import MetaKey

__all__ = ["ExchangeFormat", "FLModel", "FLModelConst", "MetaKey", "ParamsType", "TransferType"]


class ParamsType(str, Enum):
    """Whether parameters are those of a model, or what is to be added to one."""

    FULL = "FULL"
    DIFF = "DIFF"


class TransferType(str, Enum):
    """What a site sends back: its model, or the difference from what it received."""

    FULL = "FULL"
    DIFF = "DIFF"


class ExchangeFormat(str, Enum):
    """As what a script gets its parameters."""

    RAW = "raw"
    PYTORCH = "pytorch"
    NUMPY = "numpy"
    KERAS_LAYER_WEIGHTS = "keras_layer_weights"


class FLModelConst:
    """The attributes of an `FLModel`, as keys."""

    PARAMS_TYPE = "params_type"
    PARAMS = "params"
    OPTIMIZER_PARAMS = "optimizer_params"
    METRICS = "metrics"
    CURRENT_ROUND = "current_round"
    START_ROUND = "start_round"
    TOTAL_ROUNDS = "total_rounds"
    META = "meta"


class FLModel:
    """Parameters, metrics, round and metadata of one exchange.

    `params` are arrays or tensors by name. Rounds count from 0.
    """

    __slots__ = (
        "__dict__",
        "current_round",
        "meta",
        "metrics",
        "optimizer_params",
        "params",
        "params_type",
        "start_round",
        "total_rounds",
    )

    def __init__(
        self,
        params_type: str | ParamsType | None = None,
        params: Any = None,
        optimizer_params: Any = None,
        metrics: dict[str, Any] | None = None,
        start_round: int | None = 0,
        current_round: int | None = None,
        total_rounds: int | None = None,
        meta: dict[str, Any] | None = None,
    ) -> None:
        """`params` without a `params_type` are full ones.

        Raises:
            ValueError: a `params_type` without `params`, an unknown one, or a negative round.
            TypeError: `metrics` or `meta` is no dict, or a round no int.
        """
        if params_type is not None:
            if not isinstance(params_type, ParamsType):
                params_type = ParamsType(params_type)
            if params is None:
                message = f"params must be given when params_type is {params_type.value}"
                raise ValueError(message)
        elif params is not None:
            params_type = ParamsType.FULL
        for name, value in (("metrics", metrics), ("meta", meta)):
            if value is not None and not isinstance(value, dict):
                message = f"{name} must be a dict, not {type(value).__name__}"
                raise TypeError(message)
        for name, number in (
            ("start_round", start_round),
            ("current_round", current_round),
            ("total_rounds", total_rounds),
        ):
            if number is not None:
                _check_round(name, number)
        self.params_type: ParamsType | None = params_type
        self.params = params
        self.optimizer_params = optimizer_params
        self.metrics = metrics
        self.start_round = start_round
        self.current_round = current_round
        self.total_rounds = total_rounds
        self.meta: dict[str, Any] = {} if meta is None else meta

    def summary(self) -> dict[str, Any]:
        """Sizes of what is a dict, numbers as they are, types of all else; what is unset left out.

        Its keys are the attributes.
        """
        shown: dict[str, Any] = {}
        for name in (
            FLModelConst.PARAMS,
            FLModelConst.OPTIMIZER_PARAMS,
            FLModelConst.METRICS,
            FLModelConst.META,
            FLModelConst.PARAMS_TYPE,
            FLModelConst.START_ROUND,
            FLModelConst.CURRENT_ROUND,
            FLModelConst.TOTAL_ROUNDS,
        ):
            value = getattr(self, name)
            if isinstance(value, Mapping):
                if value:
                    shown[name] = len(value)
            elif isinstance(value, (ParamsType, int)):
                if value:
                    shown[name] = value
            elif value is not None:
                shown[name] = type(value)
        return shown

    def __repr__(self) -> str:
        return str(self.summary())


def _check_round(name: str, value: object) -> None:
    if not isinstance(value, int):
        message = f"{name} must be an int, not {type(value).__name__}"
        raise TypeError(message)
    if value < 0:
        message = f"{name} must be 0 or more, not {value}"
        raise ValueError(message)
