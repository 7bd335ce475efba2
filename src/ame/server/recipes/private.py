"""Noise that hides what a device did, and an account of what is given away all the same.

The account stands in the server's checkpoint, so that it goes on wherever the model goes on.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ame import errors
from ame.aggregation import Accountant, Clip, Gaussian

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.aggregation import Aggregate
    from ame.protocol.tensors import Array

PREFIX: Final = "privacy/"
SPENT: Final = PREFIX + "spent"
"""The divergence so far, at each of the accountant's orders."""
ROUNDS: Final = PREFIX + "rounds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """What a private mean adds, and how far it may go."""

    multiplier: float
    """The deviation of the noise, in units of the clipping norm, on the sum of the updates."""
    divisor: float
    """What the sum is divided by: a number that does not depend on who took part; 1 for a sum."""
    rate: float = 1.0
    """The probability with which each device takes part in a round."""
    delta: float
    epsilon: float | None = None
    """The budget: no round that would go beyond it is begun."""
    seed: int | None = None
    """For runs that are to be repeated: whoever knows it can take the noise away."""

    def check(self, state: Mapping[str, Array]) -> None:
        """Sees that another round is within the budget.

        Raises:
            errors.BudgetSpent: it is not.
        """
        self._after(state)

    def hidden(
        self, aggregate: Aggregate, clip: Clip | None, state: dict[str, Array]
    ) -> tuple[Aggregate, dict[str, float]]:
        """The aggregate with noise, and what that and all before it gave away, which is noted.

        Raises:
            errors.BudgetSpent: this round is beyond the budget.
        """
        assert clip is not None, "noise is measured by the clipping norm"
        after, rounds = self._after(state)
        noise = Gaussian(deviation=self.multiplier * clip.norm / self.divisor)
        generator = np.random.default_rng(None if self.seed is None else [self.seed, rounds])
        state[SPENT] = np.array(after.spent)
        state[ROUNDS] = np.array(rounds)
        noised = dataclasses.replace(aggregate, arrays=noise.noised(aggregate.arrays, generator))
        return noised, {"epsilon": after.epsilon(self.delta), "delta": self.delta}

    def _after(self, state: Mapping[str, Array]) -> tuple[Accountant, int]:
        """The account after one round more, and its number."""
        rounds = int(state[ROUNDS]) + 1 if ROUNDS in state else 1
        before = Accountant(spent=tuple(state[SPENT].tolist())) if SPENT in state else Accountant()
        after = before.after(multiplier=self.multiplier, rate=self.rate)
        epsilon = after.epsilon(self.delta)
        if self.epsilon is not None and epsilon > self.epsilon:
            raise errors.BudgetSpent(epsilon, self.epsilon, rounds - 1)
        return after, rounds
