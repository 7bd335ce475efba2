"""Small models, saved as people bring them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Loss = Callable[[Any, Any], Any]


def functional(
    folder: Path,
    *,
    features: Any,
    label: Any,
    trainable: list[Any],
    non_trainable: list[Any],
    predict: Callable[..., Any],
    loss: Loss,
) -> Path:
    """A functional model, in the form in which TensorFlow Federated saves it."""
    import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

    module = tf.Module()
    parts = [part for part in (trainable, non_trainable) if part]
    module._weights = [[tf.Variable(each) for each in part] for part in parts]
    weights = tuple(
        tuple(tf.TensorSpec(each.shape, each.dtype) for each in part)
        for part in (trainable, non_trainable)
    )

    def traced(*, training: bool) -> Any:
        def made(model_weights: Any, x: Any, training: bool) -> Any:
            return predict(*model_weights, x, training)

        return tf.function(made).get_concrete_function(weights, features, training)

    def lost(output: Any, label: Any, sample_weight: Any) -> Any:
        return loss(output, label)

    module.predict_on_batch_training = traced(training=True)
    module.predict_on_batch_inference = traced(training=False)
    output = module.predict_on_batch_inference.structured_outputs
    output = tf.nest.map_structure(lambda each: tf.TensorSpec(each.shape, each.dtype), output)
    module.loss = tf.function(lost).get_concrete_function(output, label, None)
    tf.saved_model.save(module, str(folder))
    return folder


def softmax(folder: Path, *, classes: int = 3, width: int = 4) -> Path:
    """Softmax regression, with logits; its weights are drawn."""
    import tensorflow as tf

    chance = np.random.default_rng(5)

    def predict(own: Any, others: Any, x: Any, training: bool) -> Any:
        return tf.matmul(x, own[0]) + own[1]

    def loss(output: Any, label: Any) -> Any:
        labels = tf.reshape(label, [-1])
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=output)
        return tf.reduce_mean(each)

    return functional(
        folder,
        features=tf.TensorSpec((None, width), tf.float32),
        label=tf.TensorSpec((None, 1), tf.int64),
        trainable=[
            chance.normal(size=(width, classes)).astype(np.float32),
            chance.normal(size=(classes,)).astype(np.float32),
        ],
        non_trainable=[],
        predict=predict,
        loss=loss,
    )


def mixed(folder: Path) -> Path:
    """Features with names, of several types; a weight that is not trained; a number predicted."""
    import tensorflow as tf

    def predict(own: Any, others: Any, x: Mapping[str, Any], training: bool) -> Any:
        buckets = tf.strings.to_hash_bucket_fast(x["city"], 5)
        rows = tf.gather(own[0], buckets)
        ages = tf.cast(x["age"], tf.float32) / others[0]
        heights = tf.cast(x["height"], tf.float32)
        return tf.reduce_sum(rows, axis=-1, keepdims=True) + (ages + heights) * own[1]

    return functional(
        folder,
        features={
            "city": tf.TensorSpec((None,), tf.string),
            "age": tf.TensorSpec((None, 1), tf.int32),
            "height": tf.TensorSpec((None, 1), tf.float32),
        },
        label=tf.TensorSpec((None, 1), tf.float32),
        trainable=[np.ones((5, 2), np.float32), np.full((1,), 0.5, np.float32)],
        non_trainable=[np.full((1,), 100, np.float32)],
        predict=predict,
        loss=lambda output, label: tf.reduce_mean(
            tf.reduce_mean(tf.square(output - label), axis=-1)
        ),
    )


def digits(*, normalized: bool = True, **options: Any) -> Any:
    """A small Keras model that tells three classes."""
    import keras  # type: ignore[import-untyped]  # it has no types

    keras.utils.set_random_seed(7)
    made = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="relu"),
            *([keras.layers.BatchNormalization()] if normalized else []),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    if options:
        made.compile(**options)
    return made


def two_inputs() -> Any:
    """A Keras model of two features, which predicts a number."""
    import keras

    inputs = {name: keras.Input((2,), name=name) for name in ("width", "height")}
    joined = keras.layers.Concatenate()([inputs["width"], inputs["height"]])
    return keras.Model(inputs, keras.layers.Dense(1)(joined))


def linear() -> Any:
    """A Keras model that hands on what its one weight lets through."""
    import keras

    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, use_bias=False)])
