"""Slices that a plan asks for, fetched by the template of its assignment."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.device import plans, records
from ame.device.plans.slices import Fetcher
from ame.protocol.pb import plan as pb
from device import devices

TEMPLATE = "https://fleet/v1/slices/token/{served_at_id}/{key_base10}"


class Told:
    """A server that says what it was asked for."""

    def __init__(self, missing: str = "none") -> None:
        self.asked: list[str] = []
        self.missing = missing

    async def download(self, uri: str) -> bytes:
        self.asked.append(uri)
        if self.missing in uri:
            raise errors.CallFailed(5, "HTTP 404")
        return uri.rpartition("/")[2].encode()


def selector(served_at: str, *keys: int) -> pb.ExampleSelector:
    made = pb.ExampleSelector(collection_uri="internal:/federated_select")
    made.criteria.Pack(pb.SlicesSelector(served_at_id=served_at, keys=keys))
    return made


def fetched(told: Told, *wanted: pb.ExampleSelector, template: str = TEMPLATE) -> Any:
    link: Any = told
    fetcher = Fetcher(link=link, template=template)
    return asyncio.run(fetcher.beside(devices.holding(b"own"), wanted))


def test_each_key_is_fetched_and_stands_in_its_place(tmp_path: Path) -> None:
    wanted, told = selector("words", 4, 1, 4), Told()
    own = pb.ExampleSelector(collection_uri="app://a")

    found = fetched(told, own, wanted)

    assert list(found.select(wanted)) == [b"4", b"1", b"4"]
    assert list(found.select(own)) == [b"own"]
    assert (found.count(wanted), found.count(own)) == (3, 1)
    for number, each in enumerate((wanted, own)):
        found.lay(each, tmp_path / str(number))
    assert list(records.read(tmp_path / "0")) == [b"4", b"1", b"4"]
    assert list(records.read(tmp_path / "1")) == [b"own"]


def test_what_is_put_into_the_template_is_not_escaped() -> None:
    told = Told()

    fetched(told, selector("a b/%ü", 2147483647))

    assert told.asked == ["https://fleet/v1/slices/token/a b/%ü/2147483647"]


@pytest.mark.parametrize(
    "template",
    ["", "http://fleet/{served_at_id}/{key_base10}", "https://fleet/{served_at_id}", "https://x"],
)
def test_a_template_that_breaks_its_rules_is_not_used(template: str) -> None:
    told = Told()

    with pytest.raises(errors.PlanInvalid, match="no template"):
        fetched(told, selector("words", 1), template=template)
    assert not told.asked


def test_a_plan_that_asks_for_no_slices_needs_no_template() -> None:
    own = pb.ExampleSelector(collection_uri="app://a")

    assert list(fetched(Told(), own, template="").select(own)) == [b"own"]


def test_a_slice_that_cannot_be_had_fails_the_plan() -> None:
    with pytest.raises(errors.CallFailed, match="404"):
        fetched(Told("/7"), selector("words", 1, 7))


def computing(wanted: int) -> bytes:
    """A plan that adds up the slices 4 and 1 where it finds so many examples, else slice 7."""
    from ame.device.plans.graph import tensorflow

    tf = tensorflow()
    from ame.builder.client import external

    external.register()
    with tf.Graph().as_default() as made:
        token = tf.compat.v1.placeholder(tf.string, [], name="data_token")
        tf.compat.v1.placeholder(tf.string, [], name="input_filepath")
        output = tf.compat.v1.placeholder(tf.string, [], name="output_filepath")
        own = pb.ExampleSelector(collection_uri="app://a").SerializeToString()
        zero = tf.constant(0, tf.int64)
        total = external.examples(token, own).reduce(zero, lambda sum_, _: sum_ + 1)
        many, few = (each.SerializeToString() for each in (selector("w", 4, 1), selector("w", 7)))
        asked = tf.where(total >= wanted, tf.constant(many), tf.constant(few))
        found = external.examples(token, b"to be computed")
        made.get_operation_by_name(found._variant_tensor.op.name)._update_input(1, asked)
        numbers = found.map(tf.strings.to_number).reduce(0.0, lambda sum_, each: sum_ + each)
        tf.raw_ops.SaveSlices(
            filename=output,
            tensor_names=["update/sum"],
            shapes_and_slices=[""],
            data=[numbers],
            name="save",
        )
    plan = pb.ClientOnlyPlan(graph=made.as_graph_def().SerializeToString())
    plan.phase.tensorflow_spec.dataset_token_tensor_name = "data_token:0"
    plan.phase.tensorflow_spec.target_node_names.append("save")
    router = plan.phase.federated_compute
    router.input_filepath_tensor_name = "input_filepath:0"
    router.output_filepath_tensor_name = "output_filepath:0"
    return plan.SerializeToString()


def ran(folder: Path, told: Told, *rows: bytes, template: str = TEMPLATE) -> Any:
    (folder / "plan").write_bytes(computing(2))
    (folder / "start").write_bytes(b"")

    async def go() -> bytes:
        link: Any = told
        async with plans.Plans(threads=2) as running:
            task = plans.Task(
                plan=folder / "plan",
                checkpoint=folder / "start",
                examples=devices.holding(*rows),
                slices=Fetcher(link=link, template=template),
            )
            first, second = await asyncio.gather(running.run(task), running.run(task))
            assert first == second
            return first

    return devices.read(asyncio.run(go()))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # TensorFlow's own
def test_a_plan_computes_while_it_runs_which_slices_it_asks_for(tmp_path: Path) -> None:
    few, many = Told(), Told()

    assert ran(tmp_path, few, b"1") == {"update/sum": 7}
    assert ran(tmp_path, many, b"1", b"2") == {"update/sum": 5}
    assert {each.rpartition("/")[2] for each in few.asked} == {"7"}
    assert {each.rpartition("/")[2] for each in many.asked} == {"4", "1"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # TensorFlow's own
def test_slices_that_cannot_be_had_while_a_plan_runs_say_why(tmp_path: Path) -> None:
    with pytest.raises(errors.CallFailed, match="404"):
        ran(tmp_path, Told(missing="7"), b"1")
    with pytest.raises(errors.PlanInvalid, match="is no template"):
        ran(tmp_path, Told(), b"1", template="")
