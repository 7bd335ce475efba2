"""Devices whose round is over without them: they hear it before they upload."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty

from ame import errors
from ame.protocol import statuses
from ame.protocol.pb import aggregations, odp_task_assignments, operations
from ame.protocol.tensors import checkpoint
from ame.server.ledger import rounds
from ame.server.settings import Settings
from ame.server.tasks import TaskStatus
from server import fleets
from server.fleets import Running, update

Run = Callable[..., None]
CONTENT = checkpoint.to_bytes(update(1, 2, 3))
SELDOM = Settings(tick_seconds=1e6)
"""Of a server that looks at what has changed when it is told to."""
CANCELED = "the contribution is not needed any more: its task was canceled"


async def given(server: Running) -> Any:
    session = await server.peer.begun()
    return (await server.peer.assignment(session)).task_assignment


async def canceled(server: Running) -> None:
    await server.peer.ask("CancelTask", Empty(), population_name="p", task_id="1")


def start(assigned: Any) -> aggregations.StartAggregationDataUploadRequest:
    return aggregations.StartAggregationDataUploadRequest(
        aggregation_id=assigned.aggregation_id, authorization_token=assigned.authorization_token
    )


async def refused(server: Running, name: str, message: Any) -> str:
    """Why a call is answered with ABORTED."""
    with pytest.raises(errors.CallFailed) as told:
        await server.peer.ask(name, message)
    assert told.value.code == statuses.ABORTED
    return told.value.said


async def explained(server: Running, session: str) -> list[tuple[str, str]]:
    known = await server.app.management.explain("p", session)
    return [(each["status"], each["reason"]) for each in known["assignments"]]


def test_of_a_task_that_was_canceled_no_device_is_told_where_to_upload(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = await given(server)
        await canceled(server)

        assert await refused(server, "StartAggregationDataUpload", start(assigned)) == CANCELED
        told = [("CANCELED", "its task was canceled")]
        assert await explained(server, assigned.session_id) == told
        [only] = await server.app.fleet.database.read(lambda rows: rounds.rounds(rows, "p", 1))
        assert (only.active, only.failed) == (0, 0)
        server.clock.now += 1e6
        await server.app.leader.step()
        assert await explained(server, assigned.session_id) == told

    run(use)


def test_a_task_that_was_canceled_gets_no_round_more(run: Run) -> None:
    """Whoever leads it may have looked at it just before."""

    async def use(server: Running) -> None:
        await server.task()
        database = server.app.fleet.database
        [first] = await database.read(lambda rows: rounds.rounds(rows, "p", 1))
        second = replace(first, number=2, aggregation="second")
        await canceled(server)

        assert not await database.do(lambda rows: rounds.begin_round(rows, second))
        assert len(await database.read(lambda rows: rounds.rounds(rows, "p", 1))) == 1

    run(use)


def test_what_a_device_uploads_once_its_task_was_canceled_is_not_kept(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = await given(server)
        operation = await server.peer.raw("StartAggregationDataUpload", start(assigned))
        opened = aggregations.StartAggregationDataUploadResponse()
        assert operation.response.Unpack(opened)
        await canceled(server)

        path = f"/upload/v1/media/{opened.resource.resource_name}"
        uploaded = await server.peer.client.post(path, content=CONTENT)
        assert (uploaded.status_code, CANCELED in uploaded.text) == (409, True)
        kept = "SELECT assignment FROM uploads"
        assert await server.app.fleet.database.read(lambda rows: rows.execute(kept)) == []
        again = operations.GetOperationRequest(name=operation.name)
        error = (await server.peer.raw("GetOperation", again)).error
        assert (error.code, error.message) == (statuses.ABORTED, CANCELED)

    run(use)


def test_what_was_uploaded_before_its_task_was_canceled_is_not_counted(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        assigned = await given(server)
        opened = await server.peer.ask("StartAggregationDataUpload", start(assigned))
        name = opened.resource.resource_name
        await server.peer.client.post(f"/upload/v1/media/{name}", content=CONTENT)
        await canceled(server)

        submit = aggregations.SubmitAggregationResultRequest(
            aggregation_id=assigned.aggregation_id,
            client_token=opened.client_token,
            resource_name=name,
        )
        why = await refused(server, "SubmitAggregationResult", submit)
        assert why == "the contribution is not needed any more: its task is over"
        [only] = await server.app.fleet.database.read(lambda rows: rounds.rounds(rows, "p", 1))
        assert only.accepted == 0

    run(use)


def test_a_device_whose_round_ended_without_it_is_not_told_where_to_upload(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=1, max_aggregation_size=2, total_iteration=2)
        late, first = [await given(server) for _ in range(2)]
        await server.peer.hand_in(first, CONTENT)
        await server.app.leader.step()

        why = await refused(server, "StartAggregationDataUpload", start(late))

        assert why == "the contribution is not needed any more: its round is over"
        assert await explained(server, late.session_id) == [("ASSIGNED", "its round is over")]
        assert await explained(server, first.session_id) == [("UPLOAD_COMPLETED", "")]
        with pytest.raises(errors.CallFailed, match="no such assignment") as told:
            await server.peer.ask("StartAggregationDataUpload", start(first))
        assert told.value.code == statuses.NOT_FOUND

    run(use)


def test_a_server_that_has_not_heard_that_another_one_canceled_a_task_refuses_too(
    tmp_path: Path, address: str
) -> None:
    async def main() -> None:
        async with (
            fleets.running(tmp_path, address) as one,
            fleets.running(tmp_path, address, settings=SELDOM) as other,
        ):
            await one.task()
            await other.app.leader.step()
            assigned = await given(other)
            await canceled(one)
            assert (await other.app.fleet.kept("p", 1)).task.status is TaskStatus.OPEN
            assert await refused(other, "StartAggregationDataUpload", start(assigned)) == CANCELED

    asyncio.run(main())


def test_a_device_of_the_other_dialect_gets_no_place_for_what_is_not_needed(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task()
        asked = odp_task_assignments.CreateTaskAssignmentRequest()
        reply = await server.peer.ask("CreateTaskAssignment", asked, population_name="p")
        ids = ("population_name", "task_id", "aggregation_id", "assignment_id")
        fields = {name: getattr(reply.task_assignment, name) for name in ids}
        await canceled(server)

        completed = odp_task_assignments.ReportResultRequest(result="COMPLETED")
        with pytest.raises(errors.CallFailed, match="it has ended") as told:
            await server.peer.ask("ReportResult", completed, **fields)
        assert told.value.code == statuses.NOT_FOUND

    run(use)
