"""What a batch adds to the sums of metrics. Those of Keras of the same names give the formulas.

Predictions and labels of rank 1 count as one number for each example. Each example counts once,
however many numbers it has, so that sums of devices with batches of all sizes can be added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame import errors
from ame.builder.model.formulas import EACH, EPSILON, HALF, rows
from ame.builder.process import THRESHOLDS, Finish

if TYPE_CHECKING:
    from ame.builder import process
    from ame.builder.model.model import Node


PAIRED: Final = {Finish.PRECISION, Finish.RECALL, Finish.ROC, Finish.PR}
"""What compares each prediction with a label of its own."""


def added(metric: process.Metric, labels: Node, predictions: Node) -> tuple[Node, ...]:
    """What a batch adds to each sum of a metric; the loss is not among them.

    Raises:
        errors.ConfigInvalid: it asks for a prediction for each label, and there are more.
    """
    p = rows(tf.cast(predictions, tf.float32))
    y = rows(tf.cast(labels, tf.float32))
    if metric.finish in PAIRED and p.shape[1:].num_elements() != y.shape[1:].num_elements():
        said = f"labels have the shape {y.shape}, predictions {p.shape}"
        raise errors.ConfigInvalid((f"Metric `{metric.name}` cannot be measured: {said}.",))
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
