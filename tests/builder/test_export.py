"""Weights of a checkpoint, put back into the model that they are of."""

from pathlib import Path

import numpy as np
import pytest

from ame import errors
from ame.builder import export
from ame.protocol.tensors import Array, checkpoint
from builder import models
from parts import sample

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Keras's own
SHAPES = {"trainable/0": (4, 8), "trainable/1": (8,), "trainable/2": (8, 3), "trainable/3": (3,)}


def content(arrays: dict[str, Array]) -> bytes:
    """A server's checkpoint with these weights."""
    named: dict[str, Array] = {f"{export.WEIGHTS}/{name}": each for name, each in arrays.items()}
    return checkpoint.to_bytes({**named, "server/round": np.array(1)})


def drawn(shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
    chance = np.random.default_rng(2)
    return {name: chance.normal(size=each).astype(np.float32) for name, each in shapes.items()}


def test_weights_alone_need_no_model(tmp_path: Path) -> None:
    weights = drawn(SHAPES)

    export.export(content(weights), None, tmp_path / "w.npz")

    with np.load(tmp_path / "w.npz") as kept:
        assert set(kept) == set(weights)
        np.testing.assert_array_equal(kept["trainable/2"], weights["trainable/2"])


def test_a_functional_model_has_the_weights_and_stays_what_it_was(tmp_path: Path) -> None:
    import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

    shapes = {"trainable/0": (784, 256), "trainable/1": (256,), "trainable/2": (256, 2)}
    weights = drawn({**shapes, "trainable/3": (2,)})

    export.export(content(weights), sample.MODEL, tmp_path / "trained")

    loaded = tf.saved_model.load(str(tmp_path / "trained"))
    for number, each in enumerate(loaded._weights[0]):
        np.testing.assert_array_equal(each.numpy(), weights[f"trainable/{number}"])
    assert (tmp_path / "trained" / "saved_model.pb").read_bytes() == (
        sample.MODEL / "saved_model.pb"
    ).read_bytes()


def test_a_weight_that_is_not_trained_has_its_place(tmp_path: Path) -> None:
    import tensorflow as tf

    model = models.mixed(tmp_path / "model")
    weights = drawn({"trainable/0": (5, 2), "trainable/1": (1,), "non_trainable/0": (1,)})

    export.export(content(weights), model, tmp_path / "trained")

    own, others = tf.saved_model.load(str(tmp_path / "trained"))._weights
    np.testing.assert_array_equal(own[0].numpy(), weights["trainable/0"])
    np.testing.assert_array_equal(others[0].numpy(), weights["non_trainable/0"])


def test_a_keras_model_predicts_with_the_weights(tmp_path: Path) -> None:
    import keras  # type: ignore[import-untyped]  # it has no types

    model = models.digits(normalized=False)
    model.save(tmp_path / "model.keras")
    weights = drawn(SHAPES)

    export.export(content(weights), tmp_path / "model.keras", tmp_path / "trained.keras")

    model.set_weights(list(weights.values()))
    trained = keras.saving.load_model(tmp_path / "trained.keras")
    x = np.ones((2, 4), np.float32)
    np.testing.assert_allclose(trained(x), model(x), rtol=1e-6)


def test_a_model_that_keras_exported_predicts_with_the_weights(tmp_path: Path) -> None:
    import tensorflow as tf

    model = models.digits(normalized=False)
    model.export(tmp_path / "model", verbose=False)
    weights = drawn(SHAPES)

    export.export(content(weights), tmp_path / "model", tmp_path / "trained")

    model.set_weights(list(weights.values()))
    serve = tf.saved_model.load(str(tmp_path / "trained")).signatures["serving_default"]
    x = tf.ones((2, 4))
    [name] = serve.structured_input_signature[1]
    [found] = serve(**{name: x}).values()
    np.testing.assert_allclose(found, model(x), rtol=1e-6)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.ExportRefused, match="of another model"):
        export.export(content(drawn(SHAPES)), sample.MODEL, tmp_path / "trained")

    assert not (tmp_path / "trained").exists()


def test_what_is_no_model_or_no_checkpoint_of_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.ExportRefused, match="no SavedModel"):
        export.export(content(drawn(SHAPES)), tmp_path, tmp_path / "trained")
    with pytest.raises(errors.ExportRefused, match="--model"):
        export.export(content(drawn(SHAPES)), None, tmp_path / "trained")
    with pytest.raises(errors.ExportRefused, match="has no tensors"):
        export.export(checkpoint.to_bytes({"w": np.zeros(1)}), None, tmp_path / "w.npz")
