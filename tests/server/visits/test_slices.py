"""Slices: where a device is told that they are, and what is found there."""

from collections.abc import Callable
from typing import Any

import pytest

from ame.protocol import calls
from ame.protocol.pb import eligibility_eval_tasks as eets
from ame.protocol.pb import plan, task_assignments
from ame.protocol.tensors import checkpoint
from ame.protocol.wires import Caller
from server.fleets import AGGREGATION, PLAN, START, Running

Run = Callable[..., None]


async def template(server: Running, base: str) -> Any:
    """What a device is told of slices that reached the server so."""
    caller = Caller(base=base)
    begun = await server.app.service.answer(
        calls.by_name("RequestEligibilityEvalTask"),
        eets.EligibilityEvalTaskRequest(population_name="p"),
        caller,
    )
    start = task_assignments.StartTaskAssignmentRequest(
        population_name="p",
        session_id=begun.session_id,  # type: ignore[union-attr]  # a reply, by its call
    )
    reply = await server.app.service.answer(calls.by_name("StartTaskAssignment"), start, caller)
    made: Any = reply
    return made.task_assignment


async def sliced(server: Running) -> None:
    """A task with slices."""
    said = {"totalIteration": 1, "minAggregationSize": 9, "aggregation": AGGREGATION}
    made = await server.peer.client.post("/api/v1/populations/p/tasks", json=said)
    slices = plan.SlicesTestDataset()
    slices.dataset["words/a"].slice_data.extend([b"zero", b"one", b"two"])
    slices.dataset["empty"].SetInParent()
    for name, content in (
        ("slicesUrl", slices.SerializeToString()),
        ("clientOnlyPlanUrl", PLAN),
        ("initCheckpointUrl", checkpoint.to_bytes({"server/w": START["server/w"]})),
    ):
        put = await server.peer.client.put(made.json()[name][0], content=content)
        assert put.status_code == 200, put.content
    await server.app.leader.step()


@pytest.mark.parametrize(("base", "issued"), [("https://fleet", True), ("http://fleet", False)])
def test_the_template_of_slices_starts_with_https_and_holds_both_names(
    run: Run, base: str, issued: bool
) -> None:
    async def use(server: Running) -> None:
        await sliced(server)
        made = await template(server, base)
        told = made.federated_select_uri_info.uri_template
        if issued:
            assert told.startswith("https://")
            assert "{served_at_id}" in told
            assert "{key_base10}" in told
        else:
            assert not made.HasField("federated_select_uri_info")

    run(use)


def test_a_task_without_slices_has_no_template(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assert not (await template(server, "https://fleet")).HasField("federated_select_uri_info")

    run(use)


def test_a_slice_is_found_by_what_is_put_into_the_template_unescaped(run: Run) -> None:
    async def use(server: Running) -> None:
        await sliced(server)
        told = (await template(server, "https://fleet")).federated_select_uri_info.uri_template

        async def fetch(served_at: str, key: str) -> tuple[int, bytes]:
            uri = told.replace("{served_at_id}", served_at).replace("{key_base10}", key)
            got = await server.peer.client.get(uri)
            return got.status_code, got.content

        assert await fetch("words/a", "0") == (200, b"zero")
        assert await fetch("words/a", "2") == (200, b"two")
        wrong = [("words/a", "3"), ("words/a", "-1"), ("words/a", "x"), ("b", "0"), ("empty", "0")]
        for served_at, key in [*wrong, ("words/a", "9" * 99), ("words/a", "\u0661")]:
            assert (await fetch(served_at, key))[0] == 404
        server.clock.now += 901
        assert (await fetch("words/a", "0"))[0] == 403
        assert (await server.peer.client.get("/v1/slices/x/words/0")).status_code == 403

    run(use)


@pytest.mark.parametrize("content", [b"\xff", b""])
def test_what_are_no_slices_is_refused(run: Run, content: bytes) -> None:
    async def use(server: Running) -> None:
        made = await server.peer.client.post(
            "/api/v1/populations/p/tasks", json={"totalIteration": 1, "minAggregationSize": 9}
        )
        put = await server.peer.client.put(made.json()["slicesUrl"][0], content=content)
        assert put.status_code == 400

    run(use)
