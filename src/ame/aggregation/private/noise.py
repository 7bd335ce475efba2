"""Noise that hides what a single client did."""

import math
from dataclasses import dataclass

import numpy as np

from ame import errors
from ame.aggregation.arrays import Array, Arrays, View, blocks, given_back, kind_of, view


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussian:
    """Adds a normal number of its own to each number.

    The Gaussian mechanism: Dwork and Roth 2014, "The Algorithmic Foundations of Differential
    Privacy", appendix A. A mean of differences clipped to the norm C, of weight 1 each, divided by
    n, is hidden with the multiplier z by the deviation z·C/n; `Accountant` says what that is worth.
    """

    deviation: float
    """The standard deviation, in the unit of the numbers."""

    def __post_init__(self) -> None:
        if not 0 <= self.deviation < math.inf:
            raise errors.AggregationInvalid("Gaussian", "deviation", "must be at least 0")

    @blocks.quiet
    def noised(self, arrays: Arrays, generator: np.random.Generator) -> dict[str, Array]:
        """The arrays with noise, in new memory; drawn in the order of their names.

        A generator that was seeded repeats a run. Whoever knows the seed can take the noise away:
        seed it from the operating system where privacy is meant.

        Raises:
            errors.AggregationInvalid: an array holds integers, which noise would not hide: leave it
                out of what is private.
            errors.AggregateOverflow: a number does not fit the type of its array.
        """
        made = dict(arrays)
        for key in sorted(arrays):
            seen = view(arrays[key])
            if not seen.floating:
                raise errors.AggregationInvalid("Gaussian", key, f"holds {seen.dtype}")
            numbers = blocks.double(seen)
            for part in blocks.blocks(len(numbers)):
                some = numbers[part]
                some += self.deviation * generator.standard_normal(len(some))
            try:
                noised = View(blocks.fitting(numbers, seen.dtype), seen.dtype, seen.shape)
            except OverflowError:
                raise errors.AggregateOverflow(key, seen.dtype) from None
            made[key] = given_back(noised, kind_of(arrays[key]))
        return made
