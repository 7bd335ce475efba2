"""Functional models of other shapes and types than the sample's: both halves run them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.builder import client, config, model
from ame.builder.server import learning, plan
from ame.protocol.tensors import checkpoint
from ame.server.recipes import opening
from builder import demands, models
from builder.client import running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # a busy machine imports TensorFlow in minutes
    pytest.mark.filterwarnings("ignore"),  # its own
]


def spec(*shape: int | None, dtype: str = "float32") -> Any:
    import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

    return tf.TensorSpec(shape, dtype)


def squared(output: Any, label: Any) -> Any:
    import tensorflow as tf

    last = tf.cast(tf.nest.flatten(output)[-1], tf.float32)
    return tf.reduce_mean(tf.square(last - tf.cast(label, tf.float32)))


def keep(
    folder: Path,
    features: Any,
    weights: list[Any],
    predict: Callable[..., Any],
    *,
    label: Any = None,
    loss: models.Loss = squared,
) -> Path:
    return models.functional(
        folder,
        features=features,
        label=label or spec(None, 1),
        trainable=weights,
        non_trainable=[],
        predict=lambda own, _others, x, _training: predict(own, x),
        loss=loss,
    )


def settings(kind: config.Aggregator | None, **learning: Any) -> config.Settings:
    made = running.sample_settings()
    return replace(
        made,
        label="",
        metrics=("root_mean_squared_error",),
        learning=replace(made.learning, **learning),
        privacy=replace(made.privacy, kind=kind, noise=0.0, clip=1.0),
    )


def gone(folder: Path, path: Path, said: config.Settings, rows: list[bytes]) -> dict[str, float]:
    """The metrics of a round of two devices, in both forms of a plan."""
    loaded = model.load(path, said)
    half = client.build(loaded, said)
    weights: Any = (loaded.trainable, loaded.non_trainable)
    rounds = learning.of(said, *weights, evaluates=False, seed=1)
    found: list[dict[str, float]] = []
    for daf in (False, True):
        made = plan.build(rounds, half.phase, half.flatbuffer, daf=daf)
        demands.met(made, rounds.process)
        state = plan.checkpoint(rounds)
        recipe = opening.opened({}, plan=made.SerializeToString(), state=state)
        sent = checkpoint.read(recipe.start(state))
        folding = recipe.fold(state)
        for each in running.run(folder, running.as_graph(half), sent, rows, rows[:1]):
            folding.add(recipe.take(checkpoint.to_bytes(each)))
        found.append(dict(folding.made(state).metrics))
    assert found[0] == pytest.approx(found[1])
    return found[0]


ROW = [running.serialized(x=[1.0, 2.0, 3.0], y=[1.0])] * 3


@pytest.mark.parametrize("kind", [None, *config.Aggregator])
def test_weights_of_several_types_are_clipped_together(
    tmp_path: Path, kind: config.Aggregator | None
) -> None:
    import tensorflow as tf

    weights = [np.ones((3, 1), np.float16), np.ones((1,), np.float64), np.float32(2)]

    def predict(own: Any, x: Any) -> Any:
        return x @ tf.cast(own[0], tf.float32) * own[2] + tf.cast(own[1], tf.float32)

    path = keep(tmp_path / "m", spec(None, 3), weights, predict)

    said = settings(kind, algorithm=config.Algorithm.FED_SGD)
    found = gone(tmp_path, path, said, ROW)

    assert found["server/client_work/train/loss"] == pytest.approx(144)
    assert found["server/finalizer/update_non_finite"] == 0


def test_several_outputs_are_given_to_the_loss(tmp_path: Path) -> None:
    weights = [np.ones((3, 1), np.float32), np.zeros((3, 1), np.float32)]

    def loss(output: Any, label: Any) -> Any:
        return squared(output["far"], label) + squared(output["near"], label)

    path = keep(
        tmp_path / "m",
        spec(None, 3),
        weights,
        lambda own, x: {"far": x @ own[0], "near": x @ own[1]},
        loss=loss,
    )

    found = gone(tmp_path, path, settings(None, client_optimizer=config.Optimizer.ADAM), ROW)

    assert found["server/client_work/train/loss"] == pytest.approx(26, rel=1e-2)


def test_a_loss_for_each_example_is_their_mean(tmp_path: Path) -> None:
    import tensorflow as tf

    path = keep(
        tmp_path / "m",
        spec(None, 3),
        [np.ones((3, 1), np.float32)],
        lambda own, x: x @ own[0],
        loss=lambda output, label: tf.square(output - label),
    )

    said = settings(None, algorithm=config.Algorithm.FED_SGD)
    found = gone(tmp_path, path, said, ROW)

    assert found["server/client_work/train/loss"] == pytest.approx(25)


@pytest.mark.parametrize(
    ("features", "label", "why"),
    [
        (lambda: (spec(None, 1), spec(None, 1)), None, "neither one tensor nor tensors with names"),
        (lambda: {"a": {"b": spec(None, 1)}}, None, "dict, where one tensor is known"),
        (lambda: spec(None, None), None, r"\(None, None\), not \(None, sizes…\)"),
        (lambda: spec(2, 1), lambda: spec(2, 1), r"\(2, 1\), not \(None, sizes…\)"),
        (lambda: spec(None, 1), lambda: {"y": spec(None, 1)}, "dict, where one tensor is known"),
    ],
)
def test_what_devices_cannot_be_given_is_refused(
    tmp_path: Path, features: Callable[[], Any], label: Callable[[], Any] | None, why: str
) -> None:
    import tensorflow as tf

    path = keep(
        tmp_path / "m",
        features(),
        [np.float32(1)],
        lambda own, x: tf.nest.flatten(x)[0] * own[0],
        label=label and label(),
        loss=lambda output, label: tf.reduce_mean(output - tf.nest.flatten(label)[0]),
    )

    with pytest.raises(errors.ModelInvalid, match=why):
        model.load(path, settings(None))


def test_a_metric_that_does_not_fit_the_predictions_is_refused(tmp_path: Path) -> None:
    said = replace(settings(None), metrics=("auc-roc",))
    loaded = model.load(models.softmax(tmp_path / "m"), said)

    with pytest.raises(errors.ConfigInvalid, match="`auc-roc` cannot be measured"):
        client.build(loaded, said)
