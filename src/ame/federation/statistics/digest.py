"""A digest of numbers, from which quantiles are read and which is merged with others.

A t-digest: centroids, each with the mean of the numbers near it and their count, small at the ends
and great in the middle. Source: T. Dunning and O. Ertl, "Computing Extremely Accurate Quantiles
Using t-Digests" (2019), with the scale function k1 and one pass over what is sorted.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Centroids in their order, and the ends."""

    means: tuple[float, ...]
    counts: tuple[float, ...]
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Iterable[float], size: int) -> Self:
        """A digest of about `size` centroids. Numbers that are not finite are left out.

        Raises:
            ValueError: there are no numbers.
        """
        numbers = np.sort(np.asarray(values, dtype=np.float64).ravel())
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            raise ValueError("there are no numbers to digest")
        return cls._pressed(
            numbers, np.ones(len(numbers)), size, float(numbers[0]), float(numbers[-1])
        )

    @classmethod
    def merged(cls, digests: Iterable[Self], size: int) -> Self:
        """The digest of all their numbers."""
        found = list(digests)
        means = np.concatenate([each.means for each in found])
        counts = np.concatenate([each.counts for each in found])
        order = np.argsort(means, kind="stable")
        return cls._pressed(
            means[order], counts[order], size,
            min(each.least for each in found), max(each.greatest for each in found),
        )  # fmt: skip

    def quantile(self, part: float) -> float:
        """The value below which this part of the numbers lies, from 0 to 1.

        Raises:
            ValueError: `part` is none.
        """
        if not 0 <= part <= 1:
            message = f"a quantile is of a part from 0 to 1, not {part}"
            raise ValueError(message)
        counts = np.asarray(self.counts)
        middles = np.cumsum(counts) - counts / 2
        at = np.concatenate([[0.0], middles, [counts.sum()]])
        values = np.concatenate([[self.least], self.means, [self.greatest]])
        return float(np.interp(part * counts.sum(), at, values))

    def told(self) -> dict[str, Any]:
        """As plain values, to travel."""
        return {
            "centroids": [
                {"m": mean, "c": count} for mean, count in zip(self.means, self.counts, strict=True)
            ],
            "min": self.least,
            "max": self.greatest,
            "n_values": sum(self.counts),
        }

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """What `told` said."""
        centroids = told["centroids"]
        return cls(
            means=tuple(float(each["m"]) for each in centroids),
            counts=tuple(float(each["c"]) for each in centroids),
            least=float(told["min"]),
            greatest=float(told["max"]),
        )

    @classmethod
    def _pressed(cls, means: Any, counts: Any, size: int, least: float, greatest: float) -> Self:
        total, done = float(counts.sum()), 0.0
        kept: list[tuple[float, float]] = []
        limit = _limit(0.0, size)
        for mean, count in zip(means.tolist(), counts.tolist(), strict=True):
            if kept and (done + count) / total <= limit:
                before, many = kept[-1]
                kept[-1] = (before + (mean - before) * count / (many + count), many + count)
            else:
                limit = _limit(done / total, size)
                kept.append((mean, count))
            done += count
        return cls(
            means=tuple(mean for mean, _ in kept),
            counts=tuple(count for _, count in kept),
            least=least,
            greatest=greatest,
        )


def _limit(part: float, size: int) -> float:
    """Up to which part of the numbers a centroid that begins at `part` may reach."""
    scale = max(size, 2) / math.pi
    angle = min(math.asin(2 * min(part, 1.0) - 1) + 1 / scale, math.pi / 2)
    return (math.sin(angle) + 1) / 2
