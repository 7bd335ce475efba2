"""Files that cannot be read or written for a while: nothing is lost by it."""

import asyncio
import errno
from dataclasses import dataclass
from pathlib import Path

import pytest

from ame import errors
from ame.protocol.tensors import checkpoint
from ame.server.ledger import rounds
from ame.server.rounds import Round, RoundStatus
from ame.server.settings import Settings
from ame.storage import blobs
from server import fleets
from server.fleets import Running, update

FILES = Settings(row_bytes=0, inbox_bytes=0, recent_bytes=0)
"""Every upload is a file, which is read when its round ends."""


@dataclass
class Outage:
    """What is wrong with the files now; empty where nothing is."""

    reading: str = ""
    writing: str = ""


class Place(blobs.Folder):
    """A folder that is out of reach, or full, when it is told to."""

    outage = Outage()

    def read(self, digest: str) -> bytes:
        if self.outage.reading:
            raise errors.BucketUnusable("s3://ame", self.outage.reading)
        return super().read(digest)

    def put_bytes(self, content: bytes) -> str:
        if self.outage.writing:
            raise OSError(errno.ENOSPC, self.outage.writing)
        return super().put_bytes(content)


async def contribute(server: Running, *values: float) -> None:
    session = (await server.peer.session()).session_id
    assigned = (await server.peer.assignment(session)).task_assignment
    await server.peer.hand_in_quietly(assigned, checkpoint.to_bytes(update(*values)))


async def only(server: Running) -> Round:
    [found] = await server.app.fleet.database.read(lambda rows: rounds.rounds(rows, "p", 1))
    return found


@pytest.mark.parametrize("what", ["reading", "writing"])
def test_a_round_that_ends_while_files_are_out_of_reach_ends_later(
    tmp_path: Path, address: str, what: str
) -> None:
    files = Place(tmp_path / "blobs")
    files.outage = outage = Outage()

    async def main() -> None:
        async with fleets.running(tmp_path, address, files=files, settings=FILES) as server:
            await server.task(total_iteration=1)
            await contribute(server, 1, 2, 3)
            await contribute(server, 3, 4, 5)
            setattr(outage, what, "out of reach")
            with pytest.raises(errors.Unavailable, match="out of reach"):
                await server.app.leader.step()
            assert (await only(server)).status.active
            setattr(outage, what, "")
            server.clock.now += FILES.hold_seconds + 1
            await server.app.leader.step()

            ended = await only(server)
            assert (ended.status, ended.accepted) == (RoundStatus.COMPLETED, 2)
            made = checkpoint.read(await server.app.fleet.blob(ended.result))
            assert made["server/w"].tolist() == [2, 3, 4]

    asyncio.run(main())


def test_a_device_whose_upload_finds_no_room_is_told_to_come_again(
    tmp_path: Path, address: str
) -> None:
    files = Place(tmp_path / "blobs")
    files.outage = outage = Outage()

    async def main() -> None:
        async with fleets.running(tmp_path, address, files=files, settings=FILES) as server:
            await server.task()
            outage.writing = "No space left on device"
            with pytest.raises(AssertionError, match="has room"):
                await contribute(server, 1, 2, 3)
            assert (await only(server)).accepted == 0
            outage.writing = ""
            await contribute(server, 1, 2, 3)
            assert (await only(server)).accepted == 1

    asyncio.run(main())
