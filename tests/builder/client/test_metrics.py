"""What metrics amount to over batches, against those of Keras."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame.builder import client, config, model, process
from ame.builder.client import flat, versions
from ame.builder.server import finishing
from ame.protocol.tensors import Array
from builder import models
from builder.client import running

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # TensorFlow's own
ONE_HOT = (
    "auc-roc",
    "auc-pr",
    "accuracy",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_crossentropy_from_logits",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_crossentropy_from_logits",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "precision",
    "recall",
    "root_mean_squared_error",
)
CLASSES = (
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_categorical_crossentropy_from_logits",
)
COUNT, BATCH = 23, 5


def by_keras(name: str, labels: Array, predictions: Array) -> float:
    import keras  # type: ignore[import-untyped]  # it has no types

    if name.startswith("auc"):
        metric = keras.metrics.AUC(curve=name.removeprefix("auc-").upper())
    else:
        plain = name.removesuffix("_from_logits")
        made = "".join(part.capitalize() for part in plain.split("_"))
        options = {"from_logits": True} if plain != name else {}
        metric = getattr(keras.metrics, made)(**options)
    for begin in range(0, COUNT, BATCH):
        metric.update_state(labels[begin : begin + BATCH], predictions[begin : begin + BATCH])
    return float(metric.result())


def measured(folder: Path, asked: config.Settings, path: Path, labels: Array) -> Any:
    """Each metric's number, and the client's half; predictions are the features."""
    half = client.build(model.load(path, asked), asked, evaluates=True)
    rows = [running.serialized(x=a, y=b) for a, b in zip(predictions(), labels, strict=True)]
    given = running.sent(half.process, [np.eye(3, dtype=np.float32)])
    (found,) = running.run(folder, running.as_graph(half), given, rows)
    numbers = finishing.finished(half.process.update.metrics, found)
    return {name: float(number) for name, number in numbers.items()}, half


def predictions() -> Array:
    chance = np.random.default_rng(8).random((COUNT, 3), np.float32)
    return np.asarray(chance / chance.sum(axis=1, keepdims=True))


def settings(metrics: tuple[str, ...], loss: str) -> config.Settings:
    made = running.sample_settings()
    return replace(
        made,
        metrics=metrics,
        learning=replace(made.learning, loss=loss),
        dataset=config.Dataset(batch_size=BATCH, max_batches=-1),
    )


@pytest.mark.parametrize(
    ("metrics", "loss"),
    [(ONE_HOT, "categorical_crossentropy"), (CLASSES, "sparse_categorical_crossentropy")],
)
def test_metrics_of_a_round_are_those_of_keras(
    tmp_path: Path, metrics: tuple[str, ...], loss: str
) -> None:
    classes = np.random.default_rng(1).integers(3, size=COUNT)
    labels = classes if metrics is CLASSES else np.eye(3, dtype=np.float32)[classes]
    models.linear().save(tmp_path / "model.keras")

    found, half = measured(tmp_path, settings(metrics, loss), tmp_path / "model.keras", labels)

    assert set(found) == {f"eval/{name}" for name in (*metrics, "loss")}
    for name in metrics:
        wanted = by_keras(name, labels, predictions())
        assert found[f"eval/{name}"] == pytest.approx(wanted, rel=2e-4), name
    assert versions.minimum(flat.flex(half.flatbuffer)) == versions.FIRST


def test_the_mean_is_that_of_the_predictions(tmp_path: Path) -> None:
    models.linear().save(tmp_path / "model.keras")
    labels = np.eye(3, dtype=np.float32)[np.zeros(COUNT, int)]

    found, _ = measured(tmp_path, settings(("mean",), "mse"), tmp_path / "model.keras", labels)

    assert found["eval/mean"] == pytest.approx(predictions().mean(), rel=1e-5)


def test_every_metric_that_may_be_asked_for_is_known() -> None:
    assert {*ONE_HOT, *CLASSES, "mean"} == set(config.METRICS)
    made = process.evaluation((), (), config.METRICS)
    assert [each.name for each in made.update.metrics] == [*config.METRICS, "loss"]
