"""Files that cannot be read or written for a while: nothing is lost by it."""

import asyncio
import errno
import logging
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf.empty_pb2 import Empty

from ame import errors
from ame.protocol import calls, statuses
from ame.protocol.pb import status, task_assignments
from ame.protocol.tensors import checkpoint
from ame.protocol.wires import Caller
from ame.server.calls.service import Guarded
from ame.server.leading.leader import Leader
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


async def _never(_: Leader) -> None:
    """Leads no further than it is told to, step by step."""
    await asyncio.Event().wait()


async def contribute(server: Running, *values: float) -> None:
    session = await server.peer.begun()
    assigned = (await server.peer.assignment(session)).task_assignment
    await server.peer.hand_in_quietly(assigned, checkpoint.to_bytes(update(*values)))


async def only(server: Running) -> Round:
    [found] = await server.app.fleet.database.read(lambda rows: rounds.rounds(rows, "p", 1))
    return found


@pytest.mark.parametrize("what", ["reading", "writing"])
def test_a_round_that_ends_while_files_are_out_of_reach_ends_later(
    tmp_path: Path, address: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Leader, "run", _never)  # it would take the round's end before this test
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
            with pytest.raises(AssertionError, match="the server cannot keep or read anything now"):
                await contribute(server, 1, 2, 3)
            artifact = server.app.management.graph_addresses("p", Caller(base="http://fleet"))
            told = await server.peer.client.put(artifact["checkpoint"], content=b"")
            assert "has room" in told.text
            assert (await only(server)).accepted == 0
            outage.writing = ""
            await contribute(server, 1, 2, 3)
            assert (await only(server)).accepted == 1

    asyncio.run(main())


def test_where_a_server_keeps_things_is_told_to_its_log_and_its_operators_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A table that is gone stands for a file that cannot be used."""
    caplog.set_level(logging.INFO, "ame.server")

    async def main() -> None:
        async with fleets.running(tmp_path, str(tmp_path / "fleet.sqlite")) as server:
            await server.task()
            asked = task_assignments.StartTaskAssignmentRequest(
                population_name="p", session_id=await server.peer.begun()
            )
            for table in ("assignments", "changes"):
                await server.app.fleet.database.do(
                    lambda rows: rows.execute(f"DROP TABLE {table}")  # noqa: B023 - used at once
                )
            with pytest.raises(errors.CallFailed) as told:
                await server.peer.ask("StartTaskAssignment", asked)
            assert told.value.code == statuses.UNAVAILABLE
            assert told.value.said == str(errors.KeepingFailed())
            assert "fleet.sqlite cannot be used (no such table: assignments)" in caplog.text

            over_grpc = Guarded(
                service=server.app.service, doors=server.app.doors, clock=server.clock, base=""
            )
            with pytest.raises(errors.KeepingFailed):
                await over_grpc.answer(calls.by_name("StartTaskAssignment"), asked, Caller())

            shown = await server.peer.client.get("/api/v1/populations/p/tasks/1")
            assert shown.status_code == 503
            assert "fleet.sqlite cannot be used" in shown.json()["message"]
            with pytest.raises(errors.CallFailed, match=r"fleet\.sqlite cannot be used"):
                await server.peer.ask("CancelTask", Empty(), population_name="p", task_id="1")

    asyncio.run(main())


def test_a_device_hears_of_damage_without_its_place(tmp_path: Path) -> None:
    async def main() -> None:
        database = str(tmp_path / "fleet.sqlite")
        async with fleets.running(tmp_path, database, settings=FILES) as server:
            await server.task()
            session = await server.peer.begun()
            assigned = (await server.peer.assignment(session)).task_assignment
            for each in (tmp_path / "blobs").rglob("*"):
                if each.is_file():
                    each.write_bytes(b"damaged")
            told = await server.peer.client.get(assigned.plan.uri)
            assert told.status_code == 500
            assert status.Status.FromString(told.content).message == str(errors.KeptDamaged())

    asyncio.run(main())
