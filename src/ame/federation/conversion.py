"""`FLModel` as a `Shareable` or a `ModelLearnable`, and back. Arrays are not copied."""

from typing import Any

from ame import errors
from ame.federation.model import FLModel, MetaKey, ParamsType
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind, from_shareable
from ame.federation.spec.learnable import ModelLearnable, ModelLearnableKey, make_model_learnable
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.keys import QUANTIZED
from ame.federation.spec.shareable import ReservedHeaderKey, Shareable

_KINDS = {ParamsType.FULL: DataKind.WEIGHTS, ParamsType.DIFF: DataKind.WEIGHT_DIFF}
_ATTRIBUTES = (
    "params_type",
    "params",
    "metrics",
    "optimizer_params",
    "current_round",
    "total_rounds",
    "meta",
)
_HEADERS = {
    "start_round": AppConstants.START_ROUND,
    "current_round": AppConstants.CURRENT_ROUND,
    "total_rounds": AppConstants.NUM_ROUNDS,
}


class FLModelUtils:
    """Conversions, under FLARE's name."""

    @staticmethod
    def to_shareable(fl_model: FLModel) -> Shareable:
        """As what travels: weights or differences with metrics in their metadata, or metrics alone.

        Raises:
            ValueError: it has neither parameters nor metrics.
        """
        if fl_model.params is not None:
            kind = _KINDS[fl_model.params_type or ParamsType.FULL]
            meta: dict[str, Any] = {}
            if fl_model.metrics is not None:
                meta[MetaKey.INITIAL_METRICS] = fl_model.metrics
            dxo = DXO(kind, data=fl_model.params, meta=meta)
        elif fl_model.metrics is not None:
            dxo = DXO(DataKind.METRICS, data=fl_model.metrics)
        else:
            raise ValueError("a model without params and without metrics cannot be sent")
        dxo.meta.update(fl_model.meta or {})
        made = dxo.to_shareable()
        for name, header in _HEADERS.items():
            number = getattr(fl_model, name)
            if number is not None:
                made.set_header(header, number)
        if MetaKey.VALIDATE_TYPE in dxo.meta:
            made.set_header(AppConstants.VALIDATE_TYPE, dxo.meta[MetaKey.VALIDATE_TYPE])
        return made

    @staticmethod
    def from_shareable(
        shareable: Shareable,
        fl_ctx: FLContext | None = None,  # noqa: ARG004 (FLARE's interface)
    ) -> FLModel:
        """What `to_shareable` made, or another's weights, differences or metrics.

        Raises:
            ValueError: it holds none.
            errors.JobInvalid (ValueError): they are quantized.
        """
        params_type = params = metrics = None
        said = shareable.get(ReservedHeaderKey.HEADERS) or {}
        asked = said.get(AppConstants.SUBMIT_MODEL_NAME)
        if asked:
            meta: dict[str, Any] = {MetaKey.SUBMIT_MODEL_NAME: asked}
        else:
            dxo = from_shareable(shareable)
            check_whole(dxo)
            meta = dict(dxo.meta)
            if dxo.data_kind == DataKind.METRICS:
                metrics = dxo.data
            else:
                diff = dxo.data_kind == DataKind.WEIGHT_DIFF
                params_type = ParamsType.DIFF if diff else ParamsType.FULL
                params = dxo.data
                metrics = meta.get(MetaKey.INITIAL_METRICS)
        for key, header in (
            (MetaKey.VALIDATE_TYPE, AppConstants.VALIDATE_TYPE),
            (MetaKey.JOB_ID, MetaKey.JOB_ID),
            (MetaKey.SITE_NAME, MetaKey.SITE_NAME),
        ):
            value = said.get(header)
            if value is not None:
                meta[key] = value
        return FLModel(
            params_type=params_type,
            params=params,
            metrics=metrics if isinstance(metrics, dict) or metrics is None else {"": metrics},
            start_round=said.get(AppConstants.START_ROUND),
            current_round=said.get(AppConstants.CURRENT_ROUND),
            total_rounds=said.get(AppConstants.NUM_ROUNDS),
            meta=meta,
        )

    @staticmethod
    def to_dxo(fl_model: FLModel) -> DXO:
        """As one DXO of kind `FL_MODEL`."""
        values = {name: getattr(fl_model, name) for name in _ATTRIBUTES}
        return DXO(
            DataKind.FL_MODEL,
            data={name: each for name, each in values.items() if each is not None},
        )

    @staticmethod
    def from_dxo(dxo: DXO) -> FLModel:
        """What `to_dxo` made.

        Raises:
            ValueError: it is of another kind.
        """
        if dxo.data_kind != DataKind.FL_MODEL:
            message = f"a DXO of kind FL_MODEL is needed, not {dxo.data_kind}"
            raise ValueError(message)
        return FLModel(**{name: dxo.data.get(name) for name in _ATTRIBUTES})

    @staticmethod
    def to_model_learnable(fl_model: FLModel) -> ModelLearnable:
        """Its parameters and metadata."""
        return make_model_learnable(weights=fl_model.params, meta_props=fl_model.meta)

    @staticmethod
    def from_model_learnable(model_learnable: ModelLearnable) -> FLModel:
        """The weights and metadata as full parameters."""
        return FLModel(
            params_type=ParamsType.FULL,
            params=model_learnable[ModelLearnableKey.WEIGHTS],
            meta=model_learnable[ModelLearnableKey.META],
        )

    @staticmethod
    def get_meta_prop(model: FLModel, key: str, default: Any = None) -> Any:
        """One property of its metadata."""
        return (model.meta or {}).get(key, default)

    @staticmethod
    def set_meta_prop(model: FLModel, key: str, value: Any) -> None:
        """Set one property of its metadata."""
        model.meta[key] = value

    @staticmethod
    def get_configs(model: FLModel) -> Any:
        """The settings in its metadata."""
        return FLModelUtils.get_meta_prop(model, MetaKey.CONFIGS)

    @staticmethod
    def update_model(model: FLModel, model_update: FLModel, replace_meta: bool = True) -> FLModel:
        """`model` with the update in it: its arrays replaced or moved. What the update lacks stays.

        Raises:
            RuntimeError: `model` is a difference, or the update has no parameters.
        """
        if model.params_type != ParamsType.FULL:
            message = f"the model to update must be a full one, not {model.params_type}"
            raise RuntimeError(message)
        if model_update.params_type is None:
            raise RuntimeError("the update has no parameters")
        if replace_meta:
            model.meta = model_update.meta
        else:
            model.meta.update(model_update.meta)
        model.metrics = model_update.metrics
        if model_update.params_type == ParamsType.FULL:
            model.params = (
                {**model.params, **model_update.params}
                if isinstance(model.params, dict) and isinstance(model_update.params, dict)
                else model_update.params
            )
        else:
            moved = {key: model.params[key] + move for key, move in model_update.params.items()}
            model.params = {**model.params, **moved}
        return model


def check_whole(dxo: DXO) -> None:
    """Refuse numbers that a quantizer has made smaller, which would be taken for the model's.

    Raises:
        errors.JobInvalid (ValueError): they are so.
    """
    if dxo.get_meta_prop(QUANTIZED):
        raise errors.JobInvalid(
            f"the model is quantized ({dxo.get_meta_prop(MetaKey.PROCESSED_ALGORITHM)}), and "
            "nothing makes it what it was: give the receiving side a `ModelDequantizer` too"
        )
