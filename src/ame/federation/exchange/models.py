"""An `FLModel` as the content of a `Shareable`, and back."""

from __future__ import annotations

from typing import Any

from ame.federation.model import FLModel, ParamsType
from ame.federation.spec.dxo import DXO, DataKind, from_shareable as dxo_of
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.keys import MetaKey
from ame.federation.spec.shareable import Shareable

_KINDS = {ParamsType.FULL: DataKind.WEIGHTS, ParamsType.DIFF: DataKind.WEIGHT_DIFF}
_TYPES = {kind.value: params_type for params_type, kind in _KINDS.items()}
_ROUNDS = {
    "start_round": AppConstants.START_ROUND,
    "current_round": AppConstants.CURRENT_ROUND,
    "total_rounds": AppConstants.NUM_ROUNDS,
}
_OPTIMIZER = "optimizer_params"


def to_shareable(model: FLModel) -> Shareable:
    """What travels: a DXO of weights, differences or metrics, with the rounds in its headers.

    Raises:
        ValueError: the model has neither parameters nor metrics.

    """
    meta: dict[str, Any] = {}
    if model.params is None:
        if model.metrics is None:
            raise ValueError("a model with neither params nor metrics does not travel")
        kind, data = DataKind.METRICS, model.metrics
    else:
        kind, data = _KINDS[model.params_type or ParamsType.FULL], model.params
        if model.metrics is not None:
            meta[MetaKey.INITIAL_METRICS] = model.metrics
    meta.update(model.meta)
    shareable = DXO(kind, data=data, meta=meta).to_shareable()
    for name, header in _ROUNDS.items():
        if (number := getattr(model, name)) is not None:
            shareable.set_header(header, number)
    if (validated := model.meta.get(MetaKey.VALIDATE_TYPE)) is not None:
        shareable.set_header(AppConstants.VALIDATE_TYPE, validated)
    if model.optimizer_params is not None:
        shareable[_OPTIMIZER] = model.optimizer_params
    return shareable


def from_shareable(shareable: Shareable) -> FLModel:
    """The model in it; nothing is copied. Its `meta` are those of the DXO.

    Raises:
        ValueError: it holds no DXO, or one of another kind.

    """
    dxo = dxo_of(shareable)
    kind = DataKind(dxo.data_kind).value
    params_type = _TYPES.get(kind)
    if params_type is None and kind != DataKind.METRICS.value:
        raise ValueError(f"a DXO of {kind} holds no model")
    meta = dict(dxo.meta)
    rounds = {name: shareable.get_header(header) for name, header in _ROUNDS.items()}
    if params_type is None:
        return FLModel(metrics=dxo.data, meta=meta, **rounds)
    return FLModel(
        params_type=params_type,
        params=dxo.data,
        optimizer_params=shareable.get(_OPTIMIZER),
        metrics=meta.get(MetaKey.INITIAL_METRICS),
        meta=meta,
        **rounds,
    )
