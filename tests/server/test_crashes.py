"""A server killed at every step and started again: nothing lost, nothing counted twice."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from google.protobuf.message import Message

from ame import errors
from ame.protocol.pb import aggregations
from ame.protocol.tensors import checkpoint
from parts.servers import postgres
from server.fleets import AGGREGATION, PLAN, START, UNUSED, Peer, update

DYING = Path(__file__).parent / "dying.py"
VALUES = ((1, 2, 3), (5, 6, 7), (3, 1, 2))


@dataclass
class Server:
    """A process that may die, and is started again."""

    folder: Path
    database: str
    files: bool
    process: subprocess.Popen[str]
    address: str

    @classmethod
    def start(
        cls, folder: Path, last: int = 0, *, database: str = "", files: bool = False
    ) -> "Server":
        """`files`: every upload is a file, however small."""
        argv = [sys.executable, str(DYING), str(folder), str(last), database]
        argv += ["files"] if files else []
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        with process.stdout as said:
            address = said.readline().strip()
        return cls(folder=folder, database=database, files=files, process=process, address=address)

    def again(self) -> None:
        """Waits for its end, and starts one that lives."""
        self.process.wait(30)
        fresh = Server.start(self.folder, database=self.database, files=self.files)
        self.process, self.address = fresh.process, fresh.address

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


async def insist(server: Server, do: Callable[[Peer], Any]) -> Any:
    """Does it, again after the server has died."""
    for _ in range(3):
        try:
            async with httpx.AsyncClient(
                base_url=server.address, timeout=60, verify=UNUSED
            ) as client:
                return await do(Peer(client=client))
        except httpx.TransportError:
            await asyncio.to_thread(server.again)
    raise AssertionError("it died although it should live")


async def contribute(server: Server, content: bytes) -> None:
    """A device that begins anew where an answer was lost, or where its round was over by then.

    What was refused does not count: were it counted all the same, the rounds would show it.
    """
    while True:
        with suppress(errors.CallFailed):
            given = await opened(server)
            if given is not None:
                name, submit = given
                path = f"/upload/v1/media/{name}?upload_protocol=raw"
                await insist(server, lambda peer: peer.client.post(path, content=content))  # noqa: B023 - used at once
                await insist(server, lambda peer: peer.ask("SubmitAggregationResult", submit))  # noqa: B023 - the same
                return
        await asyncio.sleep(0.02)


async def opened(server: Server) -> tuple[str, Message] | None:
    """Where a device's result is to go, and how it is submitted; none where no round takes it."""
    session = await insist(server, lambda peer: peer.session())
    given = await insist(server, lambda peer: peer.assignment(session.session_id))
    if given is None or not given.HasField("task_assignment"):  # none: it is still pending
        return None
    made = given.task_assignment
    opening = aggregations.StartAggregationDataUploadRequest(
        authorization_token=made.authorization_token, aggregation_id=made.aggregation_id
    )
    place = await insist(server, lambda peer: peer.ask("StartAggregationDataUpload", opening))
    name = place.resource.resource_name
    submit = aggregations.SubmitAggregationResultRequest(
        client_token=place.client_token, resource_name=name, aggregation_id=made.aggregation_id
    )
    return name, submit


async def trained(server: Server) -> tuple[Any, list[dict[str, Any]]]:
    """The model and the rounds after two rounds, whatever happens to the server."""
    said = {"totalIteration": 2, "minAggregationSize": 3, "maxAggregationSize": 40}

    async def create(peer: Peer) -> Any:
        made = await peer.client.post(
            "/api/v1/populations/p/tasks", json={**said, "aggregation": AGGREGATION}
        )
        return made.json()

    made = await insist(server, create)
    number = made["taskId"]
    for url, content in (
        (made["clientOnlyPlanUrl"][0], PLAN),
        (made["initCheckpointUrl"][0], checkpoint.to_bytes(START)),
    ):
        path = url[url.index("/v1/") :]
        await insist(server, lambda peer: peer.client.put(path, content=content))  # noqa: B023 - used at once

    async def shown_rounds() -> list[dict[str, Any]]:
        path = f"/api/v1/populations/p/tasks/{number}"
        rounds: list[dict[str, Any]] = (
            await insist(server, lambda peer: peer.client.get(path))
        ).json()["rounds"]
        return rounds

    for ended in range(2):
        for values in VALUES:
            await contribute(server, checkpoint.to_bytes(update(*values)))
        while (await shown_rounds())[ended]["status"] == "COLLECTING":
            await asyncio.sleep(0.02)  # a round takes more than its goal until it is ended
    while True:
        shown = await insist(
            server, lambda peer: peer.client.get(f"/api/v1/populations/p/tasks/{number}")
        )
        if shown.json()["status"] == "COMPLETED":
            break
        await asyncio.sleep(0.02)

    async def fetch(peer: Peer) -> bytes:
        place = await peer.client.get(f"/api/v1/populations/p/tasks/{number}/checkpoint")
        url = place.json()["url"]
        return (await peer.client.get(url[url.index("/v1/") :])).content

    return checkpoint.read(await insist(server, fetch)), shown.json()["rounds"]


def died_once(folder: Path, last: int, database: str = "", *, files: bool = False) -> None:
    """Two rounds at a server that dies at this step come to what they come to without."""
    server = Server.start(folder, last, database=database, files=files)
    first = server.process
    try:
        model, rounds = asyncio.run(trained(server))
    finally:
        server.end()

    np.testing.assert_allclose(model["server/w"], [6, 6, 8], rtol=1e-6)
    assert [each["accepted"] for each in rounds] == [3, 3]
    assert [each["status"] for each in rounds] == ["COMPLETED"] * 2
    assert server.process is not first or last > 100


@pytest.mark.slow
@pytest.mark.parametrize("last", range(1, 160, 7))
def test_a_server_killed_at_any_step_comes_to_the_same_model(tmp_path: Path, last: int) -> None:
    died_once(tmp_path, last)


@pytest.mark.slow
@pytest.mark.parametrize("last", range(5, 160, 17))
def test_with_uploads_that_are_files_too(tmp_path: Path, last: int) -> None:
    died_once(tmp_path, last, files=True)


@pytest.mark.slow
@pytest.mark.parametrize("last", range(3, 160, 13))
def test_on_postgresql_too(tmp_path: Path, last: int, database_server: postgres.Postgres) -> None:
    died_once(tmp_path, last, database_server.fresh(tmp_path.name))
