"""Rounds whose files are in a folder, in S3 and in GCS: one suite, on really started servers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ame.protocol.tensors import checkpoint, fcv1
from ame.server.ledger import rounds
from ame.storage import blobs, objects
from parts.servers import buckets
from server import fleets
from server.fleets import Running, update

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning"),  # gcsfs does so
]
Use = Callable[[Running], Awaitable[None]]


@pytest.fixture(scope="module", params=["folder", "s3", "gcs"])
def files(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "folder":
        yield blobs.Folder(folder, full=True)
        return
    with (buckets.s3 if request.param == "s3" else buckets.gcs)(folder) as server:
        yield objects.Bucket(server.url, **server.options)


def use(folder: Path, address: str, files: Any, *uses: Use) -> None:
    """Each with a server of its own, one after another, on the same files and the same database."""

    async def main() -> None:
        for each in uses:
            async with fleets.running(folder, address, files=files) as server:
                await each(server)

    asyncio.run(main())


async def contribute(server: Running, content: bytes) -> None:
    session = await server.peer.begun()
    assigned = (await server.peer.assignment(session)).task_assignment
    await server.peer.hand_in(assigned, content, twice=True)


async def model(server: Running) -> Any:
    done = await server.app.fleet.database.read(lambda rows: rounds.rounds(rows, "p", 1))
    return checkpoint.read(await server.app.fleet.blob(done[0].result))["server/w"].tolist()


def test_each_form_of_upload_counts_once_in_the_mean(
    tmp_path: Path, address: str, files: Any
) -> None:
    async def train(server: Running) -> None:
        await server.task(total_iteration=1)
        await contribute(server, checkpoint.to_bytes(update(1, 2, 3)))
        await contribute(server, fcv1.to_bytes(update(3, 4, 5)))
        await server.app.leader.step()
        assert await model(server) == [2, 3, 4]

    use(tmp_path, address, files, train)


def test_a_server_that_begins_anew_folds_what_was_acknowledged(
    tmp_path: Path, address: str, files: Any
) -> None:
    async def begin(server: Running) -> None:
        await server.task(total_iteration=1, min_aggregation_size=3)
        for value in (1, 2):
            await contribute(server, checkpoint.to_bytes(update(value, value, value)))
        await server.app.leader.step()

    async def end(server: Running) -> None:
        await server.app.leader.step()
        await contribute(server, checkpoint.to_bytes(update(6, 6, 6)))
        await server.app.leader.step()
        assert await model(server) == [3, 3, 3]

    use(tmp_path, address, files, begin, end)
