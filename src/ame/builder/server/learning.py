"""What a round is to the server: what it sends, and what becomes of its state.

A round is a function from state and sums to state and metrics. The forms of a plan differ in where
state and sums are kept, not in what is done with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Final, Protocol

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder import process
from ame.builder.server import finishing, optimizers, state
from ame.builder.server.aggregators import aggregator, choose

NON_FINITE: Final = f"{optimizers.PLACE}/update_non_finite"

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.builder import config
    from ame.builder.server.state import Node, Nodes
    from ame.protocol.tensors import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a round comes to."""

    held: dict[str, Node]
    """The whole state after it."""
    metrics: dict[str, Node]
    """By their stats."""


class Learning(Protocol):
    """A task's rounds. What it is given and returns has names below `server/`."""

    @property
    def process(self) -> process.Process:
        """What the clients know of it."""
        ...

    def slots(self) -> tuple[state.Slot, ...]:
        """The state."""
        ...

    def stats(self) -> dict[str, str]:
        """The types of the metrics of a round, by their names."""
        ...

    def sent(self, held: Nodes) -> dict[str, Node]:
        """What clients begin with, by the names in their checkpoint."""
        ...

    def apply(self, held: Nodes, sums: Nodes) -> Round:
        """A round. `sums` of updates by the names in an update."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Rounds that move the weights."""

    process: process.Process
    weights: tuple[Array, ...]
    """Of the model, in the order of `process.weights`."""
    optimizer: optimizers.Optimizer
    aggregator: aggregator.Aggregator

    def slots(self) -> tuple[state.Slot, ...]:
        named = zip(self.process.weights, self.weights, strict=True)
        return (
            *(state.Slot(name=each.name, first=array) for each, array in named),
            *self.aggregator.slots(),
            *self.optimizer.slots(self.process.trainable),
        )

    def stats(self) -> dict[str, str]:
        said = {
            f"{aggregator.PLACE}/{name}": kind for name, kind in self.aggregator.stats().items()
        }
        return {**_stats(self.process), **said, NON_FINITE: "int32"}

    def sent(self, held: Nodes) -> dict[str, Node]:
        return {**_model(self.process, held), **self.aggregator.sent(held)}

    def apply(self, held: Nodes, sums: Nodes) -> Round:
        """An update with a number that is not finite moves nothing, and is told of."""
        made = self.aggregator.apply(held, sums)
        names = [each.name for each in self.process.trainable]
        changed, after = self.optimizer.moved(held, [held[name] for name in names], made.update)
        moved = {**changed, **dict(zip(names, after, strict=True))}
        finite = reduce(tf.logical_and, [tf.reduce_all(tf.math.is_finite(u)) for u in made.update])
        kept = {name: tf.where(finite, each, held[name]) for name, each in moved.items()}
        said = {f"{aggregator.PLACE}/{name}": each for name, each in made.metrics.items()}
        counted = finishing.finished(self.process.update.metrics, sums)
        wrong = tf.cast(tf.logical_not(finite), tf.int32)
        return Round(
            held={**held, **made.held, **kept}, metrics={**counted, **said, NON_FINITE: wrong}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Rounds that measure a model, and leave the state as it is.

    The state is that of the task that trains, from whose checkpoints it reads the weights.
    """

    process: process.Process
    training: Training

    def slots(self) -> tuple[state.Slot, ...]:
        return self.training.slots()

    def stats(self) -> dict[str, str]:
        return _stats(self.process)

    def sent(self, held: Nodes) -> dict[str, Node]:
        return _model(self.process, held)

    def apply(self, held: Nodes, sums: Nodes) -> Round:
        counted = finishing.finished(self.process.update.metrics, sums)
        return Round(held=dict(held), metrics=counted)


def of(
    settings: config.Settings,
    trainable: Sequence[Array],
    non_trainable: Sequence[Array],
    *,
    evaluates: bool,
    seed: int,
) -> Learning:
    """The rounds that settings ask for, of a model with these weights.

    From `seed`, which nobody may guess, comes the noise of a tree.

    Raises:
        errors.NoiseUnfit: a norm cannot be adapted with so much noise and so few clients.
    """
    forms = _forms(trainable), _forms(non_trainable)
    agreed = process.of(settings, *forms, evaluates=False)
    training = Training(
        process=agreed,
        weights=(*trainable, *non_trainable),
        optimizer=optimizers.choose(settings.learning),
        aggregator=choose.choose(agreed, settings, seed),
    )
    if not evaluates:
        return training
    return Evaluation(process=process.of(settings, *forms, evaluates=True), training=training)


def _forms(arrays: Sequence[Array]) -> tuple[process.Form, ...]:
    return tuple(process.Form(dtype=each.dtype.name, shape=each.shape) for each in arrays)


def _stats(agreed: process.Process) -> dict[str, str]:
    return dict.fromkeys([each.stat for each in agreed.update.metrics], "float32")


def _model(agreed: process.Process, held: Nodes) -> dict[str, Node]:
    """The weights, by their names in the checkpoint of clients."""
    names = zip((*agreed.sent.trainable, *agreed.sent.non_trainable), agreed.weights, strict=True)
    return {to.name: held[each.name] for to, each in names}
