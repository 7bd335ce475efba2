"""Metrics of a round, from the sums of what its clients counted.

The arithmetic is that of the metrics of Keras, from which clients' counts come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder.process import Finish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.builder.process import Metric
    from ame.builder.server.state import Node, Nodes


def finished(metrics: Sequence[Metric], sums: Nodes) -> dict[str, Node]:
    """Each metric's number, by its stat. `sums` by the names in the updates."""
    return {
        each.stat: _finished(each, [sums[part.name] for part in each.parts]) for each in metrics
    }


def _finished(metric: Metric, parts: Sequence[Node]) -> Node:
    match metric.finish:
        case Finish.LOSS:
            total, count = parts
            return total / count
        case Finish.MEAN:
            return tf.math.divide_no_nan(*parts)
        case Finish.ROOT:
            return tf.sqrt(tf.math.divide_no_nan(*parts))
        case Finish.PRECISION | Finish.RECALL:
            hits, others = parts
            return tf.math.divide_no_nan(hits, hits + others)[0]
        case Finish.ROC:
            hits, rejections, alarms, misses = parts
            recall = tf.math.divide_no_nan(hits, hits + misses)
            fallout = tf.math.divide_no_nan(alarms, alarms + rejections)
            return _area(fallout, recall)
        case Finish.PR:
            hits, _, alarms, misses = parts
            return _precision_area(hits, alarms, misses)


def _area(x: Node, y: Node) -> Node:
    """Under straight lines, along thresholds that rise: x falls."""
    return tf.reduce_sum((x[:-1] - x[1:]) * (y[:-1] + y[1:]) / 2.0)


def _precision_area(hits: Node, alarms: Node, misses: Node) -> Node:
    """The area under precision over recall.

    Source: Davis and Goadrich: The Relationship Between Precision-Recall and ROC Curves (2006):
    between two thresholds it is hits and alarms that are interpolated, not precision.
    """
    found = hits + alarms
    gained = hits[:-1] - hits[1:]
    slope = tf.math.divide_no_nan(gained, tf.maximum(found[:-1] - found[1:], 0.0))
    intercept = hits[1:] - slope * found[1:]
    both = tf.logical_and(found[:-1] > 0.0, found[1:] > 0.0)
    ratio = tf.where(both, tf.math.divide_no_nan(found[:-1], tf.maximum(found[1:], 0.0)), 1.0)
    area = slope * (gained + intercept * tf.math.log(ratio))
    return tf.reduce_sum(tf.math.divide_no_nan(area, tf.maximum(hits[1:] + misses[1:], 0.0)))
