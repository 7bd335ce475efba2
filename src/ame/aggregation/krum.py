"""Krum: the updates that are nearest to the others. It needs all updates at once: it collects."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from ame import errors
from ame.aggregation.arrays import blocks
from ame.aggregation.checks import Seen, passed
from ame.aggregation.layout import Slot
from ame.aggregation.mean import Mean
from ame.aggregation.robust import Collected, Collecting, chunks
from ame.aggregation.update import Aggregate, Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Krum(Collecting):
    """The mean of the updates nearest to their neighbours: one in Krum, several in Multi-Krum.

    Blanchard et al. 2017, "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent",
    section 4. Of n updates each is scored by the sum of the squared distances to the n - f - 2
    nearest others; those with the lowest scores are taken, of equal ones the earlier. It holds
    against f clients where n > 2f + 2. Every update must have every array; only floating numbers
    make distance. Distances are exact to 1e-12 of the spread of the majority: they are taken from
    products around the median of each number, so that one huge update cannot blur those between
    the others. Of scores nearer to one another than that, the threads of BLAS decide.
    """

    bad: int
    """f: how many clients may be bad."""
    chosen: int = 1
    """m: how many updates are averaged, without weights; at most n - f."""

    def __post_init__(self) -> None:
        if self.bad < 0:
            raise errors.AggregationInvalid("Krum", "bad", "must be at least 0")
        if self.chosen < 1:
            raise errors.AggregationInvalid("Krum", "chosen", "must be at least 1")

    def merge(self, state: Collected, other: Collected) -> Collected:
        """The updates of both. `other` is used up.

        Raises:
            errors.AggregationInvalid: they are of different arrays.
        """
        if state.slots and other.slots and state.slots.keys() != other.slots.keys():
            raise errors.AggregationInvalid("merge", "other", "has arrays of other names")
        return Collecting.merge(self, state, other)

    def value(self, state: Collected) -> Aggregate:
        """The mean of those that are chosen.

        Raises:
            errors.AggregateEmpty: n is not greater than 2f + 2, or less than f + m.
            errors.AggregateOverflow: a number does not fit the type of the model's array.
        """
        mean = Mean(layout=self.layout, checks=replace(self.checks, finite=False, norm=None))
        folded = mean.begin()
        for row in self._nearest(state):
            folded = mean.add(folded, replace(state.spool.update(row), weight=1.0))
        return mean.value(folded)

    def clients(self, state: Collected) -> tuple[str, ...]:
        """The clients whose updates are chosen, the best first.

        Raises:
            errors.AggregateEmpty: n is not greater than 2f + 2, or less than f + m.
        """
        return tuple(state.spool.client(row) for row in self._nearest(state))

    def _nearest(self, state: Collected) -> list[int]:
        rows = state.spool.rows()
        least = max(2 * self.bad + 3, self.bad + self.chosen)
        if len(rows) < least:
            raise errors.AggregateEmpty(
                f"Krum against {self.bad} of them needs {least} updates, and there are {len(rows)}"
            )
        distances = _distances(state)
        np.fill_diagonal(distances, np.inf)
        distances.sort(axis=1)
        scores = distances[:, : len(rows) - self.bad - 2].sum(axis=1)
        return [rows[index] for index in np.argsort(scores, kind="stable")[: self.chosen]]

    def passed(
        self, update: Update, known: Mapping[str, Slot], difference: bool | None
    ) -> Iterator[tuple[str, Seen]]:
        """The arrays of an update; all that are known must be there, and no others."""
        checks = replace(self.checks, complete=True)
        return passed(update, known, checks, exact=bool(known), difference=difference)


@blocks.quiet
def _distances(state: Collected) -> npt.NDArray[np.float64]:
    """The squared L2 distance of each update to each."""
    rows = state.spool.rows()
    products = np.zeros((len(rows), len(rows)))
    for key, slot in state.slots.items():
        if not slot.floating:
            continue
        sources = [partial(state.spool.read, row, key) for row in rows]
        for _, numbers in chunks(sources, math.prod(slot.shape), np.float64):
            centred = numbers - np.sort(numbers, axis=0)[len(rows) // 2]
            products += centred @ centred.T
    squares = np.diag(products)
    apart = squares[:, None] + squares - 2 * products
    return np.where(np.isnan(apart), np.inf, np.maximum(apart, 0.0))
