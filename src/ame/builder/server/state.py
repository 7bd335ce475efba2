"""The server's state: tensors by their names below `server/`, and the first values of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from ame.protocol.tensors import checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ame.protocol.tensors import Array

PREFIX: Final = "server/"
Node: TypeAlias = Any
"""A tensor in a graph. TensorFlow has no types."""
Nodes: TypeAlias = "Mapping[str, Node]"
"""Tensors in a graph by their names in a state, a checkpoint or an update."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One tensor of the state."""

    name: str
    """Below `server/`."""
    first: Array
    """Its value before the first round. Of texts it is an array of `bytes`."""
    grows: bool = False
    """The length of its first dimension changes from round to round."""

    @property
    def dtype(self) -> str:
        """As TensorFlow names it."""
        return "string" if self.first.dtype == object else self.first.dtype.name

    @property
    def shape(self) -> tuple[int | None, ...]:
        """None: any length."""
        return (None, *self.first.shape[1:]) if self.grows else self.first.shape


def number(name: str, value: float, dtype: str = "float32") -> Slot:
    """A slot of one number."""
    return Slot(name=name, first=np.array(value, dtype))


def text(name: str, value: str) -> Slot:
    """A slot of one text."""
    return Slot(name=name, first=np.array(value.encode(), object))


def zeros(array: Array) -> Array:
    """As many zeros; of texts empty ones."""
    return np.full(array.shape, b"", object) if array.dtype == object else np.zeros_like(array)


def first(slots: Iterable[Slot], *, blank: bool) -> bytes:
    """The checkpoint that a task begins with.

    `blank`: all is zero or empty. So begins an evaluation, which runs on checkpoints that another
    task made.
    """
    return checkpoint.to_bytes(
        {PREFIX + slot.name: zeros(slot.first) if blank else slot.first for slot in slots}
    )
