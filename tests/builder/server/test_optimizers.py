"""Optimizers of the server, against plain arithmetic."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder.server import optimizers
from builder.server import built

pytestmark = pytest.mark.slow
WEIGHTS = [np.ones(3, np.float32), np.full((2, 2), 2, np.float32)]


def walked(optimizer: optimizers.Optimizer, gradients: list[list[Any]]) -> list[Any]:
    held = {slot.name: tf.constant(slot.first) for slot in optimizer.slots(built.forms(WEIGHTS))}
    weights = [tf.constant(each) for each in WEIGHTS]
    for gradient in gradients:
        changed, weights = optimizer.moved(held, weights, [tf.constant(each) for each in gradient])
        assert changed.keys() <= held.keys()
        held |= changed
    return [each.numpy() for each in weights]


def gradients(count: int) -> list[list[Any]]:
    chance = np.random.default_rng(2)
    return [[chance.normal(size=w.shape).astype(np.float32) for w in WEIGHTS] for _ in range(count)]


def test_sgd_goes_down_the_gradient_by_its_rate() -> None:
    steps = gradients(3)
    for i, weight in enumerate(walked(optimizers.Sgd(rate=0.5), steps)):
        assert np.allclose(weight, WEIGHTS[i] - 0.5 * sum(each[i] for each in steps))


def test_adam_goes_as_its_paper_says() -> None:
    steps = gradients(4)
    after = walked(optimizers.Adam(rate=0.1), steps)
    for i, weight in enumerate(WEIGHTS):
        expected, mean, square = weight.astype(float), 0.0, 0.0
        for number, step in enumerate(steps, 1):
            mean = 0.9 * mean + 0.1 * step[i]
            square = 0.999 * square + 0.001 * step[i] ** 2
            rate = 0.1 * np.sqrt(1 - 0.999**number) / (1 - 0.9**number)
            expected = expected - rate * mean / (np.sqrt(square) + 1e-7)
        assert np.allclose(after[i], expected, rtol=1e-5)


def test_adam_keeps_what_other_builders_keep() -> None:
    slots = optimizers.Adam(rate=0.1).slots(built.forms(WEIGHTS))
    assert {slot.name.removeprefix("finalizer/"): slot.dtype for slot in slots} == {
        **dict.fromkeys(("learning_rate", "beta_1", "beta_2", "epsilon"), "float32"),
        "step": "int32",
        **dict.fromkeys(("accumulator/0", "accumulator/1"), "float32"),
        **dict.fromkeys(("preconditioner/0", "preconditioner/1"), "float32"),
    }
