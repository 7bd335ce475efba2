"""What every recipe promises: from a checkpoint and contributions to the next checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ame.protocol.tensors import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A contribution that was read and found good."""

    tensors: Mapping[str, Array]
    weight: float
    size: int
    """Bytes that it takes in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a round amounts to."""

    state: bytes
    """The server's checkpoint after it."""
    metrics: Mapping[str, float] = field(default_factory=dict)


class Folding(Protocol):
    """A round's contributions, folded one after another. Memory does not grow with their number,
    except where the recipe says that it needs all of them.
    """

    def add(self, taken: Taken) -> None:
        """Folds one more. The same ones in the same order give the same bits."""
        ...

    def made(self, newest: bytes) -> Made:
        """What they amount to, applied to the server's newest checkpoint.

        Of rounds that run one after another that is the one that they began with.

        Raises:
            errors.RoundEmpty: there are too few of them.
        """
        ...


class Recipe(Protocol):
    """What a task's server part does. It is used from several threads at once."""

    def take(self, upload: bytes) -> Taken:
        """Reads an upload. Nothing is allocated by what it says of itself alone.

        Raises:
            errors.TensorsMalformed: it is no checkpoint.
            errors.ContributionRefused: names, shapes, types or numbers are not what they must be.
        """
        ...

    def start(self, state: bytes) -> bytes:
        """The checkpoint with which devices begin, from the server's."""
        ...

    def fold(self, state: bytes) -> Folding:
        """A folding of no contributions, to a round that began with this checkpoint."""
        ...


def told(values: Mapping[str, object]) -> dict[str, float]:
    """Of values by name those that are metrics: one finite number each."""
    found = {}
    for name, value in values.items():
        array = np.asarray(value)
        if array.size == 1 and array.dtype.kind in "iubf" and np.isfinite(array).all():
            found[name] = float(array.reshape(()))
    return found
