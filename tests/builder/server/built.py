"""Plans of the sample's model, without a client's graph, and rounds of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ame.builder import config, process
from ame.builder.server import learning, plan
from ame.protocol.pb import plan as pb
from ame.protocol.tensors import Array, checkpoint
from ame.server.recipes import Made, Recipe, opening
from parts import sample

NOISE = 0.22200349
"""Of the sample."""
WEIGHTS = tuple(
    checkpoint.read(sample.checkpoint())[f"server/global_model_weights/trainable/{i}"]
    for i in range(4)
)


def settings(**privacy: Any) -> config.Settings:
    """Those of the sample, with another way to keep privacy."""
    said = sample.settings()
    return replace(said, privacy=replace(said.privacy, **{"noise": NOISE, **privacy}))


def forms(weights: Iterable[Array]) -> tuple[process.Form, ...]:
    return tuple(process.Form(dtype=each.dtype.name, shape=each.shape) for each in weights)


def rounds(
    said: config.Settings, weights: Sequence[Array] = WEIGHTS, *, evaluates: bool = False
) -> learning.Learning:
    """Rounds of a model all of whose weights are trained."""
    return learning.of(said, weights, (), evaluates=evaluates, seed=1)


def made(rounds: learning.Learning, *, daf: bool = False) -> pb.Plan:
    return plan.build(rounds, pb.ClientPhase(), b"", daf=daf)


def opened(plan: pb.Plan, state: bytes) -> Recipe:
    return opening.opened({}, plan=plan.SerializeToString(), state=state)


def folded(recipe: Recipe, state: bytes, updates: Iterable[Mapping[str, Array]]) -> Made:
    """A round of these updates."""
    folding = recipe.fold(state)
    for each in updates:
        folding.add(recipe.take(checkpoint.to_bytes(each)))
    return folding.made(state)


def changed(state: bytes, **values: float) -> bytes:
    """A checkpoint with other numbers, by the last part of their names."""
    tensors = checkpoint.read(state)
    for name in tensors:
        last = name.rpartition("/")[2]
        if last in values:
            tensors[name] = np.array(values[last], tensors[name].dtype)
    return checkpoint.to_bytes(tensors)


def updates(agreed: process.Process, count: int, seed: int = 0) -> list[dict[str, Array]]:
    """What clients may send: numbers of a normal distribution, counts of 1."""
    chance = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        tensors = {}
        for each in agreed.update.all:
            values = chance.normal(size=each.shape, scale=0.01)
            tensors[each.name] = np.asarray(values if each.dtype != "int32" else 1, each.dtype)
        for metric in agreed.update.metrics:
            for part in metric.parts:
                tensors[part.name] = np.abs(chance.normal(size=part.shape)).astype(part.dtype)
        made.append(tensors)
    return made
