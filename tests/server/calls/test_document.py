"""The rules that the comments of task_assignments.proto state, one test each."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.protocol import calls, statuses
from ame.protocol.pb import aggregations, common, federated_api, operations, plan, task_assignments
from ame.protocol.pb import eligibility_eval_tasks as eets
from ame.protocol.pb import population_eligibility_spec as eligibility_spec
from ame.protocol.tensors import checkpoint
from ame.protocol.wires import Caller, http
from ame.server.settings import Settings
from server.fleets import AGGREGATION, PLAN, START, Running, update

Run = Callable[..., None]
CONTENT = checkpoint.to_bytes(update(1, 2, 3))
POLICY = {
    "training_info": {
        "eligibility_task_info": {
            "eligibility_policies": [
                {"id": "data", "data_availability_policy": {"min_example_count": 3}}
            ]
        }
    },
    "traffic_weight": 1,
}
"""A task's info by which its population has eligibility to compute."""


ELIGIBLE: dict[str, Any] = {
    "task_eligibility_info": {"task_weights": [{"task_name": "p/2", "weight": 1}]}
}


def weights(**of: float) -> Any:
    info = federated_api.TaskEligibilityInfo(version=1)
    for name, weight in of.items():
        info.task_weights.add(task_name=f"p/{name[1:]}", weight=weight)
    return info


async def begun(server: Running) -> str:
    session: str = (await server.peer.session()).session_id
    return session


async def report(server: Running, assigned: Any, code: int) -> None:
    asked = task_assignments.ReportTaskResultRequest(
        population_name="p",
        session_id=assigned.session_id,
        aggregation_id=assigned.aggregation_id,
        task_name=assigned.task_name,
        computation_status_code=code,  # type: ignore[arg-type]  # a number of the enum
    )
    await server.peer.ask("ReportTaskResult", asked)


