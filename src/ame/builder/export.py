"""A model that a fleet has trained, for people: a checkpoint's weights in the model they are of."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ame import errors
from ame.protocol.tensors import checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ame.protocol.tensors import Array

WEIGHTS: Final = "server/global_model_weights"
ARRAYS, KERAS = ".npz", ".keras"
EXTRA: Final = "builder"
VARIABLES: Final = "variables/variables"
"""In the folder of a SavedModel."""


def export(content: bytes, model: Path | None, output: Path) -> None:
    """Writes the model with a checkpoint's weights.

    To `.npz`: the weights alone, `trainable/0` and so on. Else `model` is what the task was built
    from: a `.keras` file, or a SavedModel, which is copied with other values of its variables.

    Raises:
        errors.TensorsMalformed: the checkpoint is none.
        errors.ExportRefused: it is not of this model.
        errors.ExtraMissing: there is no TensorFlow.
    """
    found = checkpoint.read(content)
    weights = {
        name.removeprefix(f"{WEIGHTS}/"): value
        for name, value in found.items()
        if name.startswith(f"{WEIGHTS}/")
    }
    if not weights:
        raise errors.ExportRefused(f"the checkpoint has no tensors {WEIGHTS}/…")
    if output.suffix == ARRAYS:
        np.savez(output, allow_pickle=False, **weights)
        return
    if model is None:
        raise errors.ExportRefused("name the model that the task was built from, with --model")
    if model.suffix == KERAS:
        _keras(model, weights, output)
    else:
        _saved(model, weights, output)


def _keras(model: Path, weights: Mapping[str, Array], output: Path) -> None:
    try:
        import keras  # type: ignore[import-untyped]  # it has no types
    except ImportError:
        raise errors.ExtraMissing(EXTRA, "a Keras model") from None
    loaded = keras.saving.load_model(model, compile=False)
    _assign(
        {
            **_numbered("trainable", loaded.trainable_variables),
            **_numbered("non_trainable", loaded.non_trainable_variables),
        },
        weights,
    )
    loaded.save(output)


def _saved(model: Path, weights: Mapping[str, Array], output: Path) -> None:
    try:
        import tensorflow as tf  # type: ignore[import-untyped]  # it has no types
    except ImportError:
        raise errors.ExtraMissing(EXTRA, "a SavedModel") from None
    try:
        reader = tf.train.load_checkpoint(str(model / VARIABLES))
    except (tf.errors.OpError, ValueError, OSError) as error:
        raise errors.ExportRefused(f"{model} is no SavedModel ({error})") from None
    if any(name.startswith("_weights/") for name in reader.get_variable_to_shape_map()):
        _functional(model, reader, weights, output)
    else:
        _exported(model, weights, output)


def _functional(
    model: Path,
    reader: Any,  # noqa: ANN401 - TensorFlow has no types
    weights: Mapping[str, Array],
    output: Path,
) -> None:
    """A copy of a functional model; nothing in it is run."""
    import tensorflow as tf

    shapes = reader.get_variable_to_shape_map()
    keys = {_key(name): name for name in weights}
    there = {name: tuple(shape) for name, shape in shapes.items() if name.startswith("_weights/")}
    _fitting({keys.get(key, key): shape for key, shape in there.items()}, weights)
    names = sorted(shapes)
    values = [weights[keys[name]] if name in keys else reader.get_tensor(name) for name in names]
    for each in sorted(model.rglob("*")):
        if each.is_file():  # copied without its permissions: it may be that nobody writes there
            into = output / each.relative_to(model)
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(each, into)
    tf.raw_ops.SaveV2(
        prefix=str(output / VARIABLES),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=values,
    )


def _exported(model: Path, weights: Mapping[str, Array], output: Path) -> None:
    """A SavedModel that Keras exported, loaded, and saved again."""
    import tensorflow as tf

    from ame.builder.model import lifting, plain

    loaded = tf.saved_model.load(str(model))
    if not plain.is_exported(loaded):
        raise errors.ExportRefused(f"{model} is no model that tasks are built from")
    lifted = lifting.lifted(loaded, loaded.signatures[plain.SERVING], str(model))
    _assign(
        {
            **_numbered("trainable", lifted.trainable),
            **_numbered("non_trainable", lifted.non_trainable),
        },
        weights,
    )
    tf.saved_model.save(loaded, str(output), signatures=dict(loaded.signatures))


def _key(name: str) -> str:
    """A weight's name in the variables of a functional model."""
    kind, _, number = name.rpartition("/")
    return f"_weights/{int(kind != 'trainable')}/{number}/.ATTRIBUTES/VARIABLE_VALUE"


def _numbered(kind: str, variables: Iterable[Any]) -> dict[str, Any]:
    return {f"{kind}/{number}": each for number, each in enumerate(variables)}


def _assign(named: Mapping[str, Any], weights: Mapping[str, Array]) -> None:
    _fitting({name: tuple(each.shape) for name, each in named.items()}, weights)
    for name, each in named.items():
        each.assign(weights[name])


def _fitting(there: Mapping[str, tuple[int, ...]], weights: Mapping[str, Array]) -> None:
    """Sees that the weights are those of the model.

    Raises:
        errors.ExportRefused: they are not.
    """
    given = {name: value.shape for name, value in weights.items()}
    if there != given:
        raise errors.ExportRefused(
            f"the checkpoint is of another model: it has {_shown(given)}, the model {_shown(there)}"
        )


def _shown(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in sorted(shapes.items()))
