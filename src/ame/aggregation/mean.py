"""The weighted mean of updates, which streams."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ame import errors
from ame.aggregation.arrays import Array, blocks
from ame.aggregation.checks import Checks, Seen, passed
from ame.aggregation.layout import Layout, Slot, agree, form
from ame.aggregation.private.clip import Clip
from ame.aggregation.total import Total
from ame.aggregation.update import Aggregate, Update


@dataclass(slots=True)
class Sum:
    """The state of a mean: sums of arrays, which take as much memory for one client as for many.

    That is 12 bytes for each number of the model (8 with `double`).
    """

    totals: dict[str, Total] = field(default_factory=dict)
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
    float32, float16 and bfloat16 are added in float32, sixteen updates to a group; the groups' sums
    are added in float64. So the error does not grow with the number of clients: it is at most
    1e-6 times the mean of |x|, and typically below the rounding of the float32 result. All other
    arrays, weights below 2^-16 or beyond 2^40, and numbers so large that w·x could leave float32,
    are added in float64. `merge` ends the groups of both and adds their sums. The value depends on
    nothing else: not on time, threads or memory.
    """

    layout: Layout | None = None
    """Of the current model, for checks and for the type of the result. Without it the first update
    that has a name says what the array is."""
    checks: Checks = field(default_factory=Checks)
    clip: Clip | None = None
    """Scales each difference down to a norm as it is added."""
    double: bool = False
    """Adds everything in float64: half as fast, and exact to the last bit of float32."""
    denominator: float | None = None
    """Divides by this instead of by the sum of the weights: private means need a divisor that does
    not depend on who took part."""

    def __post_init__(self) -> None:
        if self.denominator is not None and not 0 < self.denominator < math.inf:
            raise errors.AggregationInvalid("Mean", "denominator", "must be greater than 0")

    def begin(self) -> Sum:
        """A sum of nothing."""
        return Sum()

    @blocks.quiet
    def add(self, state: Sum, update: Update) -> Sum:
        """The sum with one update more, in one pass over its numbers after that of the checks.

        Raises:
            errors.UpdateRefused: it does not pass the checks; or it is a difference among models,
                or a model among differences, or a model that is to be clipped.
        """
        known = {} if self.layout else {key: total.slot for key, total in state.totals.items()}
        found = dict(self.passed(update, known, state.difference))
        factors = self.factors({k: s.squares for k, s in found.items() if s.squares is not None})
        weight = float(update.weight)
        if not weight:
            return state
        for key, seen in found.items():
            total = state.totals.get(key)
            if total is None:
                total = state.totals[key] = self.total(key, update)
            total.add(seen, weight, factors.get(key, 1.0), exact=self.double)
        state.clients += 1
        state.weight += weight
        state.difference = update.difference
        return state

    @blocks.quiet
    def merge(self, state: Sum, other: Sum) -> Sum:
        """The sum of both. `other` is used up.

        Raises:
            errors.AggregationInvalid: they are sums of different arrays.
        """
        if not (state.clients and other.clients):
            return state if state.clients else other
        slots, others = ({k: t.slot for k, t in each.totals.items()} for each in (state, other))
        agree(slots, others, (state.difference, other.difference))
        for key, total in other.totals.items():
            if key in state.totals:
                state.totals[key].merge(total)
            else:
                state.totals[key] = total
        state.clients += other.clients
        state.weight += other.weight
        return state

    @blocks.quiet
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
            divisor = self.denominator or total.weight
            made[key] = form(key, total.sum(), total.slot, divisor)
        return Aggregate(
            arrays=made,
            clients=state.clients,
            weight=state.weight,
            difference=bool(state.difference),
        )

    def passed(
        self, update: Update, known: Mapping[str, Slot], difference: bool | None
    ) -> Iterator[tuple[str, Seen]]:
        """The arrays of an update, one after another, as they passed the checks; see there.

        `known`: the arrays so far, which count where there is no layout.
        """
        if self.clip is not None and not update.difference:
            raise errors.UpdateRefused(update.client, None, "it is a model; clip differences")
        return passed(
            update,
            known if self.layout is None else self.layout.slots,
            self.checks,
            exact=self.layout is not None,
            measure=self.clip is not None,
            difference=difference,
        )

    def total(self, key: str, update: Update) -> Total:
        """An empty sum for an array that `update` is the first to have."""
        return Total(Slot.of(update.arrays[key]) if self.layout is None else self.layout.slots[key])

    def factors(self, squares: Mapping[str, float]) -> Mapping[str, float]:
        """What the arrays of an update are scaled by, from the sums of their squares."""
        if self.clip is None:
            return {}
        slots = self.layout.slots.values() if self.layout is not None else ()
        layers = sum(slot.floating for slot in slots) or len(squares)
        return self.clip.factors(squares, layers=layers)
