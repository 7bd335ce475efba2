"""Where uploads are kept: small ones in the database, long ones in files; no difference else."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from ame import errors
from ame.protocol import statuses
from ame.protocol.pb import aggregations
from ame.protocol.tensors import checkpoint
from ame.protocol.wires import Caller
from ame.server.ledger import rounds, tasks
from ame.server.rounds import RoundStatus
from ame.server.settings import Settings
from ame.server.tasks import TaskStatus
from ame.storage.databases import Rows
from server import fleets
from server.fleets import Running, update

FIRST, SECOND = (checkpoint.to_bytes(update(*each)) for each in ((1, 2, 3), (5, 6, 7)))


async def opened(server: Running) -> tuple[str, Message]:
    """Where a result is to go, and what submits it."""
    session = await server.peer.begun()
    assigned = (await server.peer.assignment(session)).task_assignment
    ids = {"aggregation_id": assigned.aggregation_id}
    asked = aggregations.StartAggregationDataUploadRequest(
        authorization_token=assigned.authorization_token, **ids
    )
    started = await server.peer.ask("StartAggregationDataUpload", asked)
    name = started.resource.resource_name
    submit = aggregations.SubmitAggregationResultRequest(
        client_token=started.client_token, resource_name=name, **ids
    )
    return f"/upload/v1/media/{name}", submit


def used(folder: Path, address: str, use: Any, **more: Any) -> Any:
    async def main() -> Any:
        async with fleets.running(folder, address, **more) as server:
            return await use(server)

    return asyncio.run(main())


@pytest.mark.parametrize("longest", [0, 1 << 14])
def test_a_server_that_starts_again_finds_what_was_uploaded_and_what_was_counted(
    tmp_path: Path, address: str, longest: int
) -> None:
    async def before(server: Running) -> tuple[int, Message]:
        task = await server.task(total_iteration=1)
        path, submit = await opened(server)
        assert (await server.peer.client.post(path, content=FIRST)).status_code == 200
        await server.peer.ask("SubmitAggregationResult", submit)
        path, submit = await opened(server)
        assert (await server.peer.client.post(path, content=SECOND)).status_code == 200
        return task, submit

    async def after(server: Running) -> list[float]:
        await server.peer.ask("SubmitAggregationResult", submit)
        await server.app.leader.step()
        fleet = server.app.fleet
        digest = await fleet.database.read(lambda rows: rounds.newest_result(rows, "p", task))
        made: list[float] = checkpoint.read(await fleet.blob(digest))["server/w"].tolist()
        return made

    settings = Settings(row_bytes=longest)
    task, submit = used(tmp_path, address, before, settings=settings)
    names = [hashlib.sha256(each).hexdigest() for each in (FIRST, SECOND)]
    files = [(tmp_path / "blobs" / name[:2] / name[2:]).exists() for name in names]
    assert files == [not longest] * 2
    assert used(tmp_path, address, after, settings=settings) == [3, 4, 5]


@pytest.mark.parametrize("longest", [0, 300, 1 << 14])
def test_what_was_uploaded_last_is_what_counts(tmp_path: Path, address: str, longest: int) -> None:
    """Whether the one, the other, both or none of them are files."""
    long = checkpoint.to_bytes(update(*range(100)))
    assert len(FIRST) != len(long)

    async def use(server: Running) -> None:
        await server.task(min_aggregation_size=2)
        path, submit = await opened(server)
        for content in (long, FIRST, long, FIRST):
            assert (await server.peer.client.post(path, content=content)).status_code == 200
        await server.peer.ask("SubmitAggregationResult", submit)
        path, submit = await opened(server)
        for content in (FIRST, long):
            assert (await server.peer.client.post(path, content=content)).status_code == 200
        with pytest.raises(errors.CallFailed, match="more than 70 values"):
            await server.peer.ask("SubmitAggregationResult", submit)

    used(tmp_path, address, use, settings=Settings(row_bytes=longest))


def test_uploads_are_deleted_a_while_after_their_round_is_over_and_no_sooner(
    tmp_path: Path, address: str
) -> None:
    async def use(server: Running) -> None:
        database, leader = server.app.fleet.database, server.app.leader
        kept = "SELECT count(*) FROM uploads"
        task = await server.task(min_aggregation_size=1, total_iteration=2)
        path, submit = await opened(server)
        await server.peer.client.post(path, content=FIRST)
        await server.peer.ask("SubmitAggregationResult", submit)
        await leader.step()
        path, submit = await opened(server)
        await server.peer.client.post(path, content=SECOND)
        server.clock.now += 3600
        await leader.step()
        assert await database.read(lambda rows: rows.execute(kept)) == [(2,)]

        server.clock.now += 3600
        await leader.step()

        assert await database.read(lambda rows: rows.execute(kept)) == [(1,)]
        digest = await database.read(lambda rows: rounds.result(rows, "p", task, 1))
        assert checkpoint.read(await server.app.fleet.blob(digest))["server/w"].tolist() == [
            1,
            2,
            3,
        ]
        await server.app.management.cancel_task(None, Caller(fields=NAMED))
        server.clock.now += 7300
        await leader.step()
        assert await database.read(lambda rows: rows.execute(kept)) == [(0,)]

    used(tmp_path, address, use, settings=Settings(row_seconds=7000, upload_seconds=1e6))


def test_an_open_task_whose_plan_is_refused_by_now_fails_with_the_reason(
    tmp_path: Path, address: str
) -> None:
    """An earlier version knew a key that is gone, and opened the task."""

    def spoil(rows: Rows) -> None:
        settings = json.dumps({**tasks.task(rows, "p", 1).settings, "aggregation": {"gone": 1}})
        rows.execute("UPDATE tasks SET settings = ?", (settings,))

    async def before(server: Running) -> None:
        await server.task()
        await server.app.fleet.database.do(spoil)

    async def after(server: Running) -> None:
        await server.app.leader.step()
        path, submit = await opened(server)
        await server.peer.client.post(path, content=FIRST)
        with pytest.raises(errors.CallFailed, match="its task cannot go on") as told:
            await server.peer.ask("SubmitAggregationResult", submit)
        assert told.value.code == statuses.ABORTED
        await server.app.leader.step()

        kept = await server.app.fleet.kept("p", 1)
        assert kept.task.status is TaskStatus.FAILED
        assert kept.task.reason.startswith("aggregation.gone: there is no such key")
        [only] = await server.app.fleet.database.read(lambda rows: rounds.rounds(rows, "p", 1))
        assert (only.status, only.active) == (RoundStatus.CANCELED, 0)

    used(tmp_path, address, before)
    used(tmp_path, address, after)


NAMED = {"population_name": "p", "task_id": "1"}
