"""The names, shapes and types of a model's arrays, by which updates are checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from ame import errors
from ame.aggregation.arrays import (
    FLOATS,
    Array,
    Arrays,
    Kind,
    View,
    blocks,
    given_back,
    kind_of,
    view,
)


@dataclass(frozen=True, slots=True)
class Slot:
    """What one array of the model is."""

    shape: tuple[int, ...]
    dtype: str
    kind: Kind

    @property
    def floating(self) -> bool:
        """Whether it holds fractions."""
        return self.dtype in FLOATS

    @classmethod
    def of(cls, value: Array) -> Self:
        """That of a value.

        Raises:
            errors.ArrayUnsupported: it is no array of real numbers.
        """
        seen = view(value)
        return cls(seen.shape, seen.dtype, kind_of(value))


@dataclass(frozen=True, slots=True)
class Layout:
    """What the arrays of a model are, by name."""

    slots: Mapping[str, Slot]

    @classmethod
    def of(cls, model: Arrays) -> Self:
        """That of a model.

        Raises:
            errors.ArrayUnsupported: a value is no array of real numbers.
        """
        return cls({key: Slot.of(value) for key, value in model.items()})


def agree(
    slots: Mapping[str, Slot],
    others: Mapping[str, Slot],
    differences: tuple[bool | None, bool | None],
) -> None:
    """Sees that two states can be merged: same shapes under the same names, and one kind of update.

    Raises:
        errors.AggregationInvalid: they cannot.
    """
    if None not in differences and differences[0] != differences[1]:
        why = "is of another kind: one of models, one of differences"
        raise errors.AggregationInvalid("merge", "other", why)
    for key, slot in others.items():
        own = slots.get(key, slot)
        if own.shape != slot.shape:
            why = f"has `{key}` of shape {slot.shape}, not {own.shape}"
            raise errors.AggregationInvalid("merge", "other", why)


def form(key: str, numbers: blocks.Floats, slot: Slot, divisor: float | None = None) -> Array:
    """Numbers, divided, as an array of the model: its shape, its type, and its framework's.

    Integers and booleans are rounded to the nearest, ties to even.

    Raises:
        errors.AggregateOverflow: a number is beyond the type.
    """
    try:
        fitting = blocks.fitting(numbers, slot.dtype, divisor)
    except OverflowError:
        raise errors.AggregateOverflow(key, slot.dtype) from None
    return given_back(View(fitting, slot.dtype, slot.shape), slot.kind)
