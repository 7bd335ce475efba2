"""Federated optimization: the mean difference of a round is a gradient for the server's optimizer.

Reddi et al. 2021, "Adaptive Federated Optimization", Algorithm 2. Here with the optimizers of
`ame.aggregation`, which need no framework; `fedopt_torch` and `fedopt_keras` take one of theirs.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ame import aggregation, errors
from ame.federation.model import FLModel, ParamsType
from ame.federation.spec.context import FLContext
from ame.federation.spec.names.events import AppEventType
from ame.federation.workflows.averaging.fedavg import FedAvg

_OPTIMIZERS: Mapping[str, Any] = {
    "sgd": aggregation.SGD,
    "adagrad": aggregation.Adagrad,
    "adam": aggregation.Adam,
    "yogi": aggregation.Yogi,
}


class Optimized(FedAvg, ABC):
    """Federated averaging whose mean difference goes through an optimizer."""

    @abstractmethod
    def optimized(self, model: FLModel, difference: dict[str, Any]) -> dict[str, Any]:
        """The parameters after the round. What the optimizer does not train moves by the mean."""

    def update_model(self, model: FLModel, aggr_result: FLModel) -> FLModel:
        """The model after the round."""
        self.event(AppEventType.BEFORE_SHAREABLE_TO_LEARNABLE)
        result = aggr_result.params
        if aggr_result.params_type == ParamsType.FULL:
            result = {key: each - model.params[key] for key, each in result.items()}
        model.params = self.optimized(model, result)
        model.meta = aggr_result.meta
        model.metrics = aggr_result.metrics
        self._set_global(model)
        self.event(AppEventType.AFTER_SHAREABLE_TO_LEARNABLE)
        return model


class FedOptimizer(Optimized):
    """With an optimizer of `ame.aggregation`: `sgd`, `adagrad`, `adam` or `yogi`."""

    def __init__(
        self,
        *args: Any,
        optimizer: str = "adam",
        optimizer_args: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """`optimizer_args`: those of the optimizer, such as `rate`; 0.01 if they say none.

        Raises:
            errors.JobInvalid (ValueError): there is no such optimizer, or it does not take these
                arguments.
            errors.AggregationInvalid: one of them is beyond its range.
        """
        super().__init__(*args, **kwargs)
        if optimizer not in _OPTIMIZERS:
            raise errors.JobInvalid(
                f"`optimizer` is {optimizer!r}; give one of {', '.join(_OPTIMIZERS)}"
            )
        taken = [each.name for each in fields(_OPTIMIZERS[optimizer])]
        if unknown := [name for name in optimizer_args or {} if name not in taken]:
            raise errors.JobInvalid(
                f"`optimizer_args` of {optimizer} has `{unknown[0]}`; it takes {', '.join(taken)}"
            )
        self.optimizer = optimizer
        self.optimizer_args = optimizer_args
        self._optimizer = _OPTIMIZERS[optimizer](**{"rate": 0.01, **(optimizer_args or {})})
        self._moments = aggregation.Moments()

    def optimized(self, model: FLModel, difference: dict[str, Any]) -> dict[str, Any]:
        """One step of the optimizer."""
        aggregate = aggregation.Aggregate(arrays=difference, clients=1, weight=1.0, difference=True)
        self._moments, moved = self._optimizer.step(self._moments, model.params, aggregate)
        return dict(moved)

    def get_persist_state(self, fl_ctx: FLContext) -> dict[str, Any]:
        """The next round, and the optimizer's moments."""
        return {**super().get_persist_state(fl_ctx), "moments": self._moments.arrays()}

    def restore(self, state_data: dict[str, Any], fl_ctx: FLContext) -> None:
        """Go on with that round."""
        super().restore(state_data, fl_ctx)
        self._moments = aggregation.Moments.of(state_data["moments"])
