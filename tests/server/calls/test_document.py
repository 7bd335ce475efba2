"""The rules that the comments of task_assignments.proto state, one test each."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.protocol import calls, statuses
from ame.protocol.pb import aggregations, common, federated_api, operations, task_assignments
from ame.protocol.pb import eligibility_eval_tasks as eets
from ame.protocol.pb import population_eligibility_spec as eligibility_spec
from ame.protocol.tensors import checkpoint
from ame.protocol.wires import Caller
from server.fleets import Running, update

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


def weights(**of: float) -> Any:
    info = federated_api.TaskEligibilityInfo(version=1)
    for name, weight in of.items():
        info.task_weights.add(task_name=f"p/{name[1:]}", weight=weight)
    return info


def test_the_ids_in_the_path_are_those_that_count(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        body = task_assignments.StartTaskAssignmentRequest(
            population_name="another", session_id="another"
        )
        session = await server.peer.begun()
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
        for made_up in ("x", (await server.peer.begun())[:-1] + "x"):
            with pytest.raises(errors.CallFailed, match="no such session"):
                await server.peer.assignment(made_up)

    run(use)


def test_eligibility_is_taken_into_account(run: Run) -> None:
    async def use(server: Running) -> None:
        for _ in range(3):
            await server.task(info=POLICY)
        for _ in range(4):
            said = weights(_1=0.0, _2=1.0, _3=0.0)
            given = await server.peer.assignment(
                await server.peer.begun(), task_eligibility_info=said
            )
            assert given.HasField("rejection_info") or given.task_assignment.task_name == "p/2"
        none = await server.peer.assignment(
            await server.peer.begun(), task_eligibility_info=weights(_1=0.0)
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


def test_no_call_of_a_session_is_taken_once_a_result_has_ended_it(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await server.peer.assignment(await server.peer.begun())).task_assignment
        await server.peer.report(assigned, statuses.INTERNAL)
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
        assigned = (await server.peer.assignment(await server.peer.begun())).task_assignment
        wrong = task_assignments.TaskAssignment()
        wrong.CopyFrom(assigned)
        wrong.aggregation_id = "another"
        with pytest.raises(errors.CallFailed, match="no such assignment"):
            await server.peer.report(wrong, statuses.INTERNAL)
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
        reply = await server.peer.assignment(await server.peer.begun(), client_version=client)
        assigned = reply.task_assignment
        wrong = task_assignments.TaskAssignment()
        wrong.CopyFrom(assigned)
        wrong.aggregation_id = "\0"
        for code in (statuses.OK, statuses.INTERNAL):
            with pytest.raises(errors.CallFailed, match="no such assignment"):
                await server.peer.report(wrong, code)
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
        reply = await server.peer.assignment(await server.peer.begun(), client_version=client)
        assert reply.rejection_info.reason == common.RejectionReason.CLIENT_VERSION_MISMATCH

    run(use)


@pytest.mark.parametrize("code", [statuses.OK, statuses.INTERNAL])
def test_a_result_for_a_task_that_was_not_assigned_is_refused(run: Run, code: int) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await server.peer.assignment(await server.peer.begun())).task_assignment
        wrong = task_assignments.TaskAssignment()
        wrong.CopyFrom(assigned)
        for name in ("p/99", f"p/{'9' * 23}"):
            wrong.task_name = name
            with pytest.raises(errors.CallFailed, match="no such assignment"):
                await server.peer.report(wrong, code)
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
            await server.peer.begun(), resource_capabilities=capabilities
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
        assigned = (await server.peer.assignment(await server.peer.begun())).task_assignment
        await server.peer.report(assigned, code)
        with pytest.raises(errors.CallFailed, match="session is over") as refused:
            await server.peer.assignment(assigned.session_id)
        assert refused.value.code == statuses.FAILED_PRECONDITION
        with pytest.raises(errors.CallFailed, match="no such assignment"):
            await server.peer.hand_in_quietly(assigned, CONTENT)

    run(use)


def test_a_result_of_ok_does_not_end_the_session(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = (await server.peer.assignment(await server.peer.begun())).task_assignment
        await server.peer.report(assigned, statuses.OK)
        await server.peer.report(assigned, statuses.OK)
        await server.peer.hand_in_quietly(assigned, CONTENT)

    run(use)


def test_an_evaluation_that_failed_ends_the_session(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        session = await server.peer.begun()
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
        assigned = (await server.peer.assignment(await server.peer.begun())).task_assignment
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
                calls.by_name("RequestEligibilityEvalTask"), asked, caller
            )
            session = begun.session_id  # type: ignore[union-attr]  # a reply, by its call
            start = task_assignments.StartTaskAssignmentRequest(
                population_name="p", session_id=session
            )
            reply = await server.app.service.answer(
                calls.by_name("StartTaskAssignment"), start, caller
            )
            made = reply.task_assignment  # type: ignore[union-attr]  # a reply, by its call
            seen.append((session, made.aggregation_id, made.authorization_token))
        (first, one, opens), (second, other, also) = seen
        assert one == other
        assert len({first, second, opens, also}) == 4
        for word in (*seen[0], *seen[1]):
            assert "10.1.2.3" not in word
            assert word != "me"

    run(use)


def test_the_aggregation_that_is_to_be_used_is_named(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        made = (await server.peer.assignment(await server.peer.begun())).task_assignment
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
        assigned = (await server.peer.assignment(await server.peer.begun())).task_assignment
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
        sessions = [await server.peer.begun() for _ in range(12)]
        answers = await asyncio.gather(*map(server.peer.assignment, sessions))
        assert sum(each.HasField("task_assignment") for each in answers) == 3

    run(use)
