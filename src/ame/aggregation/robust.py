"""Aggregates that a few bad clients cannot move far. They need all updates at once: they collect.

Weights do not count, but for 0, which leaves an update out: who lies about the model lies about the
number of examples too. The value does not depend on the order of the clients.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ame import errors
from ame.aggregation.arrays import Array, Numbers, View, blocks
from ame.aggregation.checks import Checks, Seen, passed
from ame.aggregation.layout import Layout, Slot, agree, form
from ame.aggregation.spool import Spool
from ame.aggregation.update import Aggregate, Update

Source: TypeAlias = Callable[[slice], View]
"""Some numbers of one client's array."""

_CHUNK = 1 << 18
"""Numbers of all clients that are looked at together."""


@dataclass(slots=True)
class Collected:
    """The state of an algorithm that needs all updates: copies of them, large ones in a file."""

    spool: Spool
    slots: dict[str, Slot] = field(default_factory=dict)
    difference: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collecting:
    """What the algorithms that collect have in common: all but the value."""

    layout: Layout | None = None
    """Of the current model, for checks and for the type of the result. Without it the first update
    that has a name says what the array is."""
    checks: Checks = field(default_factory=Checks)
    hold: int = 256 << 20
    """As many bytes of updates are kept in memory; those beyond are in a file."""

    def begin(self) -> Collected:
        """No updates."""
        slots = dict(self.layout.slots) if self.layout is not None else {}
        return Collected(Spool(hold=self.hold), slots)

    @blocks.quiet
    def add(self, state: Collected, update: Update) -> Collected:
        """Keeps a copy of the update; of one whose weight is 0 none.

        Raises:
            errors.UpdateRefused: it does not pass the checks.
        """
        found = dict(self.passed(update, state.slots, state.difference))
        if update.weight:
            for key, value in update.arrays.items():
                if key not in state.slots:
                    state.slots[key] = Slot.of(value)
            state.spool.append(update, {key: each.view for key, each in found.items()})
            state.difference = update.difference
        return state

    def passed(
        self, update: Update, known: Mapping[str, Slot], difference: bool | None
    ) -> Iterator[tuple[str, Seen]]:
        """The arrays of an update, one after another, as they passed the checks; see there.

        `known`: the arrays so far, which count where there is no layout.
        """
        exact = self.layout is not None
        return passed(update, known, self.checks, exact=exact, difference=difference)

    def merge(self, state: Collected, other: Collected) -> Collected:
        """The updates of both. `other` is used up.

        Raises:
            errors.AggregationInvalid: they are of different arrays.
        """
        agree(state.slots, other.slots, (state.difference, other.difference))
        for row in other.spool.rows():
            state.spool.append(other.spool.take(row))
        state.slots |= {key: slot for key, slot in other.slots.items() if key not in state.slots}
        if state.difference is None:
            state.difference = other.difference
        return state


@dataclass(frozen=True, slots=True, kw_only=True)
class ByNumber(Collecting):
    """An algorithm that makes each number of the model from that number of every client."""

    def value(self, state: Collected) -> Aggregate:
        """The aggregate, made in chunks of numbers: memory is that of the result.

        Raises:
            errors.AggregateEmpty: there are too few updates, or too few have an array.
            errors.AggregateOverflow: a number does not fit the type of the model's array.
        """
        spool = state.spool
        if not len(spool):
            raise errors.AggregateEmpty("no client sent an update with a weight above 0")
        made: dict[str, Array] = {}
        for key, slot in state.slots.items():
            sources = [partial(spool.read, row, key) for row in spool.rows() if spool.has(row, key)]
            if sources:
                made[key] = self.of_array(key, slot, sources)
        return Aggregate(
            arrays=made,
            clients=len(spool),
            weight=float(len(spool)),
            difference=bool(state.difference),
        )

    @blocks.quiet
    def of_array(self, key: str, slot: Slot, sources: Sequence[Source]) -> Array:
        """One array of the aggregate, from those of the clients that have it."""
        numbers = np.empty(math.prod(slot.shape))
        dtype = np.float64 if slot.dtype == "float64" or not slot.floating else np.float32
        for part, rows in chunks(sources, len(numbers), dtype):
            rows.sort(axis=0)
            numbers[part] = self._of_sorted(key, rows)
        return form(key, numbers, slot)

    def _of_sorted(self, key: str, rows: Numbers) -> Numbers:
        """Of each column one number; `rows` are the clients' numbers, each column sorted."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Median(ByNumber):
    """The median of each number; of an even number of clients the mean of the two in the middle.

    Yin et al. 2018, "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates",
    Definition 1. It holds against fewer than half of the clients.
    """

    def _of_sorted(self, key: str, rows: Numbers) -> Numbers:  # noqa: ARG002  # nothing to refuse
        middle = rows[(len(rows) - 1) // 2 : len(rows) // 2 + 1]
        return np.asarray(middle.mean(axis=0, dtype=np.float64))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrimmedMean(ByNumber):
    """The mean of each number without the least and the greatest of them.

    Yin et al. 2018, "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates",
    Definition 2. It holds against as many clients as are cut off at each end.
    """

    share: float
    """β: of n numbers ⌈βn⌉ are cut off at each end, at least 0 and below one half."""

    def __post_init__(self) -> None:
        if not 0 <= self.share < 0.5:
            why = f"must be in [0, 0.5), not {self.share}"
            raise errors.AggregationInvalid("TrimmedMean", "share", why)

    def _of_sorted(self, key: str, rows: Numbers) -> Numbers:
        cut = math.ceil(round(self.share * len(rows), 9))
        if 2 * cut >= len(rows):
            raise errors.AggregateEmpty(
                f"of `{key}` there are {len(rows)} and {cut} are cut off at each end: "
                "wait for more clients, or cut off a smaller share"
            )
        return np.asarray(rows[cut : len(rows) - cut].mean(axis=0, dtype=np.float64))


def chunks(
    sources: Sequence[Source], size: int, dtype: npt.DTypeLike
) -> Iterator[tuple[slice, Numbers]]:
    """Numbers of all clients, as many as are looked at together, each client's in a row."""
    width = max(1, min(size, _CHUNK // len(sources)))
    room = np.empty((len(sources), width), dtype)
    for start in range(0, size, width):
        part = slice(start, min(start + width, size))
        rows = room[:, : part.stop - start]
        for row, source in zip(rows, sources, strict=True):
            some = source(part)
            row[...] = blocks.widen(some, slice(0, len(row)), row)
        yield part, rows
