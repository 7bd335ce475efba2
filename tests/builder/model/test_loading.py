"""Models of each kind, as people bring them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.builder import client, config, model
from ame.builder.model import Spec
from builder import models
from builder.client import running

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # TensorFlow's own


def settings(loss: str = "", label: str = "", **learning: Any) -> config.Settings:
    made = running.sample_settings()
    return replace(made, label=label, learning=replace(made.learning, loss=loss, **learning))


def keep(made: Any, path: Path) -> None:
    """As a file of Keras, or as a SavedModel."""
    if path.suffix == ".keras":
        made.save(path)
    else:
        made.export(path, verbose=False)


def test_the_sample_is_loaded_as_it_is() -> None:
    made = running.sample_model()

    assert [each.shape for each in made.trainable] == [(784, 256), (256,), (256, 2), (2,)]
    assert made.non_trainable == ()
    assert made.features == {"x": Spec(dtype="float32", shape=(784,))}
    assert made.label == Spec(dtype="int64", shape=(1,))


def test_features_with_names_come_sorted_and_weights_apart(tmp_path: Path) -> None:
    made = model.load(models.mixed(tmp_path), settings())

    assert made.features == {
        "age": Spec(dtype="int32", shape=(1,)),
        "city": Spec(dtype="string", shape=()),
        "height": Spec(dtype="float32", shape=(1,)),
    }
    assert not made.single
    assert [len(made.trainable), len(made.non_trainable)] == [2, 1]


@pytest.mark.parametrize("place", ["model.keras", "exported"])
def test_a_keras_model_trains_and_evaluates_as_keras_does(tmp_path: Path, place: str) -> None:
    kept = models.digits(normalized=place == "model.keras")
    keep(kept, tmp_path / place)
    asked = settings("sparse_categorical_crossentropy")
    chance = np.random.default_rng(2)
    x, y = chance.normal(size=(3, 4)).astype(np.float32), chance.integers(3, size=3)
    rows = [running.serialized(x=a, y=b) for a, b in zip(x, y, strict=True)]

    loaded = model.load(tmp_path / place, asked)
    weights = (*loaded.trainable, *loaded.non_trainable)
    halves = [client.build(loaded, asked, evaluates=each) for each in (False, True)]
    numbers: tuple[dict[str, float], ...] = ({"clip": 1e9}, {})
    trained, evaluated = (
        running.run(
            tmp_path, running.as_graph(half), running.sent(half.process, weights, **each), rows
        )[0]
        for half, each in zip(halves, numbers, strict=True)
    )

    kept.compile(loss="sparse_categorical_crossentropy")
    loss = kept.evaluate(x, y, batch_size=3, verbose=0)
    assert evaluated["update/0/loss/0"] == pytest.approx(loss * 3, rel=1e-4)
    import keras  # type: ignore[import-untyped]  # it has no types

    before = [each.numpy() for each in kept.trainable_variables]
    kept.compile(keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy")
    kept.train_on_batch(x, y)
    for i, (old, new) in enumerate(zip(before, kept.trainable_variables, strict=True)):
        np.testing.assert_allclose(trained[f"update/1/{i}"], old - new.numpy(), atol=1e-6)


def test_a_keras_model_keeps_the_loss_that_it_was_compiled_with(tmp_path: Path) -> None:
    models.digits(loss="categorical_crossentropy").save(tmp_path / "model.keras")

    made = model.load(tmp_path / "model.keras", settings())

    assert made.label == Spec(dtype="float32", shape=(3,))


@pytest.mark.parametrize("place", ["model.keras", "exported"])
def test_a_keras_model_is_given_each_feature_by_its_name(tmp_path: Path, place: str) -> None:
    kept = models.two_inputs()
    keep(kept, tmp_path / place)
    asked = settings("mse", label="area")
    made = model.load(tmp_path / place, asked)
    half = client.build(made, asked, evaluates=True)
    rows = [running.serialized(width=[1.0, 2.0], height=[3.0, 4.0], area=[5.0])]

    given = running.sent(half.process, (*made.trainable, *made.non_trainable))
    (found,) = running.run(tmp_path, running.as_graph(half), given, rows)

    predicted = kept({"width": np.array([[1.0, 2.0]]), "height": np.array([[3.0, 4.0]])})
    assert found["update/0/loss/0"] == pytest.approx((predicted.numpy().item() - 5) ** 2, rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "why"), [("", "it has no loss"), ("no_such_loss", "no loss `no_such_loss`")]
)
def test_a_keras_model_without_a_loss_is_refused(tmp_path: Path, loss: str, why: str) -> None:
    models.digits().save(tmp_path / "model.keras")

    with pytest.raises(errors.ModelInvalid, match=why):
        model.load(tmp_path / "model.keras", settings(loss))


def test_an_exported_model_with_more_than_weights_is_refused(tmp_path: Path) -> None:
    import keras

    words = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")
    asked = keras.Input((1,), dtype="string")
    keras.Model(asked, keras.layers.Dense(1)(words(asked))).export(tmp_path / "m", verbose=False)

    with pytest.raises(errors.ModelInvalid, match="table of words"):
        model.load(tmp_path / "m", settings("mse"))


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

    tf.saved_model.save(tf.Module(), str(tmp_path / "other"))
    (tmp_path / "broken.keras").write_bytes(b"no archive")

    with pytest.raises(errors.ModelInvalid, match="no functional signature"):
        model.load(tmp_path / "other", settings())
    with pytest.raises(errors.ModelInvalid, match="broken"):
        model.load(tmp_path / "broken.keras", settings("mse"))
    with pytest.raises(errors.ModelInvalid, match="nothing"):
        model.load(tmp_path / "nothing", settings())


def test_a_label_is_named_and_is_no_feature(tmp_path: Path) -> None:
    made = model.load(models.mixed(tmp_path), settings())

    with pytest.raises(errors.ConfigInvalid, match="Label name cannot be empty"):
        client.build(made, settings(label=""))
    with pytest.raises(errors.ConfigInvalid, match="`age`, which is a feature"):
        client.build(made, settings(label="age"))
