"""Metrics from the sums of clients, against Keras on all examples at once."""

from typing import Any

import keras  # type: ignore[import-untyped]  # it has no types
import numpy as np
import pytest
import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder import process
from ame.builder.server import finishing

pytestmark = pytest.mark.slow


def agreed(name: str) -> process.Metric:
    rounds = process.evaluation((), (), [name])
    return rounds.update.metrics[0]


def finished(metric: process.Metric, parts: list[Any]) -> float:
    sums = {
        each.name: tf.constant(np.reshape(part, each.shape), each.dtype)
        for each, part in zip(metric.parts, parts, strict=True)
    }
    [(stat, value)] = finishing.finished([metric], sums).items()
    assert stat == metric.stat
    assert value.shape == []
    return float(value)


def counted(measure: Any) -> list[Any]:
    """The sums of a metric. Keras 3 has those of areas in another order than Keras 2."""
    if isinstance(measure, keras.metrics.AUC):
        signs = ("true_positives", "true_negatives", "false_positives", "false_negatives")
        return [np.asarray(getattr(measure, sign)) for sign in signs]
    return [np.asarray(each) for each in measure.variables]


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("auc-roc", keras.metrics.AUC(curve="ROC")),
        ("auc-pr", keras.metrics.AUC(curve="PR")),
        ("precision", keras.metrics.Precision()),
        ("recall", keras.metrics.Recall()),
        ("root_mean_squared_error", keras.metrics.RootMeanSquaredError()),
        ("mean_squared_error", keras.metrics.MeanSquaredError()),
        ("binary_accuracy", keras.metrics.BinaryAccuracy()),
    ],
)
def test_a_metric_is_what_keras_makes_of_all_examples(name: str, measure: Any) -> None:
    chance = np.random.default_rng(4)
    metric, total = agreed(name), None
    for _ in range(3):
        truth = chance.integers(0, 2, 50)
        said = np.clip(0.3 * truth + 0.7 * chance.random(50), 0, 1)
        one = type(measure).from_config(measure.get_config())
        one.update_state(truth, said)
        measure.update_state(truth, said)
        parts = counted(one)
        total = parts if total is None else [a + b for a, b in zip(total, parts, strict=True)]
    assert total is not None
    assert finished(metric, total) == pytest.approx(float(measure.result()), rel=1e-5)


@pytest.mark.parametrize("name", ["auc-roc", "auc-pr", "precision", "recall", "mean"])
def test_a_metric_of_no_examples_is_0(name: str) -> None:
    metric = agreed(name)
    assert finished(metric, [np.zeros(each.shape) for each in metric.parts]) == 0


def test_a_loss_of_no_examples_is_no_number() -> None:
    metric = process.evaluation((), (), ()).update.metrics[0]
    assert np.isnan(finished(metric, [0, 0]))
    assert finished(metric, [6, 4]) == 1.5
