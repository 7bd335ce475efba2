"""Plain Keras models: a `.keras` file, or the SavedModel of one. The settings name the loss."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any, Final

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame import errors
from ame.builder.model import formulas, lifting
from ame.builder.model.model import Model, Spec, X

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ame.builder.model.model import Batch, Loss, Node

SERVING: Final = "serving_default"
CLASSES: Final = "sparse_"
"""How the name of a loss begins whose labels are the numbers of classes."""


def read(path: Path, loss: str) -> Model:
    """The model in a `.keras` file.

    Raises:
        errors.ModelInvalid: it cannot be read, or trained by devices.
    """
    import keras  # type: ignore[import-untyped]  # it has none

    place = str(path)
    if not zipfile.is_zipfile(path):
        raise errors.ModelInvalid(place, "it is no file of Keras, or not whole")
    try:
        made = keras.saving.load_model(path, compile=not loss)
    except (OSError, TypeError, ValueError) as error:
        raise errors.ModelInvalid(place, str(error).partition("\n")[0]) from None
    if not made.built or not made.inputs:
        raise errors.ModelInvalid(place, "it has no inputs of a known shape: build it, then save")
    if len(made.outputs) != 1:
        raise errors.ModelInvalid(place, f"it has {len(made.outputs)} outputs, not one")
    single = len(made.inputs) == 1
    features = {X if single else each.name: _spec(each, place) for each in made.inputs}
    names = [X] if single else [each.name for each in made.inputs]

    def predict(own: Sequence[Node], others: Sequence[Node], batch: Batch, training: bool) -> Node:
        row = [batch[name] for name in names]
        given = row[0] if single else tf.nest.pack_sequence_as(made.input, row)
        predictions, _ = made.stateless_call(own, others, given, training=training)
        return predictions

    found, classes = loss_of(loss, getattr(made, "loss", None), place)
    return Model(
        trainable=tuple(each.numpy() for each in made.trainable_variables),
        non_trainable=tuple(each.numpy() for each in made.non_trainable_variables),
        features=dict(sorted(features.items())),
        single=single,
        label=_label(_spec(made.outputs[0], place), classes),
        predict=predict,
        loss=found,
    )


def is_exported(loaded: Any) -> bool:  # noqa: ANN401 - an object of TensorFlow
    """Whether this is a model that Keras exported, or saved in this form."""
    return hasattr(loaded, "trainable_variables") and SERVING in getattr(loaded, "signatures", ())


def exported(loaded: Any, place: str, loss: str) -> Model:  # noqa: ANN401 - the same
    """The model in a SavedModel that Keras exported. It is trained as it predicts: what acts in
    training alone, such as dropout, was not exported.

    Raises:
        errors.ModelInvalid: it cannot be trained by devices.
    """
    function = loaded.signatures[SERVING]
    lifted = lifting.lifted(loaded, function, place)
    if len(function.outputs) != 1:
        raise errors.ModelInvalid(place, f"it has {len(function.outputs)} outputs, not one")
    specs = function.structured_input_signature[1]
    given = sorted(specs)
    names = [X] if len(given) == 1 else given

    def predict(own: Sequence[Node], others: Sequence[Node], batch: Batch, training: bool) -> Node:  # noqa: ARG001 - it is the same
        return lifted.compute([*own, *others], [batch[name] for name in names])[0]

    found, classes = loss_of(loss, None, place)
    pairs = zip(names, given, strict=True)
    return Model(
        trainable=tuple(each.numpy() for each in lifted.trainable),
        non_trainable=tuple(each.numpy() for each in lifted.non_trainable),
        features={name: _spec(specs[known], place) for name, known in pairs},
        single=len(given) == 1,
        label=_label(_spec(function.outputs[0], place), classes),
        predict=predict,
        loss=found,
    )


def loss_of(name: str, compiled: Any, place: str) -> tuple[Loss, bool]:  # noqa: ANN401 - Keras has no types
    """The loss of that name, or else the one that the model was compiled with; and whether its
    labels are numbers of classes.

    Raises:
        errors.ModelInvalid: there is none.
    """
    import keras

    asked = name or compiled
    if not asked:
        raise errors.ModelInvalid(
            place, "it has no loss: name one of Keras in `learning_process { loss: … }`"
        )
    if isinstance(asked, str) and asked in formulas.EACH:
        found, known = formulas.EACH[asked], asked
    else:
        try:
            found = keras.losses.get(asked)
        except ValueError:
            raise errors.ModelInvalid(place, f"Keras has no loss `{asked}`") from None
        known = getattr(found, "name", "") or getattr(found, "__name__", "")

    def loss(predictions: Node, labels: Node) -> Node:
        labels = tf.cast(labels, predictions.dtype)
        each = found(formulas.rows(labels), formulas.rows(predictions))
        return tf.cast(tf.reduce_mean(each), tf.float32)

    return loss, known.startswith(CLASSES)


def _label(output: Spec, classes: bool) -> Spec:
    return Spec(dtype="int64", shape=output.shape[:-1]) if classes else output


def _spec(tensor: Any, place: str) -> Spec:  # noqa: ANN401 - the same
    batch, *shape = tensor.shape
    if batch is not None or None in shape:
        why = f"`{tensor.name}` has the shape {tensor.shape}, not (None, sizes…)"
        raise errors.ModelInvalid(place, why)
    return Spec(dtype=tf.as_dtype(tensor.dtype).name, shape=tuple(shape))
