"""What an aggregator promises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ame.builder import process
    from ame.builder.server import state
    from ame.builder.server.state import Node, Nodes

PLACE: Final = "aggregator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregated:
    """What a round's sums come to."""

    update: list[Node]
    """For each trainable weight what it follows, as if it were a gradient."""
    held: dict[str, Node] = field(default_factory=dict)
    """What has become of the aggregator's slots; those that are not here stay."""
    metrics: dict[str, Node] = field(default_factory=dict)


class Aggregator(Protocol):
    """The aggregator of a task. Its numbers are in the state, from which the graph reads them."""

    def stats(self) -> dict[str, str]:
        """The types of its metrics, by their names."""
        ...

    def slots(self) -> tuple[state.Slot, ...]:
        """What it remembers from round to round."""
        ...

    def sent(self, held: Nodes) -> dict[str, Node]:
        """What clients are told of it, by the names in their checkpoint."""
        ...

    def apply(self, held: Nodes, sums: Nodes) -> Aggregated:
        """A round. `sums` by the names in the updates."""
        ...


def deltas(update: process.Update, sums: Mapping[str, Node]) -> list[Node]:
    """The sums of how the weights moved, or of their gradients."""
    return [sums[each.name] for each in update.delta]


def divided(sums: Sequence[Node], by: Node) -> list[Node]:
    """Sums by one number."""
    return [each / tf.cast(by, each.dtype) for each in sums]


def there(tensor: process.Tensor | None) -> str:
    """The name of a tensor that clients agreed to."""
    assert tensor is not None
    return tensor.name
