"""Graphs for devices: what examples they ask for, how names are kept, what is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.builder import client, config, model
from ame.builder.client import compact, flat, versions
from ame.protocol.pb import plan as pb
from builder import models
from builder.client import running

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # TensorFlow's own


def settings(**changes: Any) -> config.Settings:
    return replace(running.sample_settings(), **changes)


def test_features_of_all_types_reach_the_model_and_batches_end_at_the_limit(
    tmp_path: Path,
) -> None:
    asked = settings(label="wage", dataset=config.Dataset(batch_size=2, max_batches=2))
    made = model.load(models.mixed(tmp_path / "model"), asked)
    half = client.build(made, asked, evaluates=True)
    people = [("Ulm", 20, 1.5, 1.0), ("Bonn", 40, 2.0, 0.0), ("Ulm", 60, 1.0, 3.0)] * 3
    rows = [
        running.serialized(city=[city], age=[age], height=[height], wage=[wage])
        for city, age, height, wage in people
    ]
    given = running.sent(half.process, (*made.trainable, *made.non_trainable))

    # each row of the table is 1, 1; the others add half of age in centuries and height
    errors_ = [(2 + (age / 100 + height) * 0.5 - wage) ** 2 for _, age, height, wage in people]
    for plan in (half.plan(), running.as_graph(half)):
        (found,) = running.run(tmp_path, plan, given, rows)
        assert found["update/0/loss/1"] == 4
        assert found["update/0/loss/0"] == pytest.approx(sum(errors_[:4]), rel=1e-5)
    assert half.minimum_version() == versions.FIRST


def test_the_selector_is_in_the_phase_and_in_the_graph() -> None:
    cohort = running.sample_settings().training
    asked = settings(training=replace(cohort, selector="app://digits"))

    half = client.build(running.sample_model(), asked)

    selector = pb.ExampleSelector(collection_uri="app://digits")
    assert half.phase.tensorflow_spec.example_selector == selector
    for content in (half.graph, half.flatbuffer):
        assert selector.SerializeToString() in content


def test_devices_run_the_same_in_both_forms_of_a_plan() -> None:
    one, other = (
        client.build(running.sample_model(), settings(use_daf=each)) for each in (False, True)
    )

    assert one.phase == other.phase
    assert one.process == other.process


def test_operations_that_devices_lack_are_all_named(tmp_path: Path) -> None:
    import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

    def predict(own: Any, others: Any, x: Any, training: bool) -> Any:
        turned = tf.linalg.inv(tf.matmul(x, x, transpose_a=True) + tf.eye(4))
        return tf.linalg.det(turned) * tf.matmul(x, own[0])

    path = models.functional(
        tmp_path,
        features=tf.TensorSpec((None, 4), tf.float32),
        label=tf.TensorSpec((None, 1), tf.float32),
        trainable=[np.ones((4, 1), np.float32)],
        non_trainable=[],
        predict=predict,
        loss=lambda output, label: tf.reduce_mean(tf.square(output - label)),
    )
    half = client.build(model.load(path, settings()), settings(), evaluates=True)

    with pytest.raises(errors.OpsUnsupported) as refused:
        half.minimum_version()
    assert refused.value.ops == ("MatrixDeterminant", "MatrixInverse")


def test_versions_are_compared_as_texts() -> None:
    assert versions.minimum(()) == "0"
    assert versions.minimum(("MapDataset",)) == "341812000"
    assert versions.minimum(("MapDataset", "L2Loss")) == "341912000"


def definition(make: Callable[[Any], None]) -> Any:
    """The graph of a function of one text."""
    import tensorflow as tf

    made = tf.function(make, autograph=False, input_signature=(tf.TensorSpec((), tf.string),))
    return made.get_concrete_function().graph.as_graph_def()


def test_names_become_short_save_those_that_are_asked_for() -> None:
    import tensorflow as tf

    def make(path: Any) -> None:
        first, second = tf.constant([1.0, 2.0]), tf.constant([1.0, 2.0])
        total = tf.add(first, second, name="kept_for_a_constant")
        tf.constant("kept_for_a_constant", name="mentions")
        with tf.control_dependencies([tf.multiply(total, second, name="product")]):
            tf.no_op(name="target")

    whole = definition(make)
    small = compact.compacted(whole, {"target"})

    names = {node.name for node in small.node}
    assert {"path", "target", "kept_for_a_constant"} <= names
    assert all(name.startswith(".") for name in names - {"path", "target", "kept_for_a_constant"})
    nodes = {node.op: node for node in small.node}
    assert nodes["AddV2"].input[0] == nodes["AddV2"].input[1]
    assert list(nodes["NoOp"].input) == ["^" + nodes["Mul"].name]
    assert len(small.node) == len(whole.node) - 1
    with tf.Graph().as_default():
        tf.graph_util.import_graph_def(small)


def test_functions_that_nothing_calls_are_left_out_and_others_keep_what_they_return() -> None:
    import tensorflow as tf

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]  # it has no types
    def halved(values: Any) -> Any:
        return values * tf.constant(0.5) + tf.constant(0.5)

    def make(path: Any) -> None:
        with tf.control_dependencies([halved(tf.constant([4.0]))]):
            tf.no_op(name="target")

    whole = definition(make)
    whole.library.function.add().signature.name = "unused"

    small = compact.compacted(whole, {"target"})

    (function,) = small.library.function
    assert sum(node.op == "Const" for node in function.node_def) == 1
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(small, name="")
        call = next(each for each in graph.get_operations() if "PartitionedCall" in each.type)
        with tf.compat.v1.Session() as session:
            assert session.run(call.outputs[0]).tolist() == [2.5]


def test_the_converter_says_why_it_does_not_take_a_graph() -> None:
    whole = definition(lambda _: None)

    with pytest.raises(errors.GraphRefused):
        flat.converted(whole, ("path:0",), "no_such_target")
