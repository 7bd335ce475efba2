"""From a device's examples to batches of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame import errors
from ame.builder.model import model as model_

if TYPE_CHECKING:
    from ame.builder import config
    from ame.builder.model import Model, Spec
    from ame.builder.model.model import Batch, Node


def label_of(model: Model, label: str) -> str:
    """What the label is called in examples.

    Raises:
        errors.ConfigInvalid: no name is given, that of a feature, or that of what examples of a
            model of one tensor do not have.
    """
    if model.single:
        if label not in {"", model_.Y}:
            why = (
                f"`label_name` is `{label}`, but the model takes a single tensor: examples have "
                f"the feature `{model_.X}`, and the label `{model_.Y}`."
            )
            raise errors.ConfigInvalid((why,))
        return model_.Y
    if not label:
        raise errors.ConfigInvalid(("Label name cannot be empty: set `label_name`.",))
    if label in model.features:
        raise errors.ConfigInvalid(
            (f"`label_name` is `{label}`, which is a feature of the model.",)
        )
    return label


def batched(
    examples: tf.data.Dataset, model: Model, policy: config.Dataset, label: str
) -> tf.data.Dataset:
    """Batches: features by their names, and labels."""
    specs = dict(model.features) | {label: model.label}

    def parsed(serialized: Node) -> tuple[Batch, Node]:
        found = tf.io.parse_example(
            serialized, {name: _feature(spec) for name, spec in specs.items()}
        )
        read = {name: tf.cast(found[name], spec.dtype) for name, spec in specs.items()}
        labels = read.pop(label)
        return read, labels

    return examples.batch(policy.batch_size).map(parsed).take(policy.max_batches)


def _feature(spec: Spec) -> tf.io.FixedLenFeature:
    """How a feature is read: examples hold no other numbers than int64 and float32."""
    if spec.dtype == "string":
        kind = tf.string
    else:
        kind = tf.float32 if tf.as_dtype(spec.dtype).is_floating else tf.int64
    return tf.io.FixedLenFeature(spec.shape, kind)
