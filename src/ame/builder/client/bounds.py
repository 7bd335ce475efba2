"""What a device does to its update before it leaves: so that no device can do much.

Updates with numbers that are not finite are made 0, and those with one too large, where the task
says how large; then the whole is scaled down to an L2 norm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ame.builder import process
    from ame.builder.model.model import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Finite:
    """An update of finite numbers."""

    delta: list[Node]
    kept: Node
    """Whether it is what the device found, and not 0 in its place."""


def finite(delta: Sequence[Node]) -> Finite:
    """The update, or 0 if one of its numbers is not finite."""
    kept = _all([tf.reduce_all(tf.math.is_finite(each)) for each in delta])
    return Finite(delta=_unless(tf.logical_not(kept), delta), kept=kept)


def bounded(
    delta: Sequence[Node], sent: process.Sent, update: process.Update, given: Mapping[str, Node]
) -> dict[str, Node]:
    """What is saved, by its names; `given` is what was sent, by its names."""
    made: dict[str, Node] = {}
    if sent.zeroing and update.zeroed:
        largest = tf.reduce_max(tf.stack([tf.reduce_max(tf.abs(each)) for each in _single(delta)]))
        over = largest > given[sent.zeroing.name]
        made[update.zeroed.name] = tf.cast(over, update.zeroed.dtype)
        delta = _unless(over, delta)
    if sent.clip:
        norm, clip = tf.linalg.global_norm(_single(delta)), given[sent.clip.name]
        # `tf.clip_by_global_norm` divides by a norm that may be 0, which not all devices survive
        scale = clip / tf.maximum(norm, clip)
        delta = [each * tf.cast(scale, each.dtype) for each in delta]
        if sent.estimate and sent.below_clip and update.below:
            below = tf.cast(norm <= given[sent.estimate.name], tf.float32) - 0.5
            made[update.below.name] = tf.clip_by_norm(below, given[sent.below_clip.name])
    named = (each.name for each in update.delta)
    return made | dict(zip(named, delta, strict=True))


def _single(tensors: Sequence[Node]) -> list[Node]:
    return [tf.cast(each, tf.float32) for each in tensors]


def _unless(condition: Node, tensors: Sequence[Node]) -> list[Node]:
    return [tf.where(condition, tf.zeros_like(each), each) for each in tensors]


def _all(conditions: Sequence[Node]) -> Node:
    return reduce(tf.logical_and, conditions)
