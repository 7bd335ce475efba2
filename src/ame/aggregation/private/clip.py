"""Clipping of updates by their norm."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ame import errors
from ame.aggregation.arrays import View, blocks, given_back, kind_of, view
from ame.aggregation.update import Update

_MARGIN = 1 - 2.0**-19
"""Norms are known to 1e-6: what is scaled is scaled to a little less than the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """Scales an update down until its L2 norm is at most `norm`; a smaller one stays as it is.

    Flat: all arrays by min(1, norm / ‖update‖), as in Abadi et al. 2016, "Deep Learning with
    Differential Privacy", Algorithm 1. By layers: each of m arrays to norm / sqrt(m), so that the
    whole keeps within `norm`, as in McMahan et al. 2018, "Learning Differentially Private Recurrent
    Language Models", section 2.3. Only floating numbers count, and only they are scaled.
    """

    norm: float
    by_layer: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.norm < math.inf:
            raise errors.AggregationInvalid("Clip", "norm", "must be greater than 0")

    def factors(self, squares: Mapping[str, float], *, layers: int) -> dict[str, float]:
        """What each array is to be scaled by.

        Args:
            squares: the sum of the squares of each floating array.
            layers: how many floating arrays the model has.
        """
        if not self.by_layer:
            factor = _factor(self.norm, sum(squares.values()))
            return dict.fromkeys(squares, factor)
        limit = self.norm / math.sqrt(max(layers, 1))
        return {key: _factor(limit, square) for key, square in squares.items()}

    @blocks.quiet
    def clipped(self, update: Update) -> Update:
        """The update, scaled; what is not scaled is not copied.

        Raises:
            errors.UpdateRefused: it holds numbers that are not finite.
        """
        views = {key: view(value) for key, value in update.arrays.items()}
        squares = {}
        for key, each in views.items():
            if each.floating:
                squares[key], finite = blocks.squares(each)
                if not finite:
                    raise errors.UpdateRefused(update.client, key, "holds numbers not finite")
        factors = self.factors(squares, layers=len(squares))
        made = dict(update.arrays)
        for key, factor in factors.items():
            if factor < 1.0:
                each = views[key]
                numbers = blocks.fitting(blocks.double(each, factor), each.dtype)
                made[key] = given_back(View(numbers, each.dtype, each.shape), kind_of(made[key]))
        return replace(update, arrays=made)


def _factor(limit: float, square: float) -> float:
    norm = math.sqrt(square)
    return 1.0 if norm <= limit * _MARGIN else limit / norm * _MARGIN
