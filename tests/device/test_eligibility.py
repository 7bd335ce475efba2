"""What a device finds out about itself before it is given a task, with the server that asks."""

import asyncio
import functools
import os
from pathlib import Path
from typing import Any

import pytest

from ame.device import plans
from ame.device.visit import Outcome
from ame.protocol.pb import eligibility_eval_tasks as eets
from ame.protocol.pb import federated_api
from ame.protocol.pb import plan as pb
from ame.protocol.pb import population_eligibility_spec as spec
from ame.protocol.tensors import checkpoint
from device import devices
from device.devices import Place, at
from server import fleets

ENVIRONMENTS = Path(os.environ.get("AME_TEST_CACHE", Path.home() / ".cache" / "ame-tests"))


async def put(place: Place, path: str, said: Any) -> Any:
    return (await place.server.peer.client.put(f"/api/v1/{path}", json=said)).json()


async def post(place: Place, **said: Any) -> Any:
    """A task, made as operators make one; with its artifacts."""
    usual = {"totalIteration": 3, "minAggregationSize": 2, "aggregation": fleets.AGGREGATION}
    client = place.server.peer.client
    made = await client.post("/api/v1/populations/p/tasks", json=usual | said)
    if made.status_code != 200:
        return made.json()["message"]
    urls = made.json()
    content = checkpoint.to_bytes(devices.START)
    for name, each in (("clientOnlyPlanUrl", devices.PLAN), ("initCheckpointUrl", content)):
        assert (await client.put(urls[name][0], content=each)).status_code == 200
    await place.server.app.leader.step()
    return urls


async def asked(place: Place) -> Any:
    reply = await place.server.peer.session()
    content = reply.eligibility_eval_task.population_eligibility_spec.inline_resource.data
    return spec.PopulationEligibilitySpec.FromString(content)


