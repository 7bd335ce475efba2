"""Noise from trees on the sum of updates, clipped to one norm or to one that follows theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder.server import state
from ame.builder.server.aggregators import aggregator, events, quantile, tree
from ame.builder.server.aggregators.aggregator import Aggregated, deltas, divided, there

if TYPE_CHECKING:
    from ame.builder import process
    from ame.builder.server.state import Node, Nodes

PLACE: Final = f"{aggregator.PLACE}/inner_agg"
NUMERATOR: Final = f"{PLACE}/query_state/numerator_state"
DENOMINATOR: Final = f"{PLACE}/query_state/denominator"
INNER: Final = f"{NUMERATOR}/inner_query_state"
MULTIPLIER: Final = f"{INNER}/noise_multiplier"
ROUNDS: Final = f"{NUMERATOR}/indicator_state"
PERIOD: Final = 1024
"""Every so many rounds the adaptive form takes its estimate as norm, and begins new trees."""
WARMUP: Final = 128
"""After so many rounds it does so for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedTree:
    """Source: `NormalizedQuery` of `TreeResidualSumQuery` of TensorFlow Privacy."""

    process: process.Process
    noise: float
    clip: float
    goal: int
    seed: int

    @property
    def sum(self) -> tree.Tree:
        """The noise on the sum."""
        shapes = tuple(each.shape for each in self.process.update.delta)
        deviation = self.clip * self.noise
        return tree.Tree(place=NUMERATOR, shapes=shapes, clip=self.clip, deviation=deviation)

    @property
    def event(self) -> events.Event:
        """That of a round."""
        return events.Event(place=PLACE, kinds=(events.UNSUPPORTED,))

    def stats(self) -> dict[str, str]:
        return {}

    def slots(self) -> tuple[state.Slot, ...]:
        return (
            *self.sum.slots(self.seed),
            state.number(DENOMINATOR, self.goal),
            *self.event.slots([]),
        )

    def sent(self, held: Nodes) -> dict[str, Node]:
        return {there(self.process.sent.clip): held[self.sum.clipping]}

    def apply(self, held: Nodes, sums: Nodes) -> Aggregated:
        noised, after = self.sum.noised(held, deltas(self.process.update, sums))
        return Aggregated(
            update=divided(noised, held[DENOMINATOR]),
            held={**after, **self.event.happened([])},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveTree:
    """The norm stays what it is as long as a tree does.

    Source: `NormalizedQuery` of `RestartQuery` of `QAdaClipTreeResSumQuery` of TensorFlow Privacy.
    """

    process: process.Process
    noises: quantile.Noises
    clip: float
    goal: int
    seed: int

    @property
    def sum(self) -> tree.Tree:
        """The noise on the sum."""
        return tree.Tree(
            place=f"{INNER}/sum_state",
            shapes=tuple(each.shape for each in self.process.update.delta),
            clip=self.clip,
            deviation=self.clip * self.noises.multiplier,
        )

    @property
    def quantile(self) -> quantile.Quantile:
        """What the norm follows."""
        place = f"{INNER}/quantile_estimator_state"
        return quantile.Quantile(place=place, first=self.clip, goal=self.goal)

    @property
    def count(self) -> tree.Tree:
        """The noise on the count of norms that were below."""
        return tree.Tree(
            place=self.quantile.count,
            shapes=((),),
            single=True,
            clip=quantile.BELOW,
            deviation=self.noises.deviation,
        )

    @property
    def event(self) -> events.Event:
        """That of a round."""
        return events.Event(place=PLACE, kinds=(events.UNSUPPORTED, events.UNSUPPORTED))

    def stats(self) -> dict[str, str]:
        return {f"dp_query_metrics/{name}": "float32" for name in ("current_clip", "estimate_clip")}

    def slots(self) -> tuple[state.Slot, ...]:
        return (
            state.number(MULTIPLIER, self.noises.multiplier),
            state.number(ROUNDS, 0, "int32"),
            *self.sum.slots(self.seed),
            *self.quantile.slots(),
            *self.count.slots(self.seed + 1),
            state.number(DENOMINATOR, self.goal),
            *self.event.slots([]),
        )

    def sent(self, held: Nodes) -> dict[str, Node]:
        sent = self.process.sent
        return {
            there(sent.clip): held[self.sum.clipping],
            there(sent.estimate): held[self.quantile.estimate],
            there(sent.below_clip): held[self.count.clipping],
        }

    def apply(self, held: Nodes, sums: Nodes) -> Aggregated:
        update = self.process.update
        noised, of_sum = self.sum.noised(held, deltas(update, sums))
        [below], of_count = self.count.noised(held, [sums[there(update.below)]])
        estimate = self.quantile.moved(held, below)
        rounds = held[ROUNDS] + 1
        after = self._renewed({**held, **of_sum, **of_count}, estimate, rounds)
        return Aggregated(
            update=divided(noised, held[DENOMINATOR]),
            held={
                **after,
                self.quantile.estimate: estimate,
                ROUNDS: rounds,
                **self.event.happened([]),
            },
            metrics={
                "dp_query_metrics/current_clip": after[self.sum.clipping],
                "dp_query_metrics/estimate_clip": estimate,
            },
        )

    def _renewed(self, held: Nodes, estimate: Node, rounds: Node) -> dict[str, Node]:
        """The slots of the trees, which are new if it is time, and of the norm."""
        names = [*self.sum.names, *self.count.names]

        def new() -> list[Node]:
            norm = {
                self.sum.clipping: estimate,
                self.sum.stddev: estimate * held[MULTIPLIER],
            }
            begun = {**norm, **self.sum.begun({**held, **norm}), **self.count.begun(held)}
            return [begun.get(name, held[name]) for name in names]

        made = tf.cond(
            tf.equal(rounds % PERIOD, WARMUP), new, lambda: [held[name] for name in names]
        )
        return dict(zip(names, made, strict=True))
