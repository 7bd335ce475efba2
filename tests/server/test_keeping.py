"""Files that nothing needs any more are deleted, and no others."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from ame import errors
from ame.protocol.pb import aggregations, odp_task, plan
from ame.protocol.tensors import checkpoint
from ame.protocol.wires import Caller
from ame.server.ledger import rounds
from ame.server.settings import Settings
from ame.storage import blobs, objects
from parts import fleet
from parts.servers import buckets
from parts.waiting import eventually
from server import fleets
from server.fleets import Running, update

Use = Callable[[Running], Awaitable[None]]
LATER = 7200.0
PATIENT = Settings(row_bytes=0, upload_seconds=1e10, compute_seconds=1e10, session_seconds=1e10)
"""Every upload is a file; no device is late, whatever the clock says."""
FIRST, SECOND = (plan.ClientOnlyPlan(graph=each).SerializeToString() for each in (b"1", b"2"))
ONE, TWO, OTHER = (checkpoint.to_bytes(update(*each)) for each in ((1, 2, 3), (5, 6, 7), (9, 9, 9)))


def use(folder: Path, address: str, files: Any, *uses: Use) -> None:
    """Each with a server of its own, one after another, on the same files and the same database."""
    clock = fleets.Clock()

    async def main() -> None:
        for each in uses:
            async with fleets.running(
                folder, address, files=files, clock=clock, settings=PATIENT
            ) as server:
                await each(server)

    asyncio.run(main())


async def cleared(server: Running) -> int:
    """What is cleared hours later, when nothing is under way."""
    before, server.clock.now = server.clock.now, time.time() + LATER
    freed = await server.app.keeping.clear()
    server.clock.now = before
    return freed


async def assigned(server: Running) -> Any:
    session = await server.peer.begun()
    return (await server.peer.assignment(session)).task_assignment


async def upload(server: Running, *contents: bytes) -> Callable[[], Awaitable[None]]:
    """Uploads one after another; what submits the last."""
    made = await assigned(server)
    asked = aggregations.StartAggregationDataUploadRequest(
        authorization_token=made.authorization_token, aggregation_id=made.aggregation_id
    )
    started = await server.peer.ask("StartAggregationDataUpload", asked)
    name = started.resource.resource_name
    for content in contents:
        response = await server.peer.client.post(f"/upload/v1/media/{name}", content=content)
        assert response.status_code == 200, response.content

    async def submit() -> None:
        submitted = aggregations.SubmitAggregationResultRequest(
            client_token=started.client_token,
            resource_name=name,
            aggregation_id=made.aggregation_id,
        )
        await server.peer.ask("SubmitAggregationResult", submitted)

    return submit


def named(number: str) -> dict[str, str]:
    return {"population_name": "p", "task_id": number}


def there(files: Any, *contents: bytes) -> list[bool]:
    found = []
    for content in contents:
        try:
            found.append(files.read(hashlib.sha256(content).hexdigest()) == content)
        except errors.BlobNotFound:
            found.append(False)
    return found


async def over(server: Running, number: int) -> Any:
    """A round of the first task that is over."""
    await server.app.leader.step()
    known = await server.app.fleet.database.read(lambda rows: rounds.rounds(rows, "p", 1))
    assert known[number - 1].ended is not None
    return known[number - 1]


async def a_round(server: Running) -> None:
    """A round that is over, of which an upload was replaced, and another one never submitted."""
    await server.task(total_iteration=2, max_aggregation_size=3)
    await upload(server, TWO + b" cut off", ONE)
    first = await upload(server, OTHER, ONE)
    second = await upload(server, TWO)
    await first()
    await second()
    await over(server, 1)
    assert await server.app.keeping.clear() == 0


def check(folder: Path, address: str, files: Any) -> None:
    async def clear(server: Running) -> None:
        result = (await over(server, 1)).result
        assert there(files, ONE, TWO, OTHER) == [True, True, True]
        assert await cleared(server) >= len(ONE) + len(TWO) + len(OTHER)

        assert there(files, ONE, TWO, OTHER) == [False, False, False]
        assert checkpoint.read(files.read(result))["server/w"].tolist() == [3, 4, 5]
        await (await upload(server, ONE))()
        await upload(server, TWO)
        assert await cleared(server) == 0
        assert there(files, ONE, TWO) == [True, True]

    async def go_on(server: Running) -> None:
        await (await upload(server, TWO))()
        result = (await over(server, 2)).result
        assert checkpoint.read(files.read(result))["server/w"].tolist() == [6, 8, 10]

    use(folder, address, files, a_round, clear, go_on)


def test_uploads_are_deleted_when_their_round_is_over_and_rounds_go_on(
    tmp_path: Path, address: str
) -> None:
    check(tmp_path, address, blobs.Folder(tmp_path / "blobs", full=True))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # gcsfs does so
@pytest.mark.parametrize("opened", [buckets.s3, buckets.gcs])
def test_uploads_in_a_bucket_are_deleted_when_their_round_is_over(
    tmp_path: Path, opened: Any
) -> None:
    with opened(tmp_path) as server:
        files = objects.Bucket(server.url, **server.options)
        check(tmp_path, str(tmp_path / "fleet.sqlite"), files)


def test_what_a_task_was_made_with_is_deleted_when_it_was_canceled_only(
    tmp_path: Path, address: str
) -> None:
    files = blobs.Folder(tmp_path / "blobs")
    listed = plan.SlicesTestDataset()
    listed.dataset["s"].slice_data.extend([b"first slice", b"second slice"])

    async def main(server: Running) -> None:
        await server.task(client_plan=FIRST, min_aggregation_size=1, total_iteration=1)
        await (await upload(server, ONE))()
        await over(server, 1)
        await server.task(client_plan=SECOND)
        task = odp_task.Task(total_iteration=1, min_aggregation_size=1)
        await server.peer.ask("CreateTask", odp_task.CreateTaskRequest(task=task), **named("3"))
        at = server.app.management.slices_address("p", 3, Caller())
        token = unquote(at.removeprefix("/v1/artifacts/"))
        await server.app.management.put_artifact(token, listed.SerializeToString())
        artifacts = FIRST, SECOND, b"first slice", b"second slice"
        [begun] = await server.app.fleet.database.read(lambda rows: rounds.rounds(rows, "p", 2))

        server.clock.now = time.time() + LATER
        await server.app.keeping.clear()
        assert there(files, *artifacts) == [True] * 4
        assert files.contains(begun.checkpoint)

        for number in ("2", "3"):
            await server.app.management.cancel_task(None, Caller(fields=named(number)))
        await server.app.keeping.clear()
        assert there(files, *artifacts) == [True] * 4, "devices may still fetch them"
        server.clock.now += LATER
        await server.app.keeping.clear()
        assert there(files, *artifacts) == [True, False, False, False]

    use(tmp_path, address, files, main)


def test_what_was_just_put_stays_since_it_may_be_about_to_be_noted(tmp_path: Path) -> None:
    files = blobs.Folder(tmp_path / "blobs")

    async def main(server: Running) -> None:
        files.put_bytes(b"just put")
        server.clock.now = time.time()
        assert await server.app.keeping.clear() == 0
        assert there(files, b"just put") == [True]

    use(tmp_path, str(tmp_path / "fleet.sqlite"), files, main)


def test_a_server_that_starts_finds_what_another_one_left_when_it_was_killed(
    tmp_path: Path, address: str
) -> None:
    files = blobs.Folder(tmp_path / "blobs")
    files.put_bytes(b"put, and never noted")
    later = fleets.Clock(time.time() + LATER)

    def gone() -> bool:
        return eventually(lambda: there(files, b"put, and never noted") == [False], 60)

    async def main() -> None:
        async with fleets.running(tmp_path, address, files=files, clock=later):
            assert await asyncio.to_thread(gone)

    asyncio.run(main())


KILLED = """
import os, signal, sys
from datetime import datetime, timedelta, UTC
from pathlib import Path
from ame.storage import blobs

