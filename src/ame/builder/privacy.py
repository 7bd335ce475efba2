"""How much noise a task needs, and what its rounds give away of any one device."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.aggregation.private import Accountant, losses

if TYPE_CHECKING:
    from collections.abc import Callable

    from ame.builder.config import Privacy

POPULATION: Final = 3_000_000
"""Of how many devices those of a round are taken to be a sample."""
COARSE: Final = 1e-2
"""The greatest interval of losses while noise is sought."""
FINE: Final = 1e-5
"""The least one."""
NEAR: Final = 0.999
"""Which share of the target is to be spent; where it is less, noise is sought on a finer grid."""
EXACT: Final = 1e-6
"""To which share of itself noise is sought."""
LEAST, GREATEST = 0.01, 1e6
"""Less noise than this, and more, is not tried."""
RARE: Final = 1e-10
"""A smaller delta is accounted by Renyi divergences, which know no rounding."""


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
    rate = min(1.0, goal / POPULATION)
    if said.delta < RARE:
        if said.noise < LEAST:
            return math.inf
        spent = Accountant().after(multiplier=said.noise, rate=rate, rounds=said.rounds)
        return spent.epsilon(said.delta)
    return losses.epsilon(
        multiplier=said.noise,
        rate=rate,
        rounds=said.rounds,
        delta=said.delta,
        interval=interval,
    )


def least(spent: Callable[[float], float], target: float, *, most: float = LEAST) -> float:
    """The least noise with which no more than the target is spent, but not below `LEAST`.

    To `EXACT` of the noise, or of what is spent. `most` is where the search begins.

    Raises:
        errors.AggregationInvalid: `GREATEST` is not enough.
    """
    low, beyond = LEAST, math.inf
    while (inside := spent(most)) > target:
        low, beyond, most = most, inside, most * 2
        if most > GREATEST:
            raise errors.AggregationInvalid("privacy", "noise", f"would be above {GREATEST:g}")
    turn = 0
    while most - low > EXACT * most and inside < (1 - EXACT) * target:
        turn += 1
        share = 0.5
        if turn % 3 and inside > 0 and beyond < math.inf:  # a straight line, where all are powers
            share = math.log(beyond / target) / math.log(beyond / inside)
        middle = low * (most / low) ** share
        found = spent(middle)
        if found <= target:
            most, inside = middle, found
        else:
            low, beyond = middle, found
    return most


def calibrated(said: Privacy, goal: int) -> Privacy:
    """The same with its noise, the least that is enough where none is given, and what it spends.

    Noise is sought on a grid of losses as coarse as it may be, which errs to the side of more
    noise. What errs adds up with the rounds.

    Raises:
        errors.AggregationInvalid: no noise is enough.
    """
    if said.kind is None:
        return said
    if said.noise:
        return replace(said, spent=epsilon(said, goal))
    interval = max(FINE, min(COARSE, COARSE * said.epsilon / 10, 0.3 / math.sqrt(said.rounds)))
    found = said
    while True:
        found = _calibrated(found, goal, interval)
        if found.spent >= NEAR * said.epsilon or interval <= FINE or found.noise <= LEAST:
            return found
        interval /= 10


def _calibrated(said: Privacy, goal: int, interval: float) -> Privacy:
    """With the noise that is enough by this grid, sought from that of a coarser one."""

    def spent(noise: float) -> float:
        return epsilon(replace(said, noise=noise), goal, interval=interval)

    found = replace(said, noise=least(spent, said.epsilon, most=said.noise or LEAST))
    return replace(found, spent=epsilon(found, goal, interval=min(interval, losses.INTERVAL)))
