"""The weighted mean of updates, which streams."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from ame import errors
from ame.aggregation.arrays import Array, View, blocks
from ame.aggregation.checks import Checks, Seen, seen
from ame.aggregation.clip import Clip
from ame.aggregation.layout import Layout, Slot, form
from ame.aggregation.update import Aggregate, Update

_GROUP = 8
"""As many updates are added in float32 before their sum is added in float64."""

_LEAST, _MOST = 2.0**-16, 2.0**40
_LARGE = 2.0**100
"""Weights, and weighted norms, within which a float32 product loses nothing but its rounding."""


@dataclass(slots=True)
class _Total:
    """The weighted sum of one array."""

    slot: Slot
    weight: float = 0.0
    double: npt.NDArray[np.float64] | None = None
    single: npt.NDArray[np.float32] | None = None
    pending: int = 0
    """How many updates are in `single` and not yet in `double`."""

    def add(self, array: View, factor: float, *, fast: bool) -> None:
        if not fast:
            if self.double is None:
                self.double = np.zeros(len(array.flat))
            blocks.add(self.double, array, factor)
            return
        if self.single is None:
            self.single = np.empty(len(array.flat), np.float32)
        if self.pending:
            blocks.add(self.single, array, factor)
        else:
            blocks.scale(array, factor, self.single)
        self.pending += 1
        if self.pending == _GROUP:
            self.flush()

    def flush(self) -> None:
        """Adds what is in `single` to `double`."""
        if self.pending and self.single is not None:
            if self.double is None:
                self.double = self.single.astype(np.float64)
            else:
                np.add(self.double, self.single, out=self.double)
        self.pending = 0

    def merge(self, other: "_Total") -> None:
        self.flush()
        other.flush()
        self.weight += other.weight
        if self.double is None:
            self.double = other.double
        elif other.double is not None:
            np.add(self.double, other.double, out=self.double)

    def divided(self, denominator: float) -> npt.NDArray[np.float64]:
        """The sum so far, divided, in new memory."""
        self.flush()
        size = math.prod(self.slot.shape)
        total = np.zeros(size) if self.double is None else self.double
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return total / denominator


@dataclass(slots=True)
class Sum:
    """The state of a mean: sums of arrays, which take as much memory for one client as for many.

    That is 12 bytes for each number of the model (8 with `precision="double"`).
    """

    totals: dict[str, _Total] = field(default_factory=dict)
    clients: int = 0
    weight: float = 0.0
    difference: bool | None = None
    """What the updates are, of which there is one kind in a sum; None before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """Federated averaging: for each array the sum of w·x over the sum of w, over those who sent it.

    McMahan et al. 2017, "Communication-Efficient Learning of Deep Networks from Decentralized
    Data", Algorithm 1. Updates of weight 0 are checked and do not count. Integers and booleans
    (such as BatchNorm's counter of batches) are averaged too and rounded to the nearest.

    The tree of the sum: updates are added one after another in the order of the calls. Arrays of
    float32, float16 and bfloat16 are added in float32, eight updates to a group; the groups' sums
    are added in float64. So the error does not grow with the number of clients: it is at most
    5e-7 times the mean of |x|, and typically below the rounding of the float32 result. All other
    arrays, weights below 2^-16 or beyond 2^40, and numbers so large that w·x could leave float32,
    are added in float64. `merge` ends the groups of both and adds their sums. The value depends on
    nothing else: not on time, threads or memory. Clients whose results come in any order are put
    in theirs by `Order`.
    """

    layout: Layout | None = None
    """Of the current model, for checks and for the type of the result. Without it the first update
    that has a name says what the array is."""
    checks: Checks = field(default_factory=Checks)
    clip: Clip | None = None
    """Scales each difference down to a norm as it is added."""
    precision: Literal["single", "double"] = "single"
    """`double` adds everything in float64: half as fast, and exact to the last bit of float32."""
    denominator: float | None = None
    """Divides by this instead of by the sum of the weights: private means need a divisor that does
    not depend on who took part."""

    def __post_init__(self) -> None:
        if self.denominator is not None and not 0 < self.denominator < math.inf:
            raise errors.AggregationInvalid("Mean", "denominator", "must be greater than 0")

    def begin(self) -> Sum:
        """A sum of nothing."""
        return Sum()

    def add(self, state: Sum, update: Update) -> Sum:
        """The sum with one update more, in one pass over its numbers after that of the checks.

        Raises:
            errors.UpdateRefused: it does not pass the checks; or it is a difference among models,
                or a model among differences, or a model that is to be clipped.
        """
        slots = self._slots(state)
        found = seen(
            update,
            slots,
            self.checks,
            exact=self.layout is not None,
            measure=self.clip is not None,
        )
        if state.difference not in (None, update.difference):
            raise errors.UpdateRefused(update.client, None, _KINDS[update.difference])
        factors = self._factors(update, found, slots)
        if not update.weight:
            return state
        for key, each in found.items():
            total = state.totals.get(key)
            if total is None:
                slot = slots.get(key) or Slot.of(update.arrays[key])
                total = state.totals[key] = _Total(slot)
            self._add(total, each, update.weight, factors.get(key, 1.0))
        state.clients += 1
        state.weight += update.weight
        state.difference = update.difference
        return state

    def merge(self, state: Sum, other: Sum) -> Sum:
        """The sum of both. `other` is used up.

        Raises:
            errors.AggregationInvalid: they are sums of different arrays.
        """
        if not (state.clients and other.clients):
            return state if state.clients else other
        if state.difference != other.difference:
            raise errors.AggregationInvalid(
                "Mean", "other", "is of another kind: one of models, one of differences"
            )
        for key, total in other.totals.items():
            own = state.totals.get(key)
            if own is not None and own.slot.shape != total.slot.shape:
                why = f"has `{key}` of shape {total.slot.shape}, not {own.slot.shape}"
                raise errors.AggregationInvalid("Mean", "other", why)
        for key, total in other.totals.items():
            if key in state.totals:
                state.totals[key].merge(total)
            else:
                state.totals[key] = total
        state.clients += other.clients
        state.weight += other.weight
        return state

    def value(self, state: Sum) -> Aggregate:
        """The mean, in new memory, one array after another.

        Raises:
            errors.AggregateEmpty: no update counted.
            errors.AggregateOverflow: a number does not fit the type of the model's array.
        """
        if not state.clients:
            raise errors.AggregateEmpty("no client sent an update with a weight above 0")
        made: dict[str, Array] = {}
        for key, total in state.totals.items():
            numbers = total.divided(self.denominator or total.weight)
            made[key] = form(key, numbers, total.slot)
        return Aggregate(
            arrays=made,
            clients=state.clients,
            weight=state.weight,
            difference=bool(state.difference),
        )

    def _slots(self, state: Sum) -> Mapping[str, Slot]:
        if self.layout is not None:
            return self.layout.slots
        return {key: total.slot for key, total in state.totals.items()}

    def _factors(
        self, update: Update, found: Mapping[str, Seen], slots: Mapping[str, Slot]
    ) -> Mapping[str, float]:
        if self.clip is None:
            return {}
        if not update.difference:
            raise errors.UpdateRefused(update.client, None, "it is a model; clip differences")
        squares = {key: each.squares or 0.0 for key, each in found.items() if each.view.floating}
        layers = sum(1 for slot in slots.values() if slot.floating) if self.layout else len(squares)
        return self.clip.factors(squares, layers=layers)

    def _add(self, total: _Total, each: Seen, weight: float, factor: float) -> None:
        fast = (
            self.precision == "single"
            and total.slot.dtype in _SINGLE
            and each.view.dtype in _SINGLE
            and _LEAST <= weight <= _MOST
            and (each.squares is None or weight * math.sqrt(each.squares) < _LARGE)
        )
        total.add(each.view, weight * factor, fast=fast)
        total.weight += weight


_SINGLE = frozenset(("bfloat16", "float16", "float32"))

_KINDS = {
    True: "it is a difference, others are models",
    False: "it is a model, others are differences",
}
