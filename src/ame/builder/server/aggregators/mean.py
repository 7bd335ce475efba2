"""The mean of updates that are not clipped, without noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder.server.aggregators.aggregator import Aggregated, deltas, there

if TYPE_CHECKING:
    from ame.builder import process
    from ame.builder.server import state
    from ame.builder.server.state import Node, Nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """By the number of clients, or by that of their examples."""

    update: process.Update

    def stats(self) -> dict[str, str]:
        return {}

    def slots(self) -> tuple[state.Slot, ...]:
        return ()

    def sent(self, held: Nodes) -> dict[str, Node]:
        return {}

    def apply(self, held: Nodes, sums: Nodes) -> Aggregated:
        weight = sums[there(self.update.weight)]
        totals = deltas(self.update, sums)
        return Aggregated(update=[each / tf.cast(weight, each.dtype) for each in totals])
