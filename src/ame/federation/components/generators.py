"""What is learned, as what is sent, and back."""

from ame import errors
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DataKind, from_shareable
from ame.federation.spec.learnable import (
    Learnable,
    ModelLearnable,
    ModelLearnableKey,
    ShareableGenerator,
    make_model_learnable,
    model_learnable_to_dxo,
)
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.shareable import Shareable


class FullModelShareableGenerator(ShareableGenerator):
    """Sends whole models; takes weights, which replace those of the model, or differences.

    What a result lacks stays as it is in the model, which is not changed itself.
    """

    def learnable_to_shareable(self, model: ModelLearnable, fl_ctx: FLContext) -> Shareable:
        """The weights, to be sent."""
        return model_learnable_to_dxo(model).to_shareable()

    def shareable_to_learnable(self, shareable: Shareable, fl_ctx: FLContext) -> ModelLearnable:
        """The model of the context after the result.

        Raises:
            TypeError, ValueError: it is no Shareable, or holds neither weights nor differences.
            errors.JobPanicked: there is a difference, and no model that it is of.
        """
        if not isinstance(shareable, Shareable):
            message = f"a Shareable is needed, not a {type(shareable).__name__}"
            raise TypeError(message)
        dxo = from_shareable(shareable)
        base = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL) or {}
        weights = dict(base.get(ModelLearnableKey.WEIGHTS) or {})
        if dxo.data_kind == DataKind.WEIGHTS:
            weights.update(dxo.data)
        elif dxo.data_kind != DataKind.WEIGHT_DIFF:
            message = f"weights or their difference are needed, not {dxo.data_kind}"
            raise ValueError(message)
        else:
            lacking = [key for key in dxo.data if key not in weights]
            if lacking:
                reason = f"the result has a difference of `{lacking[0]}`, which no model has"
                raise errors.JobPanicked(component=self.name, reason=reason, side="server")
            weights.update({key: weights[key] + move for key, move in dxo.data.items()})
        return make_model_learnable(weights, dxo.get_meta_props())


class SimpleModelShareableGenerator(FullModelShareableGenerator):
    """The same, under the name that swarm learning gives it."""


class PassthroughShareableGenerator(ShareableGenerator):
    """Takes and gives everything as it is."""

    def learnable_to_shareable(self, model: Learnable, fl_ctx: FLContext) -> Shareable:
        """All its entries."""
        return Shareable(model)

    def shareable_to_learnable(self, shareable: Shareable, fl_ctx: FLContext) -> Learnable:
        """All its entries."""
        return Learnable(shareable)
