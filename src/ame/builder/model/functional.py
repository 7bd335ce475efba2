"""Functional models of TensorFlow Federated, as `save_functional_model` leaves them.

Such a SavedModel has the weights as variables, and functions that take weights as arguments. What
they take and return is read from their signatures; nothing of TensorFlow Federated is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame import errors
from ame.builder.model.model import Model, Spec, X

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.builder.model.model import Batch, Node

FUNCTIONS: Final = {True: "predict_on_batch_training", False: "predict_on_batch_inference"}
"""By whether it is training."""


def is_one(loaded: Any) -> bool:  # noqa: ANN401 - an object of TensorFlow
    """Whether this is a functional model."""
    return all(hasattr(loaded, name) for name in (*FUNCTIONS.values(), "loss", "_weights"))


def read(loaded: Any, place: str) -> Model:  # noqa: ANN401 - the same
    """The model.

    Raises:
        errors.ModelInvalid: its signatures are not those of functional models.
    """
    functions = {training: getattr(loaded, name) for training, name in FUNCTIONS.items()}
    try:
        weights, features, _ = functions[True].structured_input_signature[0]
        output, label, _ = loaded.loss.structured_input_signature[0]
        trained, _ = weights
        # an empty part of the weights is not saved, so the signature says where they part
        values = [each.numpy() for part in loaded._weights for each in part]  # noqa: SLF001 - it is called so
        single = isinstance(features, tf.TensorSpec)
        specs = {X: features} if single else _named(features)
        known = {name: spec_of(each) for name, each in specs.items()}
        labelled = spec_of(label)
    except (AttributeError, TypeError, ValueError) as error:
        why = f"its functions do not have the arguments of a functional model: {error}"
        raise errors.ModelInvalid(place, why) from None

    def predict(own: Sequence[Node], others: Sequence[Node], batch: Batch, training: bool) -> Node:
        given = tf.nest.pack_sequence_as(weights, [*own, *others])
        x = batch[X] if single else dict(batch)
        made = functions[training](model_weights=given, x=x, training=training)
        return tf.nest.pack_sequence_as(output, tf.nest.flatten(made))

    def loss(predictions: Node, labels: Node) -> Node:
        made = loaded.loss(output=predictions, label=labels, sample_weight=None)
        found = tf.cast(tf.nest.flatten(made)[0], tf.float32)
        return found if found.shape.rank == 0 else tf.reduce_mean(found)

    return Model(
        trainable=tuple(values[: len(trained)]),
        non_trainable=tuple(values[len(trained) :]),
        features=known,
        single=single,
        label=labelled,
        predict=predict,
        loss=loss,
    )


def _named(features: Any) -> dict[str, Any]:  # noqa: ANN401 - what a signature has
    if not isinstance(features, Mapping):
        raise TypeError("it takes neither one tensor nor tensors with names")
    return {name: features[name] for name in sorted(features)}


def spec_of(spec: Any) -> Spec:  # noqa: ANN401 - a TensorSpec
    """What a TensorSpec of a batch says of one example.

    Raises:
        TypeError: it is none.
        ValueError: a size beside that of the batch is not known, or that of the batch is.
    """
    if not isinstance(spec, tf.TensorSpec):
        raise TypeError(f"{type(spec).__name__}, where one tensor is known")
    batch, *shape = spec.shape.as_list() or [1]
    if batch is not None or None in shape:
        raise ValueError(f"{spec.name} has the shape {spec.shape}, not (None, sizes…)")
    return Spec(dtype=spec.dtype.name, shape=tuple(shape))
