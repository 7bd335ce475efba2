"""What an update must be to be folded. All of it is known before anything is added."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ame import errors
from ame.aggregation.arrays import Array, View, blocks, view
from ame.aggregation.layout import Slot
from ame.aggregation.update import Update

_KINDS = {
    True: "it is a difference, others are models",
    False: "it is a model, others are differences",
}
_WHOLE = 1 << 53
"""Up to here every integer is a float64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What is refused beside shapes, types and names that are not the model's.

    Integers beyond 2^53 are always refused, since their mean would not be exact.
    """

    finite: bool = True
    """Numbers that are not finite. False is for updates that are known to be so: it saves a pass
    over the numbers, and what is not finite goes into the aggregate."""
    norm: float | None = None
    """The greatest L2 norm over all floating numbers of the update."""
    complete: bool = False
    """An update that lacks an array of the model."""

    def __post_init__(self) -> None:
        if self.norm is not None and not self.norm > 0:
            raise errors.AggregationInvalid("Checks", "norm", "must be greater than 0")


@dataclass(frozen=True, slots=True)
class Seen:
    """An array of an update that has passed."""

    view: View
    squares: float | None
    """The sum of its squares; None if that was not needed, or it is of integers."""


def passed(
    update: Update,
    slots: Mapping[str, Slot],
    checks: Checks,
    *,
    exact: bool,
    difference: bool | None,
    measure: bool = False,
) -> Iterator[tuple[str, Seen]]:
    """The arrays of an update, one after another, as they passed the checks.

    Only when all have been seen has the update passed. Who takes them is `blocks.quiet`.

    Args:
        update: what a client sent.
        slots: what is known of the model's arrays.
        checks: what to refuse.
        exact: `slots` are all that there are; else a new name makes a new one.
        difference: what the updates before it were, None if there were none.
        measure: the squares are needed, whatever the checks are.

    Raises:
        errors.UpdateRefused: it does not pass.
    """
    if not (math.isfinite(update.weight) and update.weight >= 0):
        raise errors.UpdateRefused(update.client, None, f"its weight is {update.weight}")
    if difference not in (None, update.difference):
        raise errors.UpdateRefused(update.client, None, _KINDS[update.difference])
    measure = measure or checks.finite or checks.norm is not None
    squares = 0.0
    for key, value in update.arrays.items():
        slot = slots.get(key)
        if slot is None and exact:
            raise errors.UpdateRefused(update.client, key, "is no array of the model")
        try:
            seen = _seen(value, slot, checks, measure=measure)
        except errors.ArrayUnsupported as error:
            raise errors.UpdateRefused(update.client, key, error.why) from None
        squares += seen.squares or 0.0
        yield key, seen
    if checks.complete:
        for key in slots:
            if key not in update.arrays:
                raise errors.UpdateRefused(update.client, key, "is missing")
    if checks.norm is not None and not math.sqrt(squares) <= checks.norm:
        why = f"its norm is {math.sqrt(squares):.6g}, beyond {checks.norm:.6g}"
        raise errors.UpdateRefused(update.client, None, why)


def _seen(value: Array, slot: Slot | None, checks: Checks, *, measure: bool) -> Seen:
    array = view(value)
    if slot is not None and slot.shape != array.shape:
        raise errors.ArrayUnsupported(f"has shape {array.shape}, not {slot.shape}")
    if not array.floating:
        _check_whole(array)
        return Seen(array, None)
    if not measure:
        return Seen(array, None)
    squares, finite = blocks.unguarded_squares(array)
    if checks.finite and not finite:
        raise errors.ArrayUnsupported(_not_finite(array))
    return Seen(array, squares)


def _check_whole(array: View) -> None:
    """Sees that integers are within what their mean is exact in."""
    if array.dtype.endswith("int64") and len(array.flat):
        least, most = int(array.flat.min()), int(array.flat.max())
        if least < -_WHOLE or most > _WHOLE:
            raise errors.ArrayUnsupported("holds integers beyond 2^53")


def _not_finite(array: View) -> str:
    """What the first number is that is not finite, and where."""
    for part in blocks.blocks(len(array.flat)):
        numbers = blocks.widen(array, part, np.empty(blocks.BLOCK, np.float64))
        wrong = np.flatnonzero(~np.isfinite(numbers))
        if len(wrong):
            place = np.unravel_index(part.start + int(wrong[0]), array.shape)
            where = f" at [{', '.join(map(str, place))}]" if place else ""
            return f"holds {numbers[wrong[0]]}{where}"
    return "holds what is not finite"
