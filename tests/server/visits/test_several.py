"""Tasks that a device does beside others, several in a visit."""

from collections.abc import Callable
from typing import Any

import pytest

from ame import errors
from ame.protocol import statuses
from ame.protocol.pb import eligibility_eval_tasks as eets
from ame.protocol.pb import population_eligibility_spec as eligibility_spec
from ame.protocol.pb import task_assignments
from ame.protocol.tensors import checkpoint
from server.fleets import Running, update

Run = Callable[..., None]
CONTENT = checkpoint.to_bytes(update(1, 2, 3))
ELIGIBLE: dict[str, Any] = {
    "task_eligibility_info": {"task_weights": [{"task_name": "p/2", "weight": 1}]}
}


def test_of_several_tasks_those_that_cannot_be_had_are_left_out(run: Run) -> None:
    async def use(server: Running) -> None:
        for _ in range(2):
            await server.task()
        asked = task_assignments.PerformMultipleTaskAssignmentsRequest(
            population_name="p",
            session_id=await server.peer.begun(),
            task_names=["p/2", "p/9", "p/1", "p/2"],
        )
        reply = await server.peer.ask("PerformMultipleTaskAssignments", asked)
        assert [each.task_name for each in reply.task_assignments] == ["p/2", "p/1"]
        tokens = {each.authorization_token for each in reply.task_assignments}
        assert len(tokens) == 2

    run(use)


def test_of_several_tasks_one_that_fails_ends_none_of_the_others(run: Run) -> None:
    async def use(server: Running) -> None:
        for _ in range(2):
            await server.task()
        session = await server.peer.begun()
        asked = task_assignments.PerformMultipleTaskAssignmentsRequest(
            population_name="p", session_id=session, task_names=["p/1", "p/2"]
        )
        first, second = (
            await server.peer.ask("PerformMultipleTaskAssignments", asked)
        ).task_assignments
        assert first.session_id != second.session_id
        await server.peer.report(first, statuses.INTERNAL)
        with pytest.raises(errors.CallFailed, match="session is over"):
            await server.peer.report(first, statuses.OK)
        await server.peer.hand_in(second, CONTENT)
        known = await server.app.management.explain("p", session)
        states = {each["task"]: each["status"] for each in known["assignments"]}
        assert states == {1: "LOCAL_FAILED", 2: "UPLOAD_COMPLETED"}

    run(use)


def test_a_session_of_one_of_several_tasks_gets_that_task_again_and_no_other(run: Run) -> None:
    async def use(server: Running) -> None:
        for _ in range(2):
            await server.task()
        asked = task_assignments.PerformMultipleTaskAssignmentsRequest(
            population_name="p", session_id=await server.peer.begun(), task_names=["p/1", "p/2"]
        )
        reply = await server.peer.ask("PerformMultipleTaskAssignments", asked)
        for each in reply.task_assignments:
            again = (await server.peer.assignment(each.session_id)).task_assignment
            assert again.authorization_token == each.authorization_token

    run(use)


def test_a_task_beside_others_is_given_to_those_that_name_it_alone(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(mode="TASK_ASSIGNMENT_MODE_MULTIPLE")
        await server.task()
        session = await server.peer.begun()
        for _ in range(5):
            other = await server.peer.assignment(await server.peer.begun(), **ELIGIBLE)
            assert other.task_assignment.task_name in {"p/2", ""}
        asked = task_assignments.PerformMultipleTaskAssignmentsRequest(
            population_name="p", session_id=session, task_names=["p/1"]
        )
        reply = await server.peer.ask("PerformMultipleTaskAssignments", asked)
        assert [each.task_name for each in reply.task_assignments] == ["p/1"]

    run(use)


def test_a_session_that_has_tasks_beside_others_gets_one_more(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(mode="TASK_ASSIGNMENT_MODE_MULTIPLE")
        await server.task()
        session = await server.peer.begun()
        asked = task_assignments.PerformMultipleTaskAssignmentsRequest(
            population_name="p", session_id=session, task_names=["p/1"]
        )
        await server.peer.ask("PerformMultipleTaskAssignments", asked)
        for _ in range(2):
            more = await server.peer.assignment(session, **ELIGIBLE)
            assert more.task_assignment.task_name == "p/2"

    run(use)


def test_a_device_that_takes_one_task_at_a_time_hears_of_no_others(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(mode="TASK_ASSIGNMENT_MODE_MULTIPLE")
        await server.task()
        asked = eets.EligibilityEvalTaskRequest(population_name="p")
        simple = await server.peer.ask("RequestEligibilityEvalTask", asked)
        assert simple.WhichOneof("result") == "no_eligibility_eval_configured"
        asked.eligibility_eval_task_capabilities.supports_multiple_task_assignment = True
        able = await server.peer.ask("RequestEligibilityEvalTask", asked)
        read = eligibility_spec.PopulationEligibilitySpec.FromString(
            able.eligibility_eval_task.population_eligibility_spec.inline_resource.data
        )
        modes = {each.task_name: each.task_assignment_mode for each in read.task_info}
        assert modes == {"p/1": 2, "p/2": 1}

    run(use)


def test_a_mode_that_is_none_is_refused(run: Run) -> None:
    async def use(server: Running) -> None:
        said = {"taskAssignmentMode": "SEVERAL", "totalIteration": 1, "minAggregationSize": 1}
        made = await server.peer.client.post("/api/v1/populations/p/tasks", json=said)
        assert (made.status_code, "TASK_ASSIGNMENT_MODE_MULTIPLE" in made.text) == (400, True)

    run(use)
