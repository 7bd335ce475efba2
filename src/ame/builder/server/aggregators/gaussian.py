"""Gaussian noise on a sum, which a round draws anew.

Source: `GaussianSumQuery` of TensorFlow Privacy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder.server import state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.builder.server.state import Node, Nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussian:
    """Noise of one standard deviation, on the sum of records clipped to one norm."""

    place: str
    clip: float
    deviation: float

    @property
    def names(self) -> tuple[str, str]:
        """Of the norm that a record is clipped to, and of the noise's standard deviation."""
        return f"{self.place}/l2_norm_clip", f"{self.place}/stddev"

    def slots(self) -> tuple[state.Slot, ...]:
        clip, deviation = self.names
        return (state.number(clip, self.clip), state.number(deviation, self.deviation))

    def noised(self, held: Nodes, sums: Sequence[Node]) -> list[Node]:
        """The sums with noise on each of their numbers."""
        deviation = held[self.names[1]]
        return [
            each + tf.cast(deviation, each.dtype) * tf.random.normal(each.shape, dtype=each.dtype)
            for each in sums
        ]

    def multiplier(self, held: Nodes) -> Node:
        """The noise as a multiple of the norm."""
        clip, deviation = self.names
        return held[deviation] / held[clip]
