"""Updates with a number beyond a bound are made zero by their clients, and are counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder.server.aggregators.aggregator import Aggregated, Aggregator, there

if TYPE_CHECKING:
    from ame.builder import process
    from ame.builder.server import state
    from ame.builder.server.state import Node, Nodes

NORMS: Final = 100.0
"""The bound, as a multiple of the norm to which updates are clipped at first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zeroing:
    """An aggregator of updates of which some were made zero."""

    process: process.Process
    bound: float
    inner: Aggregator

    def stats(self) -> dict[str, str]:
        inner = {f"zeroing/{name}": kind for name, kind in self.inner.stats().items()}
        return {**inner, "zeroing_norm": "float32", "zeroed_count": "int32"}

    def slots(self) -> tuple[state.Slot, ...]:
        return self.inner.slots()

    def sent(self, held: Nodes) -> dict[str, Node]:
        bound = {there(self.process.sent.zeroing): tf.constant(self.bound)}
        return {**bound, **self.inner.sent(held)}

    def apply(self, held: Nodes, sums: Nodes) -> Aggregated:
        made = self.inner.apply(held, sums)
        inner = {f"zeroing/{name}": each for name, each in made.metrics.items()}
        count = sums[there(self.process.update.zeroed)]
        metrics = {**inner, "zeroing_norm": tf.constant(self.bound), "zeroed_count": count}
        return Aggregated(update=made.update, held=made.held, metrics=metrics)