def test_the_answer_is_a_finished_operation_with_the_response(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        asked = task_assignments.StartTaskAssignmentRequest(
            population_name="p", session_id=await begun(server)
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
        await server.peer.assignment(await begun(server))
        asked = task_assignments.StartTaskAssignmentRequest(
            population_name="p", session_id=await begun(server)
        )
        operation = await server.peer.raw("StartTaskAssignment", asked)
        metadata = task_assignments.StartTaskAssignmentMetadata()
        assert operation.metadata.Unpack(metadata)
        assert metadata.polling_interval.ToMilliseconds() == 250

    run(use, settings=Settings(patience_seconds=30, polling_seconds=0.25))


def test_the_name_of_an_operation_is_short_however_many_tasks_a_client_may_do(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=1, max_aggregation_size=1)
        first = (await server.peer.assignment(await begun(server))).task_assignment
        many = weights(**{f"p{number}": 1 for number in range(2, 5000)}, p1=2)
        asked = task_assignments.StartTaskAssignmentRequest(
            population_name="p", session_id=await begun(server), task_eligibility_info=many
        )
        waiting = await server.peer.raw("StartTaskAssignment", asked)
        assert not waiting.done
        assert len(waiting.name) < 2000
        await report(server, first, statuses.INTERNAL)
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
        await server.peer.assignment(await begun(server))
        asked = task_assignments.StartTaskAssignmentRequest(
            population_name="p", session_id=await begun(server)
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
        await server.peer.assignment(await begun(server))
        session = await begun(server)
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
        session = await begun(server)
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
            session_id=await begun(server),
            client_version={"version_code": "1"},
        )
        refused = await server.peer.raw("StartTaskAssignment", asked)
        again = outcome(await looked_at(server, refused.name))
        assert again.rejection_info.reason == outcome(refused).rejection_info.reason != 0

    run(use)


def test_the_name_of_an_ended_operation_shows_only_what_its_holder_was_told(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        session = await begun(server)
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
        session = await begun(server)
        asked = task_assignments.StartTaskAssignmentRequest(population_name="p", session_id=session)
        name = (await server.peer.raw("StartTaskAssignment", asked)).name
        await server.peer.raw("CancelOperation", operations.CancelOperationRequest(name=name))
        assert (await looked_at(server, name)).error.code == statuses.CANCELLED
        other = await server.peer.assignment(await begun(server))
        assert other.HasField("task_assignment")

    run(use)


async def looked_at(server: Running, name: str) -> Any:
    return await server.peer.raw("GetOperation", operations.GetOperationRequest(name=name))


def outcome(made: Any) -> Any:
    return http.outcome(calls.by_name("StartTaskAssignment"), made)


def test_the_ids_in_the_path_are_those_that_count(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        body = task_assignments.StartTaskAssignmentRequest(
            population_name="another", session_id="another"
        )
        session = await begun(server)
        response = await server.peer.client.post(
            f"/v1/populations/p/taskassignments/{session}:start",
            content=body.SerializeToString(),
        )
        operation = operations.Operation.FromString(response.content)
        reply = task_assignments.StartTaskAssignmentResponse()
        assert operation.response.Unpack(reply)
        assert reply.task_assignment.session_id == session

    run(use)


def test_a_session_that_this_server_did_not_begin_is_refused(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        for made_up in ("x", (await begun(server))[:-1] + "x"):
            with pytest.raises(errors.CallFailed, match="no such session"):
                await server.peer.assignment(made_up)

    run(use)


def test_eligibility_is_taken_into_account(run: Run) -> None:
    async def use(server: Running) -> None:
        for _ in range(3):
            await server.task(info=POLICY)
        for _ in range(4):
            said = weights(_1=0.0, _2=1.0, _3=0.0)
            given = await server.peer.assignment(await begun(server), task_eligibility_info=said)
            assert given.HasField("rejection_info") or given.task_assignment.task_name == "p/2"
        none = await server.peer.assignment(
            await begun(server), task_eligibility_info=weights(_1=0.0)
        )
        assert none.HasField("rejection_info")

    run(use)


def test_a_client_that_says_no_eligibility_is_rejected_where_it_is_asked_for(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(info=POLICY)
        session = await server.peer.session()
        assert session.WhichOneof("result") == "eligibility_eval_task"
        resource = session.eligibility_eval_task.population_eligibility_spec.inline_resource
        spec = eligibility_spec.PopulationEligibilitySpec.FromString(resource.data)
        [policy] = spec.eligibility_policies
        assert policy.data_availability_policy.min_example_count == 3
        assert [each.task_name for each in spec.task_info] == ["p/1"]

        answer = await server.peer.assignment(session.session_id)

        assert answer.HasField("rejection_info")
        why = await server.app.management.explain("p", session.session_id)
        assert "did not say" in why["refused"]

    run(use)


def test_a_client_that_says_no_eligibility_may_do_any_task_where_it_is_not_asked_for(
    run: Run,
) -> None:
    async def use(server: Running) -> None:
        await server.task()
        session = await server.peer.session()
        assert session.WhichOneof("result") == "no_eligibility_eval_configured"
        assert (await server.peer.assignment(session.session_id)).HasField("task_assignment")

    run(use)


def test_of_several_tasks_those_that_cannot_be_had_are_left_out(run: Run) -> None:
    async def use(server: Running) -> None:
        for _ in range(2):
            await server.task()
        asked = task_assignments.PerformMultipleTaskAssignmentsRequest(
            population_name="p",
            session_id=await begun(server),
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
        session = await begun(server)
        asked = task_assignments.PerformMultipleTaskAssignmentsRequest(
            population_name="p", session_id=session, task_names=["p/1", "p/2"]
        )
        first, second = (
            await server.peer.ask("PerformMultipleTaskAssignments", asked)
        ).task_assignments
        assert first.session_id != second.session_id
        await report(server, first, statuses.INTERNAL)
        with pytest.raises(errors.CallFailed, match="session is over"):
            await report(server, first, statuses.OK)
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
            population_name="p", session_id=await begun(server), task_names=["p/1", "p/2"]
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
        session = await begun(server)
        for _ in range(5):
            other = await server.peer.assignment(await begun(server), **ELIGIBLE)
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
        session = await begun(server)
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


def test_no_call_of_a_session_is_taken_once_a_result_has_ended_it(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await server.peer.assignment(await begun(server))).task_assignment
        await report(server, assigned, statuses.INTERNAL)
        ids = {"population_name": "p", "session_id": assigned.session_id}
        later: list[tuple[str, Any]] = [
            ("StartTaskAssignment", task_assignments.StartTaskAssignmentRequest(**ids)),
            ("ReportTaskResult", task_assignments.ReportTaskResultRequest(**ids)),
            (
                "PerformMultipleTaskAssignments",
                task_assignments.PerformMultipleTaskAssignmentsRequest(**ids, task_names=["p/1"]),
            ),
            (
                "ReportEligibilityEvalTaskResult",
                eets.ReportEligibilityEvalTaskResultRequest(**ids),
            ),
        ]
        for name, asked in later:
            with pytest.raises(errors.CallFailed, match="session is over") as refused:
                await server.peer.ask(name, asked)
            assert refused.value.code == statuses.FAILED_PRECONDITION

    run(use)


def test_a_result_for_another_aggregation_is_refused(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await server.peer.assignment(await begun(server))).task_assignment
        wrong = task_assignments.TaskAssignment()
        wrong.CopyFrom(assigned)
        wrong.aggregation_id = "another"
        with pytest.raises(errors.CallFailed, match="no such assignment"):
            await report(server, wrong, statuses.INTERNAL)
        await server.peer.hand_in(assigned, CONTENT)

    run(use)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/populations/p/tasks/{}", 404),
        ("GET", "/api/v1/populations/p/tasks/1/rounds/{}/checkpoint", 404),
        ("GET", "/taskmanagement/v1/population/p/tasks/{}:get", 404),
        (
            "PUT",
            "/taskassignment/v1/population/p/task/{}/aggregation/a/task-assignment/b:report-result",
            404,
        ),
        ("POST", "/api/v1/populations/p/tasks", 400),
    ],
)
def test_a_number_that_no_database_holds_is_refused(
    run: Run, method: str, path: str, status: int
) -> None:
    async def use(server: Running) -> None:
        await server.task()
        said = json.dumps({"totalIteration": "1", "minAggregationSize": str(2**63 - 1)})
        refused = await server.peer.client.request(
            method,
            path.format("9" * 23),
            content=said if method == "POST" else b"",
            headers={"content-type": "application/json"},
        )
        assert refused.status_code == status, refused.content

    run(use)


def test_text_that_no_database_holds_does_no_harm(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=5)
        client = common.ClientVersion(version_code="1\0")
        reply = await server.peer.assignment(await begun(server), client_version=client)
        assigned = reply.task_assignment
        wrong = task_assignments.TaskAssignment()
        wrong.CopyFrom(assigned)
        wrong.aggregation_id = "\0"
        for code in (statuses.OK, statuses.INTERNAL):
            with pytest.raises(errors.CallFailed, match="no such assignment"):
                await report(server, wrong, code)
        asked = aggregations.StartAggregationDataUploadRequest(
            aggregation_id="\0", authorization_token=assigned.authorization_token
        )
        with pytest.raises(errors.CallFailed, match="no such assignment"):
            await server.peer.ask("StartAggregationDataUpload", asked)
        await server.peer.hand_in(assigned, CONTENT)

    run(use)


def test_a_version_of_thousands_of_digits_is_one_that_no_task_takes(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_client_version="1", max_client_version="2")
        client = common.ClientVersion(version_code="9" * 5000)
        reply = await server.peer.assignment(await begun(server), client_version=client)
        assert reply.rejection_info.reason == common.RejectionReason.CLIENT_VERSION_MISMATCH

    run(use)


@pytest.mark.parametrize("code", [statuses.OK, statuses.INTERNAL])
def test_a_result_for_a_task_that_was_not_assigned_is_refused(run: Run, code: int) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await server.peer.assignment(await begun(server))).task_assignment
        wrong = task_assignments.TaskAssignment()
        wrong.CopyFrom(assigned)
        for name in ("p/99", f"p/{'9' * 23}"):
            wrong.task_name = name
            with pytest.raises(errors.CallFailed, match="no such assignment"):
                await report(server, wrong, code)
        await server.peer.hand_in(assigned, CONTENT)

    run(use)


@pytest.mark.parametrize("able", [True, False])
def test_resources_are_compressed_where_the_client_says_that_it_can_read_them(
    run: Run, able: bool
) -> None:
    async def use(server: Running) -> None:
        await server.task()
        formats = [common.RESOURCE_COMPRESSION_FORMAT_GZIP] if able else []
        capabilities = common.ResourceCapabilities(supported_compression_formats=formats)
        reply = await server.peer.assignment(
            await begun(server), resource_capabilities=capabilities
        )
        uri = reply.task_assignment.init_checkpoint.uri
        found = await server.peer.client.get(uri, headers={"accept-encoding": "identity"})
        assert found.headers["content-type"].endswith("+gzip") is able
        assert (found.content[:2] == b"\x1f\x8b") is able

    run(use)


@pytest.mark.parametrize("code", [statuses.INTERNAL, statuses.CANCELLED, 9])
def test_a_result_other_than_ok_ends_the_session(run: Run, code: int) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await server.peer.assignment(await begun(server))).task_assignment
        await report(server, assigned, code)
        with pytest.raises(errors.CallFailed, match="session is over") as refused:
            await server.peer.assignment(assigned.session_id)
        assert refused.value.code == statuses.FAILED_PRECONDITION
        with pytest.raises(errors.CallFailed, match="no such assignment"):
            await server.peer.hand_in_quietly(assigned, CONTENT)

    run(use)


def test_a_result_of_ok_does_not_end_the_session(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await server.peer.assignment(await begun(server))).task_assignment
        await report(server, assigned, statuses.OK)
        await report(server, assigned, statuses.OK)
        await server.peer.hand_in_quietly(assigned, CONTENT)

    run(use)


def test_an_evaluation_that_failed_ends_the_session(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        session = await begun(server)
        asked = eets.ReportEligibilityEvalTaskResultRequest(
            population_name="p", session_id=session, status_code="INTERNAL"
        )
        await server.peer.ask("ReportEligibilityEvalTaskResult", asked)
        with pytest.raises(errors.CallFailed, match="session is over"):
            await server.peer.assignment(session)

    run(use)


def test_an_authorization_token_is_for_one_upload_to_its_own_round(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await server.peer.assignment(await begun(server))).task_assignment
        wrong = aggregations.StartAggregationDataUploadRequest(
            aggregation_id="another", authorization_token=assigned.authorization_token
        )
        with pytest.raises(errors.CallFailed, match="no such assignment"):
            await server.peer.ask("StartAggregationDataUpload", wrong)
        await server.peer.hand_in_quietly(assigned, CONTENT)
        with pytest.raises(errors.CallFailed, match="used before"):
            await server.peer.hand_in_quietly(assigned, CONTENT)

    run(use)


def test_no_id_tells_of_a_device(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        seen: list[tuple[str, ...]] = []
        for _ in range(2):
            caller = Caller(headers={"x-device": "me"}, address="10.1.2.3", base="http://fleet")
            asked = eets.EligibilityEvalTaskRequest(population_name="p")
            begun = await server.app.service.answer(
                _call("RequestEligibilityEvalTask"), asked, caller
            )
            session = begun.session_id  # type: ignore[union-attr]  # a reply, by its call
            start = task_assignments.StartTaskAssignmentRequest(
                population_name="p", session_id=session
            )
            reply = await server.app.service.answer(_call("StartTaskAssignment"), start, caller)
            made = reply.task_assignment  # type: ignore[union-attr]  # a reply, by its call
            seen.append((session, made.aggregation_id, made.authorization_token))
        (first, one, opens), (second, other, also) = seen
        assert one == other
        assert len({first, second, opens, also}) == 4
        for word in (*seen[0], *seen[1]):
            assert "10.1.2.3" not in word
            assert word != "me"

    run(use)


async def template(server: Running, base: str) -> Any:
    """What a device is told of slices that reached the server so."""
    caller = Caller(base=base)
    begun = await server.app.service.answer(
        _call("RequestEligibilityEvalTask"),
        eets.EligibilityEvalTaskRequest(population_name="p"),
        caller,
    )
    start = task_assignments.StartTaskAssignmentRequest(
        population_name="p",
        session_id=begun.session_id,  # type: ignore[union-attr]  # a reply, by its call
    )
    reply = await server.app.service.answer(_call("StartTaskAssignment"), start, caller)
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


def test_the_aggregation_that_is_to_be_used_is_named(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        made = (await server.peer.assignment(await begun(server))).task_assignment
        assert made.WhichOneof("aggregation_type") == "aggregation_info"
        assert made.aggregation_data_forwarding_info.target_uri_prefix == "http://fleet"

    run(use)


def test_each_call_goes_to_the_same_place_as_the_one_before_it(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        session = await server.peer.session()
        assert session.task_assignment_forwarding_info.target_uri_prefix == "http://fleet"
        for window in (session.retry_window_if_accepted, session.retry_window_if_rejected):
            assert 0 < window.delay_min.seconds < window.delay_max.seconds

    run(use)


def test_how_long_a_computation_took_is_kept(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await server.peer.assignment(await begun(server))).task_assignment
        asked = task_assignments.ReportTaskResultRequest(
            population_name="p",
            session_id=assigned.session_id,
            task_name=assigned.task_name,
            client_stats={"computation_execution_duration": {"seconds": 3}},
        )
        await server.peer.ask("ReportTaskResult", asked)
        known = await server.app.management.explain("p", assigned.session_id)
        assert known["assignments"][0]["computed"] == 3.0

    run(use)


def test_two_devices_that_want_the_last_place_do_not_both_get_it(run: Run, tmp_path: Path) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=3, max_aggregation_size=3)
        sessions = [await begun(server) for _ in range(12)]
        answers = await asyncio.gather(*map(server.peer.assignment, sessions))
        assert sum(each.HasField("task_assignment") for each in answers) == 3

    run(use)


def _call(name: str) -> Any:
    from ame.protocol import calls

    return calls.by_name(name)
