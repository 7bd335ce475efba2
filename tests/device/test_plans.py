"""Plans that devices run: queries, graphs, flatbuffers."""

import asyncio
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.device import plans
from ame.device.examples import Examples, Iterated
from ame.protocol.pb import plan as pb
from ame.protocol.tensors import checkpoint
from device import devices

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "devices"))
ENVIRONMENTS = Path(os.environ.get("AME_TEST_CACHE", Path.home() / ".cache" / "ame-tests"))
Types = pb.ExampleQuerySpec.OutputVectorSpec


def run(folder: Path, content: bytes, examples: Examples, start: bytes = b"") -> dict[str, Any]:
    """What a plan writes."""
    (folder / "plan").write_bytes(content)
    (folder / "start").write_bytes(start)
    task = plans.Task(plan=folder / "plan", checkpoint=folder / "start", examples=examples)

    async def go() -> dict[str, Any]:
        async with plans.Plans(environments=ENVIRONMENTS) as running:
            first, second = await asyncio.gather(running.run(task), running.run(task))
            assert first == second
            return checkpoint.read(first)

    return asyncio.run(go())


def test_a_query_finds_the_features_of_all_examples(tmp_path: Path) -> None:
    rows = [devices.serialized(w=[1, 2]), devices.serialized(w=[3])]

    found = run(tmp_path, devices.query_plan("w"), devices.holding(*rows))

    assert found["update/w"].tolist() == [1, 2, 3]
    assert found["update/w"].dtype == np.float32


def changed(change: Callable[[pb.ClientOnlyPlan], object]) -> bytes:
    made = pb.ClientOnlyPlan.FromString(devices.query_plan("w"))
    change(made)
    return made.SerializeToString()


def _typeless(made: pb.ClientOnlyPlan) -> None:
    query = made.phase.example_query_spec.example_queries[0]
    query.output_vector_specs["update/w"].ClearField("data_type")


