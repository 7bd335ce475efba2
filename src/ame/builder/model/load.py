"""Which kind of model lies in a folder or a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame import errors
from ame.builder.model import functional, plain

if TYPE_CHECKING:
    from pathlib import Path

    from ame.builder import config
    from ame.builder.model.model import Model


def load(path: Path, settings: config.Settings) -> Model:
    """The model in a folder or a file. A plain one takes its loss from the settings.

    Raises:
        errors.ModelInvalid: there is none, or it cannot be trained by devices.
    """
    if path.suffix == ".keras":
        return plain.read(path, settings.learning.loss)
    if path.is_file():
        why = "it is neither a folder nor a `.keras` file: save the model as one of these"
        raise errors.ModelInvalid(str(path), why)
    loaded = _opened(path)
    if functional.is_one(loaded):
        return functional.read(loaded, str(path))
    if plain.is_exported(loaded):
        return plain.exported(loaded, str(path), settings.learning.loss)
    raise errors.ModelInvalid(
        str(path),
        "it has no functional signature: save it with "
        "`tff.learning.models.save_functional_model`, or give a Keras model",
    )


def _opened(path: Path) -> Any:  # noqa: ANN401 - an object of TensorFlow
    try:
        return tf.saved_model.load(str(path))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise errors.ModelInvalid(str(path), str(error).partition("\n")[0]) from None
