"""Noise of which sums over many rounds hold little: that of the nodes of a binary tree over rounds.

Source: Kairouz, McMahan, Song, Thakkar, Thakurta, Xu: Practical and Private (Deep) Learning without
Sampling or Shuffling (arXiv:2103.00039); Honaker: Efficient Use of Differentially Private Binary
Trees; `TreeResidualSumQuery` of TensorFlow Privacy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder.server import state

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ame.builder.server.state import Node, Nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The nodes that the noise of the next round needs, in the state below a place.

    For each level at which the path to the next leaf goes to the right, or ends, there is the node
    left of the path. A node holds its own noise and half of what its two children hold; so the
    noise of the sum below it is estimated from all nodes there, and weighted by its level.
    """

    place: str
    shapes: tuple[tuple[int, ...], ...]
    single: bool = False
    """There is one tensor, which has no number."""
    clip: float
    deviation: float

    @property
    def clipping(self) -> str:
        """The name of the norm that a record is clipped to."""
        return f"{self.place}/clip_value"

    @property
    def levels(self) -> str:
        """The name of the levels of the nodes."""
        return f"{self.place}/tree_state/level_buffer_idx"

    @property
    def seeds(self) -> str:
        """The name of what the next noise is made from."""
        return f"{self.place}/tree_state/value_generator_state/seeds"

    @property
    def stddev(self) -> str:
        """The name of the deviation of a node's own noise."""
        return f"{self.place}/tree_state/value_generator_state/stddev"

    @property
    def nodes(self) -> list[str]:
        """The names of the nodes, all levels in one tensor."""
        return self._numbered("tree_state/level_buffer")

    @property
    def before(self) -> list[str]:
        """The names of the noise of all rounds before, taken together."""
        return self._numbered("previous_tree_noise")

    @property
    def names(self) -> list[str]:
        """Of all of its slots."""
        return [self.clipping, self.levels, self.seeds, self.stddev, *self.nodes, *self.before]

    def slots(self, seed: int) -> tuple[state.Slot, ...]:
        """Before the first round there is the first leaf. From a seed come all noises."""
        randomness = np.random.default_rng(seed)
        leaves = [randomness.normal(0, self.deviation, (1, *shape)) for shape in self.shapes]
        seeds = randomness.integers(0, 2**62, 2, np.int64)
        return (
            state.number(self.clipping, self.clip),
            state.Slot(name=self.levels, first=np.zeros(1, np.int32), grows=True),
            state.Slot(name=self.seeds, first=seeds),
            state.number(self.stddev, self.deviation),
            *(
                state.Slot(name=name, first=leaf.astype(np.float32), grows=True)
                for name, leaf in zip(self.nodes, leaves, strict=True)
            ),
            *(
                state.Slot(name=name, first=np.zeros(shape, np.float32))
                for name, shape in zip(self.before, self.shapes, strict=True)
            ),
        )

    def noised(self, held: Nodes, sums: Sequence[Node]) -> tuple[list[Node], dict[str, Node]]:
        """Sums of a round with noise, and the slots after it.

        The noise is what that of all rounds so far has become, less what it was.
        """
        levels = held[self.levels]
        weights = 1.0 / (2.0 - tf.pow(0.5, tf.cast(levels, tf.float32)))
        noises = [tf.tensordot(weights, held[name], 1) for name in self.nodes]
        before = [held[name] for name in self.before]
        noised = [
            each + tf.cast(now - then, each.dtype)
            for each, now, then in zip(sums, noises, before, strict=True)
        ]
        return noised, {**self._grown(held), **dict(zip(self.before, noises, strict=True))}

    def begun(self, held: Nodes) -> dict[str, Node]:
        """The slots of a new tree, whose noise goes on from the same seeds."""
        draw = self._drawn(held)
        return {
            self.levels: tf.zeros([1], tf.int32),
            self.seeds: self._after(held[self.seeds], 1),
            **{name: leaf[None] for name, leaf in zip(self.nodes, draw(0), strict=True)},
            **{name: tf.zeros(shape) for name, shape in zip(self.before, self.shapes, strict=True)},
        }

    def _grown(self, held: Nodes) -> dict[str, Node]:
        """The slots for the next leaf.

        A leaf that is a right child completes its parent, which may complete its own; the last one
        that is complete stands for all below it.
        """
        levels, nodes = held[self.levels], [held[name] for name in self.nodes]
        filled = tf.cast(tf.equal(levels, tf.range(tf.size(levels))), tf.int32)
        complete = tf.reduce_sum(tf.math.cumprod(filled))
        draw = self._drawn(held)

        def up(level: Node, right: list[Node]) -> tuple[Node, list[Node]]:
            parents = zip(nodes, right, draw(level + 1), strict=True)
            return level + 1, [0.5 * (left[level] + node) + own for left, node, own in parents]

        level, last = tf.while_loop(
            lambda level, _: level < complete, up, (tf.constant(0), draw(0)), parallel_iterations=1
        )
        return {
            self.levels: tf.concat([[level], levels[level:]], 0),
            self.seeds: self._after(held[self.seeds], level + 1),
            **{
                name: tf.concat([node[None], rest[level:]], 0)
                for name, node, rest in zip(self.nodes, last, nodes, strict=True)
            },
        }

    def _drawn(self, held: Nodes) -> Callable[[Node], list[Node]]:
        """A function from how many were drawn since the state was kept to one node's own noise."""
        seeds, deviation = held[self.seeds], held[self.stddev]

        def draw(drawn: Node) -> list[Node]:
            first = self._after(seeds, drawn)
            return [
                deviation * tf.random.stateless_normal(shape, first + number)
                for number, shape in enumerate(self.shapes)
            ]

        return draw

    def _after(self, seeds: Node, draws: Node) -> Node:
        return seeds + tf.cast(draws, tf.int64) * len(self.shapes)

    def _numbered(self, name: str) -> list[str]:
        place = f"{self.place}/{name}"
        return [place] if self.single else [f"{place}/{i}" for i in range(len(self.shapes))]
