"""Models beyond dense layers: loops, tables, frozen layers, other types of numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.builder import client, config, model
from builder.client import running
from builder.model.test_loading import keep, settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # a busy machine imports TensorFlow in minutes
    pytest.mark.filterwarnings("ignore"),  # its own
]


def sequence(*layers: Any, **options: Any) -> Any:
    import keras  # type: ignore[import-untyped]  # it has no types

    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input(**options), *layers])


def recurrent() -> Any:
    from keras import layers

    return sequence(layers.LSTM(3), layers.Dense(1), shape=(4, 2))


def words() -> Any:
    from keras import layers

    embedded = layers.Embedding(6, 2), layers.GlobalAveragePooling1D()
    return sequence(*embedded, layers.Dense(1), shape=(3,), dtype="int32")


def frozen() -> Any:
    from keras import layers

    made = sequence(layers.Dense(2), layers.LayerNormalization(), layers.Dense(1), shape=(3,))
    made.layers[0].trainable = False
    return made


def double() -> Any:
    from keras import layers

    return sequence(layers.Dense(1, dtype="float64"), shape=(3,), dtype="float64")


@pytest.mark.parametrize("place", ["model.keras", "exported"])
@pytest.mark.parametrize("made", [recurrent, words, frozen, double])
def test_an_update_is_a_step_along_the_gradient(
    tmp_path: Path, place: str, made: Callable[[], Any]
) -> None:
    import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

    kept = made()
    keep(kept, tmp_path / place)
    shape = kept.inputs[0].shape[1:]
    chance = np.random.default_rng(1)
    whole = kept.inputs[0].dtype == "int32"
    x = chance.integers(6, size=(3, *shape)) if whole else chance.normal(size=(3, *shape))
    y = chance.normal(size=(3, 1)).astype(np.float32)
    rows = [
        running.serialized(x=a.ravel().tolist(), y=b.tolist()) for a, b in zip(x, y, strict=True)
    ]

    loaded = model.load(tmp_path / place, settings("mse"))
    half = client.build(loaded, settings("mse"))
    given = running.sent(half.process, (*loaded.trainable, *loaded.non_trainable), clip=1e9)
    (found,) = running.run(tmp_path, running.as_graph(half), given, rows)

    assert len(loaded.trainable) == len(kept.trainable_variables)
    with tf.GradientTape() as tape:
        asked = x if whole else x.astype(kept.inputs[0].dtype)
        loss = tf.reduce_mean(tf.square(tf.cast(kept(asked), tf.float32) - y))
    for i, slope in enumerate(tape.gradient(loss, kept.trainable_variables)):
        dense = tf.convert_to_tensor(slope).numpy()
        np.testing.assert_allclose(found[f"update/1/{i}"], 0.1 * dense, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("algorithm", config.Algorithm)
@pytest.mark.parametrize("made", [words, frozen])
def test_either_way_to_learn_needs_only_operations_that_devices_have(
    tmp_path: Path, made: Callable[[], Any], algorithm: config.Algorithm
) -> None:
    place = tmp_path / "model.keras"
    keep(made(), place)
    asked = settings("mse", algorithm=algorithm)

    half = client.build(model.load(place, asked), asked)

    assert half.minimum_version() <= "341912000"


def test_the_normalization_of_an_exported_model_is_that_of_its_predictions(tmp_path: Path) -> None:
    from keras import layers

    kept = sequence(layers.Dense(2), layers.BatchNormalization(), layers.Dense(1), shape=(3,))
    keep(kept, tmp_path / "m")

    half = client.build(model.load(tmp_path / "m", settings("mse")), settings("mse"))

    assert half.minimum_version() == "341912000"


def test_a_loss_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    from keras import layers

    from ame.builder.making import Options, build

    sequence(layers.Dense(2), shape=(3,)).save(tmp_path / "m.keras")

    with pytest.raises(errors.ModelInvalid, match="no plan can be made of what it computes"):
        build.build(tmp_path / "m.keras", settings("ctc"), Options())


def test_a_model_without_weights_to_train_is_not_trained(tmp_path: Path) -> None:
    from keras import layers

    from ame.builder.making import Options, build

    made = sequence(layers.Dense(2), shape=(3,))
    made.trainable = False
    made.save(tmp_path / "m.keras")

    with pytest.raises(errors.ModelInvalid, match="none of its weights is to be trained"):
        build.build(tmp_path / "m.keras", settings("mse"), Options())


def test_a_file_that_is_no_model_of_a_known_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(b"\x89HDF")
    (tmp_path / "m.keras").write_bytes(b"half of a file")

    with pytest.raises(errors.ModelInvalid, match=r"neither a folder nor a `\.keras` file"):
        model.load(tmp_path / "m.h5", settings("mse"))
    with pytest.raises(errors.ModelInvalid, match="no file of Keras, or not whole"):
        model.load(tmp_path / "m.keras", settings("mse"))
