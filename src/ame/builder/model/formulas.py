"""Losses and metrics as a number for each example, by the names that Keras has for them.

They are written with operations that devices have: Keras itself uses others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

if TYPE_CHECKING:
    from collections.abc import Callable

    from ame.builder.model.model import Node

Each: TypeAlias = "Callable[[Node, Node], Node]"
"""A number for each example, from labels and predictions of shape (examples, numbers)."""
EPSILON: Final = 1e-7
HALF: Final = 0.5
"""From where on a prediction is positive."""


def rows(tensor: Node) -> Node:
    """The same of shape (examples, numbers), where there is one number for each example."""
    return tensor if tensor.shape.rank != 1 else tf.expand_dims(tensor, -1)


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
