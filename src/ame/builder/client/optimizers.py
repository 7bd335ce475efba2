"""Optimizers on a device: a step along a gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder import config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.builder.model.model import Node


class Optimizer(Protocol):
    """One step along a gradient. What it remembers is a row of tensors."""

    def start(self, weights: Sequence[Node]) -> tuple[Node, ...]:
        """What it knows before the first step."""
        ...

    def step(
        self, known: Sequence[Node], weights: Sequence[Node], gradient: Sequence[Node]
    ) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
        """What it knows after a step, and the weights."""
        ...


def choose(kind: config.Optimizer, rate: float) -> Optimizer:
    """The optimizer of that name."""
    match kind:
        case config.Optimizer.SGD:
            return Sgd(rate=rate)
        case config.Optimizer.ADAM:
            return Adam(rate=rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sgd:
    """`weight - rate * gradient`. There is no momentum."""

    rate: float

    def start(self, weights: Sequence[Node]) -> tuple[Node, ...]:  # noqa: ARG002 - it remembers nothing
        """See `Optimizer`."""
        return ()

    def step(
        self, known: Sequence[Node], weights: Sequence[Node], gradient: Sequence[Node]
    ) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
        """See `Optimizer`."""
        moved = (w - self.rate * g for w, g in zip(weights, gradient, strict=True))
        return tuple(known), tuple(moved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam:
    """Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", section 2, last lines."""

    rate: float
    first: float = 0.9
    second: float = 0.999
    epsilon: float = 1e-7

    def start(self, weights: Sequence[Node]) -> tuple[Node, ...]:
        """See `Optimizer`."""
        moments = [tf.zeros(each.shape, each.dtype) for each in weights]
        return (tf.constant(0.0), *moments, *moments)

    def step(
        self, known: Sequence[Node], weights: Sequence[Node], gradient: Sequence[Node]
    ) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
        """See `Optimizer`."""
        count, (steps, *moments) = len(weights), known
        steps += 1.0
        pairs = zip(moments[:count], gradient, strict=True)
        means = [m + (g - m) * (1 - self.first) for m, g in pairs]
        pairs = zip(moments[count:], gradient, strict=True)
        squares = [v + (tf.square(g) - v) * (1 - self.second) for v, g in pairs]
        rate = self.rate * tf.sqrt(1 - self.second**steps) / (1 - self.first**steps)
        moved = (
            w - tf.cast(rate, m.dtype) * m / (tf.sqrt(v) + self.epsilon)
            for w, m, v in zip(weights, means, squares, strict=True)
        )
        return (steps, *means, *squares), tuple(moved)
