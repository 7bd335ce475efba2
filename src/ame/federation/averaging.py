"""The mean of what sites learned, as federated jobs count it, over `aggregation.Mean`.

McMahan et al. 2017, "Communication-Efficient Learning of Deep Networks from Decentralized Data",
Algorithm 1. Each array is divided by the weights of those sites that sent it.
"""

import math
import re
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any

from ame import aggregation, errors
from ame.federation.model import FLModel, MetaKey, ParamsType

Algorithm = Callable[..., aggregation.Aggregator[Any]]

_SETTING = (str, bool, int, float, NoneType)
"""What no array is, and no list that stands for one."""


class ParamsMean:
    """The weighted mean of parameters: one site after another, in memory that does not grow.

    A result that is not finite, of another shape, or of a name that the model has not, is refused;
    those before it stay as they are counted.
    """

    def __init__(
        self,
        model: Mapping[str, Any] | None = None,
        *,
        exclude_vars: str | None = None,
        algorithm: Algorithm = aggregation.Mean,
    ) -> None:
        """How results are taken.

        Args:
            model: what results are measured by; without it, or if it holds settings instead of
                arrays (`{"eta0": 0.1}`, as scikit-learn's begin), the first of them.
            exclude_vars: parameters whose names this expression is found in are left out.
            algorithm: makes what takes them, of the model's layout: the mean, or a robust one.
        """
        self._exclude = re.compile(exclude_vars) if exclude_vars else None
        weights = model is not None and not any(isinstance(x, _SETTING) for x in model.values())
        self._mean = algorithm(layout=aggregation.Layout.of(model) if model and weights else None)
        self._sum: Any = self._mean.begin()
        self._difference = False
        self.weights: dict[str, float] = {}
        """How much each site counts, in their order."""

    def add(self, site: str, params: object, weight: float, *, difference: bool = False) -> None:
        """Count a site's parameters.

        Raises:
            errors.UpdateRefused: they cannot be counted.
        """
        if not isinstance(params, Mapping):
            why = f"its params are a {type(params).__name__}, not a dict of arrays"
            raise errors.UpdateRefused(site, None, why)
        kept = params
        if self._exclude is not None:
            kept = {key: each for key, each in params.items() if not self._exclude.search(key)}
        update = aggregation.Update(client=site, arrays=kept, weight=weight, difference=difference)
        self._sum = self._mean.add(self._sum, update)
        self._difference = difference
        self.weights[site] = self.weights.get(site, 0.0) + weight

    def value(self) -> aggregation.Aggregate:
        """The mean.

        Raises:
            errors.AggregateEmpty: no site counts.
        """
        return self._mean.value(self._sum)

    def params_type(self) -> ParamsType:
        """Whether it is a mean of models or of differences."""
        return ParamsType.DIFF if self._difference else ParamsType.FULL


class MetricsMean:
    """The weighted mean of each metric over the sites that have it; of numbers alone."""

    def __init__(self) -> None:
        self._totals: dict[str, tuple[float, float]] = {}
        self._lacking = False

    def add(self, metrics: Mapping[str, Any] | None, weight: float) -> None:
        """Count a site's metrics; one that has none at all leaves no mean."""
        if metrics is None:
            self._lacking = True
            return
        for key, value in metrics.items():
            number = _number(value)
            if number is not None:
                total, weights = self._totals.get(key, (0.0, 0.0))
                self._totals[key] = (total + number * weight, weights + weight)

    def value(self) -> dict[str, float] | None:
        """The means, or None."""
        if self._lacking or not self._totals:
            return None
        return {key: total / weight for key, (total, weight) in self._totals.items() if weight}


def steps_of(meta: Mapping[str, Any] | None) -> float:
    """How much a result counts by the steps that it took; 1 if it does not say."""
    steps = (meta or {}).get(MetaKey.NUM_STEPS_CURRENT_ROUND)
    number = None if isinstance(steps, bool) else _number(steps)
    return number if number is not None and number > 0 and math.isfinite(number) else 1.0


def site_of(model: FLModel) -> str:
    """Whose result it is."""
    return str((model.meta or {}).get("client_name") or "unknown")


def _number(value: object) -> float | None:
    if isinstance(value, (int, float)):
        return float(value)
    item = getattr(value, "item", None)
    if callable(item) and tuple(getattr(value, "shape", ())) == ():
        found = item()
        return float(found) if isinstance(found, (int, float)) else None
    return None
