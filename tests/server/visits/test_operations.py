"""The operations by which calls are answered: their names, and what has become of them."""

from collections.abc import Callable
from typing import Any

import pytest

from ame import errors
from ame.protocol import calls, statuses
from ame.protocol.pb import aggregations, federated_api, operations, task_assignments
from ame.protocol.pb import eligibility_eval_tasks as eets
from ame.protocol.wires import http
from ame.server.settings import Settings
from server.fleets import Running

Run = Callable[..., None]


def test_the_answer_is_a_finished_operation_with_the_response(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        asked = task_assignments.StartTaskAssignmentRequest(
            population_name="p", session_id=await server.peer.begun()
        )
        operation = await server.peer.raw("StartTaskAssignment", asked)
        assert operation.done
        assert operation.name.startswith("operations/")
        reply = task_assignments.StartTaskAssignmentResponse()
        assert operation.response.Unpack(reply)
        assert reply.WhichOneof("result") == "task_assignment"

    run(use)


def test_an_operation_that_is_not_complete_says_at_which_rate_to_poll(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=1, max_aggregation_size=1)
        await server.peer.assignment(await server.peer.begun())
        asked = task_assignments.StartTaskAssignmentRequest(
            population_name="p", session_id=await server.peer.begun()
        )
        operation = await server.peer.raw("StartTaskAssignment", asked)
        metadata = task_assignments.StartTaskAssignmentMetadata()
        assert operation.metadata.Unpack(metadata)
        assert metadata.polling_interval.ToMilliseconds() == 250

    run(use, settings=Settings(patience_seconds=30, polling_seconds=0.25))


def test_the_name_of_an_operation_is_short_however_many_tasks_a_client_may_do(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=1, max_aggregation_size=1)
        first = (await server.peer.assignment(await server.peer.begun())).task_assignment
        many = federated_api.TaskEligibilityInfo(version=1)
        for number in (*range(2, 5000), 1):
            many.task_weights.add(task_name=f"p/{number}", weight=2 if number == 1 else 1)
        asked = task_assignments.StartTaskAssignmentRequest(
            population_name="p", session_id=await server.peer.begun(), task_eligibility_info=many
        )
        waiting = await server.peer.raw("StartTaskAssignment", asked)
        assert not waiting.done
        assert len(waiting.name) < 2000
        await server.peer.report(first, statuses.INTERNAL)
        server.clock.now += 1
        assert waiting.name == await _joined(server, waiting.name)

    run(use, settings=Settings(patience_seconds=60))


async def _joined(server: Running, name: str) -> str:
    """An operation that has come to an assignment."""
    ended = await server.peer.raw("GetOperation", operations.GetOperationRequest(name=name))
    reply = task_assignments.StartTaskAssignmentResponse()
    assert ended.response.Unpack(reply)
    assert reply.task_assignment.task_name == "p/1"
    found: str = ended.name
    return found


def test_a_client_that_needs_no_assignment_any_more_cancels_its_operation(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=1, max_aggregation_size=1)
        await server.peer.assignment(await server.peer.begun())
        asked = task_assignments.StartTaskAssignmentRequest(
            population_name="p", session_id=await server.peer.begun()
        )
        name = (await server.peer.raw("StartTaskAssignment", asked)).name
        await server.peer.raw("CancelOperation", operations.CancelOperationRequest(name=name))
        ended = await server.peer.raw("GetOperation", operations.GetOperationRequest(name=name))
        assert (ended.done, ended.name) == (True, name)
        assert ended.error.code == statuses.CANCELLED

    run(use, settings=Settings(patience_seconds=30))


def test_an_operation_that_comes_to_nothing_holds_the_error(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=1, max_aggregation_size=1)
        await server.peer.assignment(await server.peer.begun())
        session = await server.peer.begun()
        asked = task_assignments.StartTaskAssignmentRequest(population_name="p", session_id=session)
        name = (await server.peer.raw("StartTaskAssignment", asked)).name
        failed = eets.ReportEligibilityEvalTaskResultRequest(
            population_name="p", session_id=session, status_code="INTERNAL"
        )
        await server.peer.ask("ReportEligibilityEvalTaskResult", failed)
        ended = await server.peer.raw("GetOperation", operations.GetOperationRequest(name=name))
        assert ended.WhichOneof("result") == "error"
        unknown = operations.GetOperationRequest(name="operations/nobody")
        with pytest.raises(errors.CallFailed, match="operation"):
            await server.peer.raw("GetOperation", unknown)

    run(use, settings=Settings(patience_seconds=30))


def test_an_operation_that_has_ended_at_once_can_be_asked_after_by_its_name(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=1, max_aggregation_size=1)
        session = await server.peer.begun()
        asked = task_assignments.StartTaskAssignmentRequest(population_name="p", session_id=session)
        first = await server.peer.raw("StartTaskAssignment", asked)
        again = await looked_at(server, first.name)
        assert (again.name, again.done) == (first.name, True)
        given, repeated = (outcome(each).task_assignment for each in (first, again))
        assert repeated.aggregation_id == given.aggregation_id
        assert repeated.authorization_token == given.authorization_token

        start = aggregations.StartAggregationDataUploadRequest(
            aggregation_id=given.aggregation_id, authorization_token=given.authorization_token
        )
        opened = await server.peer.raw("StartAggregationDataUpload", start)
        again = await looked_at(server, opened.name)
        assert (again.done, again.response) == (True, opened.response)
        with pytest.raises(errors.CallFailed):  # the token itself has worked once
            await server.peer.raw("StartAggregationDataUpload", start)

    run(use)


def test_an_operation_that_ended_in_a_rejection_says_it_again(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_client_version="7")
        asked = task_assignments.StartTaskAssignmentRequest(
            population_name="p",
            session_id=await server.peer.begun(),
            client_version={"version_code": "1"},
        )
        refused = await server.peer.raw("StartTaskAssignment", asked)
        again = outcome(await looked_at(server, refused.name))
        assert again.rejection_info.reason == outcome(refused).rejection_info.reason != 0

    run(use)


def test_the_name_of_an_ended_operation_shows_only_what_its_holder_was_told(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        session = await server.peer.begun()
        asked = task_assignments.StartTaskAssignmentRequest(population_name="p", session_id=session)
        name = (await server.peer.raw("StartTaskAssignment", asked)).name
        for other in (
            name[:-4] + "AAAA",
            name + "/AAAA",
            "operations/done",
            "operations/start_task_assignment/\xff/\xff",
            "operations/start_aggregation_data_upload/AAAA",
        ):
            with pytest.raises(errors.CallFailed, match="operation"):
                await looked_at(server, other)

    run(use)


def test_an_assignment_that_is_not_wanted_is_freed_by_its_operations_name(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=1, max_aggregation_size=1)
        session = await server.peer.begun()
        asked = task_assignments.StartTaskAssignmentRequest(population_name="p", session_id=session)
        name = (await server.peer.raw("StartTaskAssignment", asked)).name
        await server.peer.raw("CancelOperation", operations.CancelOperationRequest(name=name))
        assert (await looked_at(server, name)).error.code == statuses.CANCELLED
        other = await server.peer.assignment(await server.peer.begun())
        assert other.HasField("task_assignment")

    run(use)


async def looked_at(server: Running, name: str) -> Any:
    return await server.peer.raw("GetOperation", operations.GetOperationRequest(name=name))


def outcome(made: Any) -> Any:
    return http.outcome(calls.by_name("StartTaskAssignment"), made)
