"""The weighted mean that workflows of one's own count with, one contribution after another."""

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ame.federation.averaging import ParamsMean


class WeightedAggregationHelper:
    """Adds contributions; divides each array by the weights of those who sent it."""

    def __init__(self, exclude_vars: str | None = None, weigh_by_local_iter: bool = True) -> None:
        """How contributions are counted.

        Args:
            exclude_vars: parameters whose names this expression is found in are left out.
            weigh_by_local_iter: whether contributions are multiplied by their weights here; False
                where their senders have done so. The sum is divided by the weights in any case.
        """
        self.exclude_vars = exclude_vars
        self.weigh_by_local_iter = weigh_by_local_iter
        self._lock = threading.Lock()
        self.reset_stats()

    def reset_stats(self) -> None:
        """Forget all contributions."""
        self._mean: ParamsMean | None = None
        self._senders: Counter[str] = Counter()
        self._weights: Counter[str] = Counter()
        self._history: list[dict[str, Any]] = []

    def add(
        self,
        data: Mapping[str, Any],
        weight: float,
        contributor_name: str,
        contribution_round: int | None,
    ) -> None:
        """Count a contribution.

        Raises:
            errors.UpdateRefused: it cannot be counted: not finite, or of another shape than others.
        """
        with self._lock:
            if self._mean is None:
                self._mean = ParamsMean(exclude_vars=self.exclude_vars)
            given = weight if self.weigh_by_local_iter else 1.0
            self._mean.add(contributor_name, data, given)
            self._senders.update(data.keys())
            for key in data:
                self._weights[key] += weight  # type: ignore[assignment]  # a float, which counts as well
            self._history.append(
                {
                    "contributor_name": contributor_name,
                    "round": contribution_round,
                    "weight": weight,
                }
            )

    def get_result(self) -> dict[str, Any]:
        """The mean, in arrays as they were sent; what was counted is forgotten."""
        with self._lock:
            arrays: dict[str, Any] = {}
            if self._mean is not None:
                arrays = dict(self._mean.value().arrays)
            if not self.weigh_by_local_iter:
                for key, mean in arrays.items():
                    arrays[key] = mean * (self._senders[key] / self._weights[key])
            self.reset_stats()
        return arrays

    def get_history(self) -> list[dict[str, Any]]:
        """Who was counted: `contributor_name`, `round` and `weight` of each."""
        return self._history

    def get_len(self) -> int:
        """How many were counted."""
        return len(self._history)
