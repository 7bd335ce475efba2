"""Optimizers on the server: the sum of a round's updates moves the weights as a gradient would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder import config
from ame.builder.server import state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.builder import process
    from ame.builder.server.state import Node, Nodes

PLACE: Final = "finalizer"
RATE: Final = f"{PLACE}/learning_rate"


class Optimizer(Protocol):
    """One step along a gradient."""

    def slots(self, weights: Sequence[process.Form]) -> tuple[state.Slot, ...]:
        """What it remembers from step to step."""
        ...

    def moved(
        self, held: Nodes, weights: Sequence[Node], gradient: Sequence[Node]
    ) -> tuple[dict[str, Node], list[Node]]:
        """What has become of its slots, and the weights after the step."""
        ...


def choose(learning: config.Learning) -> Optimizer:
    """The optimizer that the settings name."""
    match learning.server_optimizer:
        case config.Optimizer.SGD:
            return Sgd(rate=learning.server_rate)
        case config.Optimizer.ADAM:
            return Adam(rate=learning.server_rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sgd:
    """`weight - rate * gradient`. There is no momentum."""

    rate: float

    def slots(self, weights: Sequence[process.Form]) -> tuple[state.Slot, ...]:
        return (state.number(RATE, self.rate),)

    def moved(
        self, held: Nodes, weights: Sequence[Node], gradient: Sequence[Node]
    ) -> tuple[dict[str, Node], list[Node]]:
        rate = held[RATE]
        return {}, [w - tf.cast(rate, w.dtype) * g for w, g in zip(weights, gradient, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam:
    """Adam, as Kingma and Ba give it (arXiv:1412.6980), with epsilon beside the corrected root."""

    rate: float
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def slots(self, weights: Sequence[process.Form]) -> tuple[state.Slot, ...]:
        moments = (
            state.Slot(name=f"{PLACE}/{kind}/{i}", first=np.zeros(form.shape, form.dtype))
            for kind in ("accumulator", "preconditioner")
            for i, form in enumerate(weights)
        )
        return (
            state.number(RATE, self.rate),
            state.number(f"{PLACE}/beta_1", self.beta_1),
            state.number(f"{PLACE}/beta_2", self.beta_2),
            state.number(f"{PLACE}/epsilon", self.epsilon),
            state.number(f"{PLACE}/step", 0, "int32"),
            *moments,
        )

    def moved(
        self, held: Nodes, weights: Sequence[Node], gradient: Sequence[Node]
    ) -> tuple[dict[str, Node], list[Node]]:
        beta_1, beta_2 = held[f"{PLACE}/beta_1"], held[f"{PLACE}/beta_2"]
        step = held[f"{PLACE}/step"] + 1
        count = tf.cast(step, tf.float32)
        rate = held[RATE] * tf.sqrt(1.0 - tf.pow(beta_2, count)) / (1.0 - tf.pow(beta_1, count))
        changed = {f"{PLACE}/step": step}
        moved = []
        for i, (w, g) in enumerate(zip(weights, gradient, strict=True)):
            names = f"{PLACE}/accumulator/{i}", f"{PLACE}/preconditioner/{i}"
            mean, square = (held[name] for name in names)
            mean += (g - mean) * tf.cast(1.0 - beta_1, g.dtype)
            square += (tf.square(g) - square) * tf.cast(1.0 - beta_2, g.dtype)
            changed |= dict(zip(names, (mean, square), strict=True))
            root = tf.sqrt(square) + tf.cast(held[f"{PLACE}/epsilon"], g.dtype)
            moved.append(w - tf.cast(rate, w.dtype) * mean / root)
        return changed, moved