@pytest.mark.parametrize(
    ("change", "rows", "error"),
    [
        (bool, [], errors.ExamplesTooFew),
        (bool, [devices.serialized(v=[1])], errors.ExamplesTooFew),
        (bool, [b"\xff"], errors.PlanFailed),
        (_typeless, [], errors.PlanInvalid),
        (lambda made: made.phase.ClearField("federated_example_query"), [], errors.PlanInvalid),
        (
            lambda made: made.phase.federated_example_query.aggregations[
                "update/w"
            ].secure_aggregation.SetInParent(),
            [],
            errors.PlanUnsupported,
        ),
        (
            lambda made: made.phase.example_query_spec.example_queries.append(
                made.phase.example_query_spec.example_queries[0]
            ),
            [devices.serialized(w=[1])],
            errors.PlanInvalid,
        ),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(
    tmp_path: Path, change: Callable[[Any], object], rows: list[bytes], error: type[errors.Error]
) -> None:
    with pytest.raises(error):
        run(tmp_path, changed(change), devices.holding(*rows))


def test_a_plan_without_a_graph_is_refused(tmp_path: Path) -> None:
    made = pb.ClientOnlyPlan()
    made.phase.tensorflow_spec.target_node_names.append("save")
    made.phase.federated_compute.SetInParent()

    with pytest.raises(errors.PlanInvalid, match="no graph"):
        run(tmp_path, made.SerializeToString(), devices.USUAL)


def test_what_is_no_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.PlanInvalid, match="it is no ClientOnlyPlan"):
        run(tmp_path, b"\xff", devices.USUAL)


# --- TensorFlow


def digits() -> Any:
    import digits as found  # type: ignore[import-not-found]  # an example

    return found


def some(asked: pb.ExampleSelector) -> list[bytes]:
    assert asked.collection_uri == "app://digits"
    chance = np.random.default_rng(1)
    return [digits().serialized(chance.random(64), chance.integers(10)) for _ in range(13)]


def by_hand(start: dict[str, Any], rows: list[bytes]) -> dict[str, Any]:
    """What the plan of the digits is to come to, with NumPy."""
    from ame.protocol.pb import example

    read = [example.Example.FromString(row).features.feature for row in rows]
    x = np.array([each["x"].float_list.value for each in read])
    y = np.array([each["y"].int64_list.value[0] for each in read])
    model = {name.removeprefix("server/"): value.astype(float) for name, value in start.items()}
    x, y = np.tile(x, (digits().EPOCHS, 1)), np.tile(y, digits().EPOCHS)
    total = 0.0
    for begin in range(0, len(y), digits().BATCH):
        part, wanted = (each[begin : begin + digits().BATCH] for each in (x, y))
        before = part @ model["w1"] + model["b1"]
        hidden = np.maximum(before, 0)
        logits = hidden @ model["w2"] + model["b2"]
        chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        total -= np.log(chances[np.arange(len(wanted)), wanted]).sum()
        off = (chances - np.eye(10)[wanted]) / len(wanted)
        back = (off @ model["w2"].T) * (before > 0)
        slopes = {"w2": hidden.T @ off, "b2": off.sum(0), "w1": part.T @ back, "b1": back.sum(0)}
        model = {name: value - digits().RATE * slopes[name] for name, value in model.items()}
    moved = {f"update/{name}": value - start[f"server/{name}"] for name, value in model.items()}
    return moved | {
        "update/examples": np.array(len(rows)),
        "update/loss_sum": np.array(total / digits().EPOCHS),
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["graph", "tflite_graph"])
@pytest.mark.filterwarnings("ignore")  # TensorFlow's own, while it converts
def test_a_plan_of_tensorflow_trains_on_a_devices_examples(tmp_path: Path, kind: str) -> None:
    start = digits().first_model(np.random.default_rng(0))
    made = pb.ClientOnlyPlan.FromString(digits().client_plan())
    if kind == "tflite_graph":
        made.tflite_graph = flatbuffer()
        made.ClearField("graph")

    found = run(tmp_path, made.SerializeToString(), Iterated(make=some), checkpoint.to_bytes(start))

    wanted = by_hand(start, some(pb.ExampleSelector(collection_uri="app://digits")))
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["graph", "tflite_graph"])
@pytest.mark.filterwarnings("ignore")
def test_a_plan_of_tensorflow_that_lacks_its_checkpoint_fails(tmp_path: Path, kind: str) -> None:
    made = pb.ClientOnlyPlan.FromString(digits().client_plan())
    if kind == "tflite_graph":
        made.tflite_graph = flatbuffer()

    with pytest.raises(errors.PlanFailed):
        run(tmp_path, made.SerializeToString(), Iterated(make=some), b"no checkpoint")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda made: setattr(made, "graph", b"\xff\xff"), "cannot be read"),
        (lambda made: made.phase.tensorflow_spec.ClearField("target_node_names"), "nothing to run"),
        (lambda made: made.phase.tensorflow_spec.target_node_names.append("none"), "none"),
        (lambda made: setattr(made, "tflite_graph", b"no flatbuffer at all"), ""),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_plan_of_tensorflow_that_contradicts_itself_is_refused(
    tmp_path: Path, change: Callable[[Any], object], why: str
) -> None:
    made = pb.ClientOnlyPlan.FromString(digits().client_plan())
    change(made)

    with pytest.raises((errors.PlanInvalid, errors.PlanFailed), match=why):
        run(tmp_path, made.SerializeToString(), Iterated(make=some))


@functools.cache
def flatbuffer() -> bytes:
    """The graph of the digits, as it is converted for phones."""
    import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

    from ame.builder import client

    client.register()
    inputs: list[tuple[str, list[int]]] = [
        (name, []) for name in ("data_token", "input_filepath", "output_filepath")
    ]
    converter = tf.compat.v1.lite.TFLiteConverter(
        tf.compat.v1.GraphDef.FromString(digits().client_graph()),
        None,
        None,
        input_arrays_with_shape=inputs,
        output_arrays=[],
    )
    converter._control_output_arrays = ["save"]
    converter._experimental_allow_all_select_tf_ops = True
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    made: bytes = converter.convert()
    return made


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_runs_flatbuffers_is_replaced_when_it_has_died(tmp_path: Path) -> None:
    from ame.device.plans.flat import Flat

    made = pb.ClientOnlyPlan.FromString(digits().client_plan())
    made.tflite_graph = flatbuffer()
    start = digits().first_model(np.random.default_rng(0))
    (tmp_path / "start").write_bytes(checkpoint.to_bytes(start))
    folder = tmp_path / "examples"
    folder.mkdir()
    loaded = Flat(made, ENVIRONMENTS, tmp_path)
    Iterated(make=some).lay(loaded.selectors[0], folder / "0")
    given = (folder, tmp_path / "start", tmp_path / "output", str)
    try:
        assert loaded._child is not None
        loaded._child._supervisor.close(0)
        with pytest.raises(errors.PlanFailed, match="ended"):
            loaded.run(*given)
        loaded.run(*given)
    finally:
        loaded.close()

    assert "update/w1" in checkpoint.read((tmp_path / "output").read_bytes())