def test_a_device_does_a_task_once_in_its_period(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        await post(place, policies=[{"sworPolicy": {"minPeriod": "3600s"}}])
        own = place.device()
        assert (await own.visit()).outcome is Outcome.CONTRIBUTED

        place.server.clock.now += 3599
        assert (await own.visit()).outcome is Outcome.TURNED_AWAY

        place.server.clock.now += 2
        assert (await own.visit()).outcome is Outcome.CONTRIBUTED

    at(tmp_path, use)


def test_policies_of_all_kinds_are_told_to_devices(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        selector = {"collectionUri": "app://a"}
        await post(
            place,
            policies=[
                {"dataAvailabilityPolicy": {"selector": selector, "minExampleCount": 2}},
                {"minSepPolicy": {"minimumSeparation": 4}},
                {"name": "mine", "sworPolicy": {"minPeriod": "60s", "groupRegex": "^p/"}},
            ],
        )
        told = (await asked(place)).eligibility_policies
        assert [each.name for each in told] == [
            "p/1/data_availability_policy",
            "p/1/min_sep_policy",
            "mine",
        ]
        assert told[0].data_availability_policy.selector.collection_uri == "app://a"
        assert told[1].min_sep_policy.current_index == 1

    at(tmp_path, use)


@pytest.mark.parametrize(
    ("policies", "why"),
    [
        ([{"sworPolicy": {"groupRegex": "("}}], r"policies\[0\].*no pattern"),
        ([{"name": "a", "tfCustomPolicy": {}}, {}], r"policies\[1\].*no kind"),
        ([{"sampling": 1}], r"policies\[0\].*sampling"),
        ([1], r"policies\[0\]"),
        ({}, "must be a list"),
    ],
)
def test_a_policy_that_no_device_can_meet_is_refused(
    tmp_path: Path, policies: Any, why: str
) -> None:
    async def use(place: Place) -> None:
        import re

        assert re.search(why, await post(place, policies=policies))

    at(tmp_path, use)


def test_a_population_keeps_what_is_not_named_when_it_is_made_again(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        await put(place, "populations/p", {"paused": True})
        await put(place, "populations/p", {})
        shown = (await place.server.peer.client.get("/api/v1/populations")).json()
        assert shown["p"] == {"paused": True}
        await post(place)
        seen = await place.device().visit()
        assert (seen.outcome, seen.why) == (Outcome.TURNED_AWAY, "NO_TASK_AVAILABLE")
        session = (await place.server.peer.session()).session_id
        await place.server.peer.assignment(session)
        explained = await place.server.app.management.explain("p", session)
        assert explained["refused"] == "its population is paused"
        await put(place, "populations/p", {"paused": False})
        assert (await place.device().visit()).outcome is Outcome.CONTRIBUTED

    at(tmp_path, use)


@pytest.mark.parametrize(
    ("router", "why"),
    [
        ("federated_compute_eligibility", "does not support flatbuffers"),
        ("federated_compute", "plan of eligibility"),
    ],
)
def test_a_device_without_the_means_for_a_graph_is_eligible_for_nothing(
    tmp_path: Path, router: str, why: str
) -> None:
    async def use(place: Place) -> None:
        await post(place)
        plan = pb.ClientOnlyPlan(tflite_graph=b"flat")
        plan.phase.tensorflow_spec.SetInParent()
        getattr(plan.phase, router).SetInParent()
        app = place.server.app
        kept = {"plan": await app.fleet.keep(plan.SerializeToString())}
        await app.management.put_population("p", {"eligibility": kept})

        seen = await place.device().visit()

        assert seen.outcome is Outcome.FAILED
        assert why in seen.why
        session = (await place.server.peer.session()).session_id
        refused = await place.server.peer.assignment(session)
        assert refused.HasField("rejection_info")

    at(tmp_path, use)


def graph(wanted: int) -> bytes:
    """A plan that lets devices with so many examples do p/1 with weight 2, and p/2 never."""
    from ame.device.plans.graph import tensorflow

    tf = tensorflow()
    from ame.builder.client import external

    external.register()
    yes, no = (
        federated_api.TaskEligibilityInfo(
            version=1,
            task_weights=[{"task_name": "p/1", "weight": 2 * fits}, {"task_name": "p/2"}],
        ).SerializeToString()
        for fits in (1, 0)
    )
    selector = pb.ExampleSelector(collection_uri="app://a").SerializeToString()
    made = tf.Graph()
    with made.as_default():
        token = tf.compat.v1.placeholder(tf.string, [], name="data_token")
        tf.compat.v1.placeholder(tf.string, [], name="input_filepath")
        dataset = external.examples(token, selector)
        total = dataset.reduce(tf.constant(0, tf.int64), lambda sum_, _: sum_ + 1)
        tf.where(total >= wanted, tf.constant(yes), tf.constant(no), name="info")
    plan = pb.ClientOnlyPlan(graph=made.as_graph_def().SerializeToString())
    plan.phase.tensorflow_spec.dataset_token_tensor_name = "data_token:0"
    router = plan.phase.federated_compute_eligibility
    router.input_filepath_tensor_name = "input_filepath:0"
    router.task_eligibility_info_tensor_name = "info:0"
    return plan.SerializeToString()


@functools.cache
def flatbuffer(wanted: int) -> bytes:
    """The same plan as phones have it."""
    import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

    plan = pb.ClientOnlyPlan.FromString(graph(wanted))
    converter = tf.compat.v1.lite.TFLiteConverter(
        tf.compat.v1.GraphDef.FromString(plan.graph),
        None,
        None,
        input_arrays_with_shape=[("data_token", []), ("input_filepath", [])],
        output_arrays=["info"],
    )
    converter._experimental_allow_all_select_tf_ops = True
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    plan.tflite_graph = converter.convert()
    plan.ClearField("graph")
    return plan.SerializeToString()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # TensorFlow's own
def test_a_flatbuffer_decides_what_a_graph_would(tmp_path: Path) -> None:
    (tmp_path / "plan").write_bytes(flatbuffer(2))
    (tmp_path / "start").write_bytes(b"anything")
    row = devices.serialized(w=[1])

    async def told(*rows: bytes) -> float:
        async with plans.Plans(environments=ENVIRONMENTS) as running:
            task = plans.Task(
                plan=tmp_path / "plan",
                checkpoint=tmp_path / "start",
                examples=devices.holding(*rows),
            )
            return (await running.eligible(task)).task_weights[0].weight

    assert asyncio.run(told(row)) == 0
    assert asyncio.run(told(row, row)) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # TensorFlow's own
def test_a_populations_graph_decides_on_the_device(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        for _ in range(2):
            await post(place)
        urls = (await put(place, "populations/p", {}))["eligibility_urls"]
        for name, content in (("checkpoint", b"anything"), ("plan", graph(2))):
            sent = await place.server.peer.client.put(urls[name], content=content)
            assert sent.status_code == 200
        row = devices.serialized(w=[1, 2, 3], round=[1], examples=[4], loss_sum=[2])

        few = await place.device(examples=devices.holding(row)).visit()
        # features of both examples come one after another, so the query of the task fails
        two = await place.device(examples=devices.holding(row, row)).visit()
        silent = await place.server.peer.assignment((await place.server.peer.session()).session_id)

        assert (few.outcome, few.why) == (Outcome.TURNED_AWAY, "NO_TASK_AVAILABLE")
        assert two.task == "p/1"
        assert silent.HasField("rejection_info")

    at(tmp_path, use)


def test_a_device_that_could_not_find_out_says_so(tmp_path: Path) -> None:
    async def use(place: Place) -> None:
        await post(place, policies=[{"sworPolicy": {"minPeriod": "60s"}}])
        session = (await place.server.peer.session()).session_id
        request = eets.ReportEligibilityEvalTaskResultRequest(
            population_name="p", session_id=session, status_code="INTERNAL"
        )
        await place.server.peer.ask("ReportEligibilityEvalTaskResult", request)
        known = await place.server.app.management.explain("p", session)
        assert known["ended"]

    at(tmp_path, use)
