"""What operators are told of a device's visit."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.protocol import statuses
from ame.protocol.pb import aggregations, odp_task_assignments, operations, task_assignments
from ame.protocol.tensors import checkpoint
from ame.server.ledger import assignments
from ame.server.settings import Settings
from ame.server.visits.assignments import REASON, AssignmentStatus, End
from ame.storage import databases
from ame.storage.databases.postgres import Postgres
from ame.storage.databases.sqlite import Sqlite
from ame.storage.sqlite.connections import MIGRATIONS
from server import fleets
from server.fleets import AGGREGATION, Running, update

Run = Callable[..., None]
Report = odp_task_assignments.ReportResultRequest
VISIT = "1700000000000 - a-uuid"
"""What a device of the On-Device Personalization dialect says of itself."""


async def given(server: Running) -> Any:
    session = await server.peer.begun()
    return (await server.peer.assignment(session)).task_assignment


async def explained(server: Running, session: str) -> tuple[str, str]:
    """How the only assignment of a session stands, and why."""
    [only] = (await server.app.management.explain("p", session))["assignments"]
    return only["status"], only["reason"]


async def aborted(server: Running, assigned: Any, **said: Any) -> None:
    """The device gives up what it has computed."""
    ids = {"aggregation_id": assigned.aggregation_id}
    start = aggregations.StartAggregationDataUploadRequest(
        authorization_token=assigned.authorization_token, **ids
    )
    opened = await server.peer.ask("StartAggregationDataUpload", start)
    asked = aggregations.AbortAggregationRequest(client_token=opened.client_token, **ids)
    asked.status.MergeFrom(type(asked.status)(**said))
    await server.peer.ask("AbortAggregation", asked)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"nonsense", "no tensors"),
        (checkpoint.to_bytes(update(1, 2)), "tensor update/w has shape (2,), not (3,)"),
        (checkpoint.to_bytes(update(1, 2, float("nan"))), "tensor update/w holds nan"),
        (checkpoint.to_bytes(update(30, 40, 0)), "norm is 50"),
        (checkpoint.to_bytes({**update(1, 2, 3), "update/\0": np.zeros(2)}), "is not asked for"),
    ],
    ids=["malformed", "shape", "nan", "norm", "another"],
)
def test_why_an_upload_was_refused_is_told_as_its_device_was(
    run: Run, content: bytes, why: str
) -> None:
    async def use(server: Running) -> None:
        await server.task(aggregation={**AGGREGATION, "norm": 10.0})
        assigned = await given(server)
        with pytest.raises(errors.CallFailed) as refused:
            await server.peer.hand_in(assigned, content)

        status, reason = await explained(server, assigned.session_id)

        assert (status, reason) == ("REMOTE_FAILED", refused.value.said.replace("\0", " "))
        assert why in reason

    run(use)


def test_what_a_device_says_of_its_failure_is_told(run: Run) -> None:
    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=20)
        for code, status, why in (
            (statuses.INTERNAL, "LOCAL_FAILED", "the device reported INTERNAL"),
            (statuses.CANCELLED, "CANCELED", "the device reported CANCELLED"),
            (77, "LOCAL_FAILED", "the device reported status 77"),
        ):
            assigned = await given(server)
            asked = task_assignments.ReportTaskResultRequest(
                population_name="p",
                session_id=assigned.session_id,
                task_name=assigned.task_name,
                computation_status_code=code,  # type: ignore[arg-type]  # a number of the enum
            )
            await server.peer.ask("ReportTaskResult", asked)
            assert await explained(server, assigned.session_id) == (status, why)

        for said, why in (
            ({"code": statuses.UNAVAILABLE}, "the device gave up with UNAVAILABLE"),
            ({"code": 13, "message": "no\nroom"}, "the device gave up with INTERNAL: no room"),
        ):
            assigned = await given(server)
            await aborted(server, assigned, **said)
            assert await explained(server, assigned.session_id) == ("LOCAL_FAILED", why)

        session = await server.peer.begun()
        wish = task_assignments.StartTaskAssignmentRequest(population_name="p", session_id=session)
        begun = await server.peer.raw("StartTaskAssignment", wish)
        cancel = operations.CancelOperationRequest(name=begun.name)
        await server.peer.raw("CancelOperation", cancel)
        canceled = ("CANCELED", "the device canceled its operation")
        assert await explained(server, session) == canceled

    run(use)


@pytest.mark.parametrize(
    ("result", "status", "why"),
    [
        (Report.FAILED_OPS_ERROR, "LOCAL_FAILED_OPS_ERROR", "the device reported FAILED_OPS_ERROR"),
        (77, "LOCAL_FAILED", "the device reported result 77"),
    ],
)
def test_what_a_device_of_the_other_dialect_says_is_told(
    run: Run, result: int, status: str, why: str
) -> None:
    async def use(server: Running) -> None:
        await server.task()
        server.peer.headers = {"odp-idempotency-key": VISIT}
        asked = odp_task_assignments.CreateTaskAssignmentRequest()
        reply = await server.peer.ask("CreateTaskAssignment", asked, population_name="p")
        assigned = reply.task_assignment
        ids = ("population_name", "task_id", "aggregation_id", "assignment_id")
        fields = {name: getattr(assigned, name) for name in ids}
        await server.peer.ask("ReportResult", Report(result=result), **fields)  # type: ignore[arg-type]  # a number of the enum

        assert await explained(server, VISIT) == (status, why)

    run(use)


def test_a_task_that_a_server_tells_of_is_had_there_at_once(tmp_path: Path, address: str) -> None:
    """Though another one has opened it, and begun its round."""
    seldom = Settings(tick_seconds=1e6)

    async def main() -> None:
        async with (
            fleets.running(tmp_path, address) as one,
            fleets.running(tmp_path, address, settings=seldom) as other,
        ):
            await other.app.leader.step()
            await one.task()
            shown = (await other.peer.client.get("/api/v1/populations/p/tasks/1")).json()
            assert (shown["status"], len(shown["rounds"])) == ("OPEN", 1)
            assert (await given(other)).task_name == "p/1"

    asyncio.run(main())


def test_a_reason_is_one_line_and_not_a_long_one() -> None:
    escaped = End.refused(errors.ContributionRefused("\x1b[2J\0\ud800\r\n", "is not asked for"))
    assert escaped.reason == "tensor  [2J     is not asked for"
    long = End.refused(errors.ContributionRefused("w" * (1 << 20), "is not asked for"))
    assert len(long.reason) == REASON
    assert long.reason.endswith("w…")


def test_assignments_from_before_reasons_were_kept_have_none(tmp_path: Path, address: str) -> None:
    before = tmp_path / "fleet"
    before.mkdir()
    for number in range(1, 5):
        shutil.copy(MIGRATIONS / "fleet" / f"{number:04}.sql", before)
    old = Postgres(address, before) if "://" in address else Sqlite(Path(address), before)
    made = "INSERT INTO assignments (id, population, task, round, session, status, due, made)"
    ids = ("a", "b")

    async def use() -> None:
        await old.do(
            lambda rows: rows.execute_all(
                f"{made} VALUES (?, 'p', 1, 1, 's', ?, 1.0, 1.0)", [("a", 104), ("b", 0)]
            )
        )
        old.close()
        now = databases.opened(address, "fleet")
        end = End(AssignmentStatus.REMOTE_FAILED, "why")
        for number in ids:
            await now.do(
                lambda rows: assignments.end_assignment(rows, assignments.seen(rows, number), end)  # noqa: B023 - used at once
            )
        found = [await now.read(lambda rows: assignments.seen(rows, each)) for each in ids]  # noqa: B023 - used at once
        now.close()
        assert [(each.status, each.reason) for each in found] == [(104, ""), (104, "why")]

    asyncio.run(use())
