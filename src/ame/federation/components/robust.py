"""Robust rules in place of the mean: for `FedAvg(aggregator=…)` and for `ScatterAndGather`.

They keep every result until all are there, on disk when they are large.
"""

from functools import partial
from typing import Any

from ame import aggregation
from ame.federation.averaging import Algorithm, MetricsMean, ParamsMean, site_of, steps_of
from ame.federation.components.aggregators import ModelAggregator
from ame.federation.model import FLModel, ParamsType
from ame.federation.spec.learnable import ModelLearnableKey
from ame.federation.spec.names.app import AppConstants


class RobustAggregator(ModelAggregator):
    """What the rules have in common: all but the rule."""

    def __init__(self, algorithm: Algorithm) -> None:
        super().__init__()
        self._algorithm = algorithm
        self._params: ParamsMean | None = None
        self._metrics = MetricsMean()

    def accept_model(self, model: FLModel) -> None:
        """Take one site's model.

        Raises:
            errors.UpdateRefused: it cannot be counted.
        """
        if self._params is None:
            self._params = ParamsMean(self._model(), algorithm=self._algorithm)
        difference = model.params_type == ParamsType.DIFF
        self._params.add(site_of(model), model.params, steps_of(model.meta), difference=difference)
        self._metrics.add(model.metrics, steps_of(model.meta))

    def aggregate_model(self) -> FLModel:
        """What they amount to.

        Raises:
            errors.AggregateEmpty: they are too few for the rule.
        """
        params = self._params or ParamsMean(algorithm=self._algorithm)
        value = params.value()
        made = FLModel(
            params=value.arrays, params_type=params.params_type(), metrics=self._metrics.value()
        )
        self.reset_stats()
        return made

    def reset_stats(self) -> None:
        """Forget what was accepted."""
        self._params = None
        self._metrics = MetricsMean()

    def _model(self) -> Any:
        """What results are measured by, if it is known."""
        model = self.fl_ctx.get_prop(AppConstants.GLOBAL_MODEL) if self.fl_ctx is not None else None
        return model.get(ModelLearnableKey.WEIGHTS) if model else None


class MedianAggregator(RobustAggregator):
    """Of each number the median: Yin et al. 2018, "Byzantine-Robust Distributed Learning"."""

    def __init__(self) -> None:
        super().__init__(aggregation.Median)


class TrimmedMeanAggregator(RobustAggregator):
    """Of each number the mean without the greatest and least: Yin et al. 2018, the same."""

    def __init__(self, share: float = 0.1) -> None:
        """`share`: how many of them are left out at either end, of 1.

        Raises:
            errors.AggregationInvalid: it is not in [0, 0.5).
        """
        self.share = share
        super().__init__(partial(aggregation.TrimmedMean, share=share))
        aggregation.TrimmedMean(share=share)


class KrumAggregator(RobustAggregator):
    """The results nearest to the others: Blanchard et al. 2017, "Machine Learning with
    Adversaries: Byzantine Tolerant Gradient Descent".
    """

    def __init__(self, bad: int = 1, chosen: int = 1) -> None:
        """`bad`: how many sites may be; `chosen`: how many results are averaged.

        Raises:
            errors.AggregationInvalid: a number is beyond its range.
        """
        self.bad = bad
        self.chosen = chosen
        super().__init__(partial(aggregation.Krum, bad=bad, chosen=chosen))
        aggregation.Krum(bad=bad, chosen=chosen)
