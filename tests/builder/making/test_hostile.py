"""Models that do harm when they are loaded: only their child suffers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.builder.making import Bounds, Options, make
from builder import models
from builder.making.test_parent import NOISY, SAID

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # a busy machine imports TensorFlow in minutes
    pytest.mark.filterwarnings("ignore"),  # its own
]


def hostile(folder: Path, deed: Callable[[], Any]) -> Path:
    """A functional model that does a deed when it is loaded."""
    import tensorflow as tf  # type: ignore[import-untyped]  # it has no types
    from tensorflow.python.trackable import resource  # type: ignore[import-untyped]  # the same

    class Loaded(resource.TrackableResource):  # type: ignore[misc]  # it has no types
        """What TensorFlow initializes when it loads a model."""

        def _create_resource(self) -> Any:
            return tf.raw_ops.HashTableV2(key_dtype=tf.int64, value_dtype=tf.int64)

        def _initialize(self) -> Any:
            with tf.control_dependencies([deed()]):
                return tf.print("harm")  # what only computes would be left out

    opened = tf.saved_model.save

    def saved(module: Any, path: str) -> None:
        module.hostile = Loaded()
        opened(module, path)

    patch = pytest.MonkeyPatch()
    with patch.context() as here:
        here.setattr(tf.saved_model, "save", saved)
        return models.softmax(folder)


def test_one_that_never_ends_is_ended(tmp_path: Path) -> None:
    import tensorflow as tf

    model = hostile(
        tmp_path / "m", lambda: tf.while_loop(lambda _: True, lambda i: i, [tf.constant(1)])[0]
    )

    with pytest.raises(errors.ArtifactsFailed, match="more than 30 s"):
        make(model, SAID, NOISY, Options(), bounds=Bounds(seconds=30))


def test_one_that_takes_all_memory_is_ended(tmp_path: Path) -> None:
    import tensorflow as tf

    def eat() -> Any:
        kept = tf.fill([tf.cast(tf.random.uniform([], 1.0, 1.1), tf.int64) * (1 << 30)], 1.0)
        return tf.while_loop(lambda _: True, lambda each: each + 1.0, [kept])[0][0]

    model = hostile(tmp_path / "m", eat)

    with pytest.raises(errors.ArtifactsFailed, match="bytes of memory"):
        make(model, SAID, NOISY, Options(), bounds=Bounds(memory=2 << 30))


def test_one_that_crashes_is_told_of(tmp_path: Path) -> None:
    import tensorflow as tf

    model = hostile(tmp_path / "m", lambda: tf.raw_ops.Abort(error_msg="harm"))

    with pytest.raises(errors.ArtifactsFailed, match="ended by SIGABRT"):
        make(model, SAID, NOISY, Options())
