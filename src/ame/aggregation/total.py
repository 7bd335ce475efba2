"""The weighted sum of one array, in float32 and float64."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ame.aggregation.arrays import View, blocks
from ame.aggregation.checks import Seen
from ame.aggregation.layout import Slot

_GROUP = 16
"""As many arrays are added in float32 before their sum is added in float64."""

_LEAST, _MOST = 2.0**-16, 2.0**40
_LARGE = 2.0**100
"""Weights, and weighted norms, within which a float32 product loses nothing but its rounding."""

_NARROW = frozenset(("bfloat16", "float16", "float32"))


@dataclass(slots=True)
class Total:
    """The sum of w·x over clients, and that of w."""

    slot: Slot
    weight: float = 0.0
    double: npt.NDArray[np.float64] | None = None
    single: npt.NDArray[np.float32] | None = None
    pending: int = 0
    """How many arrays are in `single` and not yet in `double`."""

    def add(self, seen: Seen, weight: float, factor: float = 1.0, *, exact: bool = False) -> None:
        """Adds w·f·x to the sum, and w to that of the weights.

        `exact`: in float64, whatever the array is.
        """
        self.weight += weight
        array = seen.view
        narrow = self.slot.dtype in _NARROW and array.dtype in _NARROW and not exact
        if narrow and _LEAST <= weight <= _MOST and _moderate(seen, weight):
            self._add_single(array, weight * factor)
            return
        if self.double is None:
            self.double = np.zeros(len(array.flat))
        blocks.add(self.double, array, weight * factor)

    def merge(self, other: "Total") -> None:
        """Adds another sum, which is used up."""
        self.flush()
        other.flush()
        self.weight += other.weight
        if self.double is None:
            self.double = other.double
        elif other.double is not None:
            np.add(self.double, other.double, out=self.double)

    def sum(self) -> blocks.Floats:
        """It all, in its own memory; of a few arrays in float32."""
        if self.double is None and self.single is not None and self.pending:
            return self.single
        self.flush()
        return np.zeros(math.prod(self.slot.shape)) if self.double is None else self.double

    def _add_single(self, array: View, factor: float) -> None:
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
        """Adds what is in float32 to what is in float64."""
        if self.pending and self.single is not None:
            if self.double is None:
                self.double = self.single.astype(np.float64)
            else:
                np.add(self.double, self.single, out=self.double)
        self.pending = 0


def _moderate(seen: Seen, weight: float) -> bool:
    return seen.squares is None or weight * math.sqrt(seen.squares) < _LARGE
