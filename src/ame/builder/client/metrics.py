"""What a batch adds to the sums of metrics. Those of Keras of the same names give the formulas.

Predictions and labels of rank 1 count as one number for each example. Each example counts once,
however many numbers it has, so that sums of devices with batches of all sizes can be added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder.process import THRESHOLDS, Finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from ame.builder import process
    from ame.builder.model.model import Node

Each: TypeAlias = "Callable[[Node, Node], Node]"
"""A number for each example, from labels and predictions of shape (examples, numbers)."""
EPSILON: Final = 1e-7
HALF: Final = 0.5
"""From where on a prediction is positive."""


def added(metric: process.Metric, labels: Node, predictions: Node) -> tuple[Node, ...]:
    """What a batch adds to each sum of a metric; the loss is not among them."""
    p = _rows(tf.cast(predictions, tf.float32))
    y = _rows(tf.cast(labels, tf.float32))
    match metric.finish:
        case Finish.PRECISION:
            sums = _confusion(y, p, tf.constant([HALF]))
            return sums[0], sums[2]
        case Finish.RECALL:
            sums = _confusion(y, p, tf.constant([HALF]))
            return sums[0], sums[3]
        case Finish.ROC | Finish.PR:
            return _confusion(y, p, tf.constant(thresholds()))
        case _:
            values = EACH[metric.name](y, p)
            return tf.reduce_sum(values), tf.cast(tf.size(values), tf.float32)


def thresholds() -> list[float]:
    """Of the areas under curves."""
    inner = [number / (THRESHOLDS - 1) for number in range(1, THRESHOLDS - 1)]
    return [-EPSILON, *inner, 1 + EPSILON]


def _rows(tensor: Node) -> Node:
    return tensor if tensor.shape.rank != 1 else tf.expand_dims(tensor, -1)


def _confusion(y: Node, p: Node, levels: Node) -> tuple[Node, Node, Node, Node]:
    """True positives, true negatives, false positives, false negatives, at each level."""
    positive = tf.reshape(p, [1, -1]) > tf.expand_dims(levels, -1)
    true = tf.cast(tf.reshape(y, [1, -1]), tf.bool)

    def count(these: Node) -> Node:
        return tf.reduce_sum(tf.cast(these, tf.float32), axis=1)

    negative, false = tf.logical_not(positive), tf.logical_not(true)
    return (
        count(tf.logical_and(positive, true)),
        count(tf.logical_and(negative, false)),
        count(tf.logical_and(positive, false)),
        count(tf.logical_and(negative, true)),
    )


def _mean(values: Node) -> Node:
    """Over the numbers of each example."""
    return tf.reduce_mean(values, axis=-1)


def _equal(a: Node, b: Node) -> Node:
    return tf.cast(tf.equal(a, b), tf.float32)


def _clipped(p: Node) -> Node:
    return tf.clip_by_value(p, EPSILON, 1 - EPSILON)


def _binary(y: Node, p: Node) -> Node:
    sure = _clipped(p)
    return -_mean(y * tf.math.log(sure + EPSILON) + (1 - y) * tf.math.log(1 - sure + EPSILON))


def _categorical(y: Node, p: Node) -> Node:
    shares = p / tf.reduce_sum(p, axis=-1, keepdims=True)
    return -tf.reduce_sum(y * tf.math.log(_clipped(shares)), axis=-1)


def _one_hot(y: Node, p: Node) -> Node:
    """Classes as the rows that have 1 for them."""
    return tf.one_hot(tf.cast(tf.reshape(y, [-1]), tf.int32), tf.shape(p)[-1])


def _best(y: Node) -> Node:
    return tf.argmax(y, axis=-1)


def _percentage(y: Node, p: Node) -> Node:
    return 100 * _mean(tf.abs(y - p) / tf.maximum(tf.abs(y), EPSILON))


def _logarithm(values: Node) -> Node:
    return tf.math.log(tf.maximum(values, EPSILON) + 1)


def _logits(y: Node, p: Node) -> Node:
    return _mean(tf.maximum(p, 0.0) - p * y + tf.math.log(1 + tf.exp(-tf.abs(p))))


def _log_softmax(y: Node, p: Node) -> Node:
    return -tf.reduce_sum(y * tf.nn.log_softmax(p), axis=-1)


EACH: Final[dict[str, Each]] = {
    "accuracy": lambda y, p: _mean(_equal(y, p)),
    "binary_accuracy": lambda y, p: _mean(_equal(y, tf.cast(p > HALF, tf.float32))),
    "binary_crossentropy": _binary,
    "binary_crossentropy_from_logits": _logits,
    "categorical_accuracy": lambda y, p: _equal(_best(y), _best(p)),
    "categorical_crossentropy": _categorical,
    "categorical_crossentropy_from_logits": _log_softmax,
    "mean": lambda _, p: _mean(p),
    "mean_absolute_error": lambda y, p: _mean(tf.abs(y - p)),
    "mean_absolute_percentage_error": _percentage,
    "mean_squared_error": lambda y, p: _mean(tf.square(y - p)),
    "mean_squared_logarithmic_error": lambda y, p: _mean(tf.square(_logarithm(y) - _logarithm(p))),
    "root_mean_squared_error": lambda y, p: _mean(tf.square(y - p)),
    "sparse_categorical_accuracy": lambda y, p: _equal(
        tf.cast(tf.reshape(y, [-1]), tf.int64), _best(p)
    ),
    "sparse_categorical_crossentropy": lambda y, p: _categorical(_one_hot(y, p), p),
    "sparse_categorical_crossentropy_from_logits": lambda y, p: _log_softmax(_one_hot(y, p), p),
}
"""Metrics that are sums of a number for each example."""
