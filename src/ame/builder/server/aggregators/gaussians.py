"""Gaussian noise on the sum of updates, clipped to one norm or to one that follows theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ame.builder.server import state
from ame.builder.server.aggregators import events, gaussian, quantile
from ame.builder.server.aggregators.aggregator import PLACE, Aggregated, deltas, divided, there

if TYPE_CHECKING:
    from ame.builder import process
    from ame.builder.server.state import Node, Nodes

NUMERATOR: Final = f"{PLACE}/query_state/numerator_state"
DENOMINATOR: Final = f"{PLACE}/query_state/denominator"
MULTIPLIER: Final = f"{NUMERATOR}/noise_multiplier"
FIXED: Final = events.Event(place=PLACE, kinds=(events.GAUSSIAN,))
ADAPTIVE: Final = events.Event(place=PLACE, kinds=(events.GAUSSIAN, events.GAUSSIAN))


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedGaussian:
    """The sum is divided by how many contributions a round asks for, not by how many there were.

    Source: McMahan, Ramage, Talwar, Zhang: Learning Differentially Private Recurrent Language
    Models (arXiv:1710.06963); `NormalizedQuery` of `GaussianSumQuery`.
    """

    process: process.Process
    noise: float
    clip: float
    goal: int

    @property
    def sum(self) -> gaussian.Gaussian:
        """The noise on the sum."""
        deviation = self.clip * self.noise
        return gaussian.Gaussian(place=NUMERATOR, clip=self.clip, deviation=deviation)

    def stats(self) -> dict[str, str]:
        return {}

    def slots(self) -> tuple[state.Slot, ...]:
        return (
            *self.sum.slots(),
            state.number(DENOMINATOR, self.goal),
            *FIXED.slots([self.noise]),
        )

    def sent(self, held: Nodes) -> dict[str, Node]:
        return {there(self.process.sent.clip): held[self.sum.names[0]]}

    def apply(self, held: Nodes, sums: Nodes) -> Aggregated:
        noised = self.sum.noised(held, deltas(self.process.update, sums))
        return Aggregated(
            update=divided(noised, held[DENOMINATOR]),
            held=FIXED.happened([self.sum.multiplier(held)]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveGaussian:
    """Source: `NormalizedQuery` of `QuantileAdaptiveClipSumQuery` of TensorFlow Privacy."""

    process: process.Process
    noises: quantile.Noises
    clip: float
    goal: int

    @property
    def quantile(self) -> quantile.Quantile:
        """What the norm follows."""
        place = f"{NUMERATOR}/quantile_estimator_state"
        return quantile.Quantile(place=place, first=self.clip, goal=self.goal)

    @property
    def sum(self) -> gaussian.Gaussian:
        """The noise on the sum."""
        deviation = self.clip * self.noises.multiplier
        return gaussian.Gaussian(
            place=f"{NUMERATOR}/sum_state", clip=self.clip, deviation=deviation
        )

    @property
    def count(self) -> gaussian.Gaussian:
        """The noise on the count of norms that were below."""
        return gaussian.Gaussian(
            place=self.quantile.count, clip=quantile.BELOW, deviation=self.noises.deviation
        )

    def stats(self) -> dict[str, str]:
        return {"dp_query_metrics/clip": "float32"}

    def slots(self) -> tuple[state.Slot, ...]:
        noises = [self.noises.multiplier, self.noises.deviation / quantile.BELOW]
        return (
            state.number(MULTIPLIER, self.noises.multiplier),
            *self.sum.slots(),
            *self.quantile.slots(),
            *self.count.slots(),
            state.number(DENOMINATOR, self.goal),
            *ADAPTIVE.slots(noises),
        )

    def sent(self, held: Nodes) -> dict[str, Node]:
        sent = self.process.sent
        return {
            there(sent.clip): held[self.sum.names[0]],
            there(sent.estimate): held[self.quantile.estimate],
            there(sent.below_clip): held[self.count.names[0]],
        }

    def apply(self, held: Nodes, sums: Nodes) -> Aggregated:
        update = self.process.update
        noised = self.sum.noised(held, deltas(update, sums))
        [below] = self.count.noised(held, [sums[there(update.below)]])
        estimate = self.quantile.moved(held, below)
        clip, deviation = self.sum.names
        return Aggregated(
            update=divided(noised, held[DENOMINATOR]),
            held={
                clip: estimate,
                deviation: estimate * held[MULTIPLIER],
                self.quantile.estimate: estimate,
                **ADAPTIVE.happened([self.sum.multiplier(held), self.count.multiplier(held)]),
            },
            metrics={"dp_query_metrics/clip": estimate},
        )
