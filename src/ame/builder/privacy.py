"""How much noise a task needs, and what its rounds give away of any one device."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ame.aggregation.private import Accountant, losses

if TYPE_CHECKING:
    from collections.abc import Callable

    from ame.builder.config import Privacy

POPULATION: Final = 3_000_000
"""Of how many devices those of a round are taken to be a sample."""
COARSE: Final = 1e-2
"""The interval of losses while noise is sought."""
EXACT: Final = 1e-6
"""To which share of itself noise is sought."""
LEAST: Final = 0.01
"""Less noise than this is not tried."""


def epsilon(said: Privacy, goal: int, *, interval: float = losses.INTERVAL) -> float:
    """What all rounds come to, of `goal` devices each; infinite without noise.

    Independent noise: each device is in a round with the same small chance. A tree: each device is
    in one round at most, and so in as many sums as the tree is deep (Kairouz et al. 2021,
    "Practical and Private (Deep) Learning Without Sampling or Shuffling", appendix D).
    """
    if said.kind is None or not said.noise:
        return 0.0 if said.rounds == 0 else math.inf
    if said.kind.tree:
        depth = math.ceil(math.log2(said.rounds + 1))
        if said.noise < LEAST:
            return math.inf
        return Accountant().after(multiplier=said.noise, rounds=depth).epsilon(said.delta)
    return losses.epsilon(
        multiplier=said.noise,
        rate=min(1.0, goal / POPULATION),
        rounds=said.rounds,
        delta=said.delta,
        interval=interval,
    )


def least(holds: Callable[[float], bool]) -> float:
    """The least noise with which it holds, to `EXACT`, but not below `LEAST`."""
    most = LEAST
    while not holds(most):
        most *= 2
    low = most / 2
    while most > LEAST and most - low > EXACT * most:
        middle = (low + most) / 2
        low, most = (low, middle) if holds(middle) else (middle, most)
    return most


def calibrated(said: Privacy, goal: int) -> Privacy:
    """The same with its noise, the least that is enough where none is given, and what it spends."""
    if said.kind is None:
        return said
    if said.noise == 0:
        noise = least(
            lambda tried: epsilon(replace(said, noise=tried), goal, interval=COARSE) <= said.epsilon
        )
        said = replace(said, noise=noise)
    return replace(said, spent=epsilon(said, goal))
