"""What devices compute, with every choice that a task has, against NumPy."""

import functools
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame.builder import client, config, model, process
from ame.builder.config import Aggregator, Algorithm, Optimizer
from ame.protocol.tensors import Array
from builder import models
from builder.client import running

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # TensorFlow's own
RATE = 0.25
BATCH = 4
CLIP, ESTIMATE, ZEROING = 0.2, 0.7, 0.4


@functools.cache
def softmax() -> model.Model:
    with tempfile.TemporaryDirectory() as folder:
        return model.load(models.softmax(Path(folder)), running.sample_settings())


def settings(
    *,
    algorithm: Algorithm = Algorithm.FED_AVG,
    optimizer: Optimizer = Optimizer.SGD,
    kind: Aggregator | None = None,
    metrics: tuple[str, ...] = (),
    max_batches: int = -1,
    label: str = "",
) -> config.Settings:
    made = running.sample_settings()
    return replace(
        made,
        label=label,
        metrics=metrics,
        learning=replace(
            made.learning, algorithm=algorithm, client_optimizer=optimizer, client_rate=RATE
        ),
        privacy=replace(made.privacy, kind=kind),
        dataset=config.Dataset(batch_size=BATCH, max_batches=max_batches),
    )


def drawn(count: int) -> tuple[Array, Array]:
    chance = np.random.default_rng(9)
    return chance.normal(size=(count, 4)).astype(np.float32), chance.integers(3, size=count)


def by_hand(asked: config.Settings, x: Array, y: Array) -> tuple[list[Array], float]:
    """How far the weights move, or their gradient; and the sum of the losses."""
    weights = [each.astype(float) for each in softmax().trainable]
    means, squares = ([np.zeros_like(each) for each in weights] for _ in range(2))
    first, total = [each.copy() for each in weights], 0.0
    average = asked.learning.algorithm is Algorithm.FED_AVG
    begins = range(0, len(y), BATCH if average else max(len(y), 1))
    slopes = [np.zeros_like(each) for each in weights]
    for step, begin in enumerate(begins, 1):
        part = slice(begin, begin + (BATCH if average else len(y)))
        logits = x[part] @ weights[0] + weights[1]
        chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        total -= np.log(chances[np.arange(len(chances)), y[part]]).sum()
        off = (chances - np.eye(3)[y[part]]) / len(chances)
        slopes = [x[part].T @ off, off.sum(axis=0)]
        if asked.learning.client_optimizer is Optimizer.SGD:
            weights = [w - RATE * g for w, g in zip(weights, slopes, strict=True)]
            continue
        means = [0.9 * m + 0.1 * g for m, g in zip(means, slopes, strict=True)]
        squares = [0.999 * v + 0.001 * g**2 for v, g in zip(squares, slopes, strict=True)]
        rate = RATE * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        weights = [
            w - rate * m / (np.sqrt(v) + 1e-7)
            for w, m, v in zip(weights, means, squares, strict=True)
        ]
    return ([a - b for a, b in zip(first, weights, strict=True)] if average else slopes), total


def expected(asked: config.Settings, x: Array, y: Array) -> dict[str, Any]:
    """The update, by the names of `process.Update`."""
    delta, total = by_hand(asked, x, y)
    made: dict[str, Any] = {"loss": (total, len(y))}
    kind = asked.privacy.kind
    if kind is None:
        weighted = asked.learning.algorithm is Algorithm.FED_SGD
        made["weight"] = len(y) if weighted else 1
        delta = [each * made["weight"] for each in delta]
    else:
        if kind.tree:
            made["zeroed"] = int(max(np.abs(each).max() for each in delta) > ZEROING)
            delta = [each * (1 - made["zeroed"]) for each in delta]
        norm = np.sqrt(sum((each**2).sum() for each in delta))
        delta = [each * min(1.0, CLIP / max(norm, 1e-30)) for each in delta]
        if kind.adaptive:
            made["below"] = 0.5 if norm <= ESTIMATE else -0.5
    return made | {"delta": delta}


WAYS = [
    (Algorithm.FED_AVG, Optimizer.SGD),
    (Algorithm.FED_AVG, Optimizer.ADAM),
    (Algorithm.FED_SGD, Optimizer.SGD),  # it takes no step on a device
]


@pytest.mark.parametrize("kind", [None, *Aggregator])
@pytest.mark.parametrize(("algorithm", "optimizer"), WAYS)
def test_an_update_is_what_numpy_says(
    tmp_path: Path, algorithm: Algorithm, optimizer: Optimizer, kind: Aggregator
) -> None:
    asked = settings(algorithm=algorithm, optimizer=optimizer, kind=kind)
    made = client.build(softmax(), asked)
    numbers = {"clip": CLIP, "estimate": ESTIMATE, "below_clip": 0.5, "zeroing": ZEROING}
    numbers = {name: each for name, each in numbers.items() if getattr(made.process.sent, name)}
    given = running.sent(made.process, softmax().trainable, **numbers)
    drawings = [drawn(count) for count in (11, 2)]
    rows = [[running.serialized(x=a, y=b) for a, b in zip(x, y, strict=True)] for x, y in drawings]

    updates = running.run(tmp_path, running.as_graph(made), given, *rows)

    for found, (x, y) in zip(updates, drawings, strict=True):
        compare(made.process.update, found, expected(asked, x, y))


def compare(update: process.Update, found: dict[str, Array], wanted: dict[str, Any]) -> None:
    assert {each.name: (each.dtype, each.shape) for each in update.all} == {
        name: (array.dtype.name, array.shape) for name, array in found.items()
    }
    for name in ("weight", "below", "zeroed"):
        tensor = getattr(update, name)
        assert (tensor is None) == (name not in wanted)
        if tensor:
            assert found[tensor.name] == wanted[name]
    loss = [found[each.name] for each in update.metrics[-1].parts]
    np.testing.assert_allclose(loss, wanted["loss"], rtol=1e-4)
    for tensor, value in zip(update.delta, wanted["delta"], strict=True):
        np.testing.assert_allclose(found[tensor.name], value, rtol=2e-3, atol=1e-6)