gone, unlink = [], os.unlink

def dies(path):
    unlink(path)
    gone.append(path)
    if len(gone) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

os.unlink = dies
later = datetime.now(UTC) + timedelta(days=1)
blobs.Folder(Path(sys.argv[1])).sweep(set(sys.argv[2:]), before=later)
"""
"""A sweep that is killed when it has removed three files."""


def test_a_server_that_was_killed_while_it_deleted_has_lost_nothing_and_the_next_one_goes_on(
    tmp_path: Path, address: str
) -> None:
    files = blobs.Folder(tmp_path / "blobs")
    left = [bytes([each]) for each in range(7)]

    async def killed(server: Running) -> None:
        await server.task(min_aggregation_size=1)
        needed = every(files)
        for each in left:
            files.put_bytes(each)
        argv = [sys.executable, "-c", KILLED, str(files.path), *needed]
        env = {**os.environ, "PYTHONPATH": str(fleet.SOURCE)}
        ended = await asyncio.to_thread(subprocess.run, argv, env=env)
        assert ended.returncode == -signal.SIGKILL

    async def go_on(server: Running) -> None:
        assert there(files, *left).count(True) == len(left) - 3
        needed = every(files) - {hashlib.sha256(each).hexdigest() for each in left}
        assert len(needed) >= 2
        await cleared(server)
        assert every(files) == needed

    use(tmp_path, address, files, killed, go_on)


def every(files: blobs.Folder) -> set[str]:
    """The digests of all that is kept."""
    return {each.parent.name + each.name for each in files.path.glob("??/*")}


def test_nothing_is_deleted_where_another_database_has_files_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = blobs.Folder(tmp_path / "blobs")
    files.put_bytes(b"of somebody")

    async def clear(server: Running) -> None:
        assert await cleared(server) == 0
        assert there(files, b"of somebody") == [True]

    async def begin(server: Running) -> None:
        assert await server.app.keeping.clear() == 0

    use(tmp_path, str(tmp_path / "one.sqlite"), files, begin)
    use(tmp_path, str(tmp_path / "other.sqlite"), files, clear)
    use(tmp_path, str(tmp_path / "one.sqlite"), files, clear)
    assert "2 databases have theirs in one place" in caplog.text
