"""The clipping norm that follows the norms of the updates.

Each client tells whether its norm was below the estimate; the estimate moves until as many as are
wished for are. Source: Andrew, Thakkar, McMahan, Ramaswamy: Differentially Private Learning with
Adaptive Clipping (arXiv:1905.03871); `QuantileEstimatorQuery` of TensorFlow Privacy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame import errors
from ame.builder.server import state

if TYPE_CHECKING:
    from ame.builder.server.state import Node, Nodes

TARGET: Final = 0.5
"""The share of clients whose norm is to be below the estimate."""
RATE: Final = 0.2
"""By how much the estimate moves at most: its logarithm, in a round where all are off one way."""
BELOW: Final = 0.5
"""What a client tells: this if its norm was below, and the negative of it if not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noises:
    """Noise parted between the sum and the count, so that both together hide as much as asked."""

    multiplier: float
    """Of the noise on the sum."""
    deviation: float
    """Of the noise on the count of norms that were below."""


def part(noise: float, goal: int) -> Noises:
    """The count gets a twentieth of the clients as its noise.

    Raises:
        errors.NoiseUnfit: that is too little to hide the count.
    """
    if not noise:
        return Noises(multiplier=0.0, deviation=0.0)
    deviation = goal / 20
    if noise >= 2 * deviation:
        raise errors.NoiseUnfit(noise, goal)
    return Noises(multiplier=(noise**-2 - (2 * deviation) ** -2) ** -0.5, deviation=deviation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """The estimate, in the state below a place."""

    place: str
    first: float
    goal: int

    @property
    def estimate(self) -> str:
        """The name of the estimate."""
        return f"{self.place}/current_estimate"

    @property
    def count(self) -> str:
        """The place of the noise on the count."""
        return f"{self.place}/below_estimate_state/numerator_state"

    def slots(self) -> tuple[state.Slot, ...]:
        """All but those of the noise on the count."""
        return (
            state.number(self.estimate, self.first),
            state.number(f"{self.place}/target_quantile", TARGET),
            state.number(f"{self.place}/learning_rate", RATE),
            state.number(f"{self.place}/below_estimate_state/denominator", self.goal),
        )

    def moved(self, held: Nodes, noised: Node) -> Node:
        """The estimate after a round, from the noised sum of what clients told."""
        share = noised / held[f"{self.place}/below_estimate_state/denominator"] + 0.5
        share = tf.clip_by_value(share, 0.0, 1.0)
        off = share - held[f"{self.place}/target_quantile"]
        return held[self.estimate] * tf.exp(-held[f"{self.place}/learning_rate"] * off)
