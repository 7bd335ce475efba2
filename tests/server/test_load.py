"""Servers that end while devices come: what was accepted is counted, once, and nothing else is."""

import asyncio
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from ame import errors
from ame.protocol.pb import aggregations
from ame.protocol.tensors import checkpoint
from parts.servers import postgres
from server.fleets import AGGREGATION, START, UNUSED, Peer, update
from server.test_crashes import Server

ROUNDS = 3
GOAL = 15
DEVICES = 12


@dataclass
class Crowd:
    """Devices that come until the task is over, and what they were told."""

    servers: Sequence[Server]
    task: int = 0
    told: dict[str, list[int]] = field(default_factory=dict)
    """By the round's id: the values of the contributions that the servers said they had counted."""
    unsure: dict[str, list[int]] = field(default_factory=dict)
    """Those of which no answer came, to the end."""
    over: bool = False

    async def run(self, disturb: Callable[[], Any]) -> dict[str, Any]:
        """What the task looks like at its end; `disturb` is done in the middle."""
        await self._create()
        async with asyncio.TaskGroup() as group:
            for seed in range(DEVICES):
                group.create_task(self._device(random.Random(seed)))
            group.create_task(disturb())
            group.create_task(self._watch())
        return dict(await self._shown())

    async def _create(self) -> None:
        said = {
            "totalIteration": ROUNDS,
            "minAggregationSize": GOAL,
            "maxAggregationSize": 40 * GOAL,  # those who were cut off keep their places
            "aggregation": AGGREGATION,
        }
        async with self._client(self.servers[0]) as client:
            made = (await client.post("/api/v1/populations/p/tasks", json=said)).json()
            self.task = made["taskId"]
            content = {"clientOnlyPlanUrl": b"", "initCheckpointUrl": checkpoint.to_bytes(START)}
            for name, each in content.items():
                url = made[name][0]
                (await client.put(url[url.index("/v1/") :], content=each)).raise_for_status()

    async def _device(self, chance: random.Random) -> None:
        while not self.over:
            server = chance.choice(self.servers)
            try:
                async with self._client(server) as client:
                    await self._visit(Peer(client=client), chance)
            except (errors.CallFailed, httpx.TransportError, AssertionError):
                await asyncio.sleep(0.02)

    async def _visit(self, peer: Peer, chance: random.Random) -> None:
        session = (await peer.session()).session_id
        given = (await peer.assignment(session)).task_assignment
        ids = {"aggregation_id": given.aggregation_id}
        start = aggregations.StartAggregationDataUploadRequest(
            authorization_token=given.authorization_token, **ids
        )
        place = await peer.ask("StartAggregationDataUpload", start)
        name, value = place.resource.resource_name, chance.randrange(1, 1 << 16)
        content = checkpoint.to_bytes(update(value, 0, 0))
        uploaded = await peer.client.post(f"/upload/v1/media/{name}", content=content)
        assert uploaded.status_code == 200
        submit = aggregations.SubmitAggregationResultRequest(
            client_token=place.client_token, resource_name=name, **ids
        )
        await self._insist(peer, submit, value)

    async def _insist(self, peer: Peer, submit: Any, value: int) -> None:
        """Submits until a server says what became of it."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            for server in self.servers:
                try:
                    async with self._client(server) as client:
                        await Peer(client=client).ask("SubmitAggregationResult", submit)
                except httpx.TransportError:
                    continue
                except errors.CallFailed as refused:
                    if refused.code in {3, 5, 9, 10}:
                        return
                    continue
                self.told.setdefault(submit.aggregation_id, []).append(value)
                return
            await asyncio.sleep(0.05)
        self.unsure.setdefault(submit.aggregation_id, []).append(value)

    async def _watch(self) -> None:
        until = time.monotonic() + 600
        while (await self._shown())["status"] != "COMPLETED":
            assert time.monotonic() < until
            await asyncio.sleep(0.1)
        self.over = True

    async def _shown(self) -> Any:
        while True:
            for server in self.servers:
                try:
                    async with self._client(server) as client:
                        path = f"/api/v1/populations/p/tasks/{self.task}"
                        return (await client.get(path)).json()
                except httpx.TransportError:
                    await asyncio.sleep(0.02)

    def _client(self, server: Server) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=server.address, timeout=60, verify=UNUSED)


async def checked(crowd: Crowd, shown: dict[str, Any]) -> None:
    """Each round's aggregate is the mean of what its devices were told is counted."""
    assert not crowd.unsure
    assert [each["status"] for each in shown["rounds"]] == ["COMPLETED"] * ROUNDS
    sums = sorted(sum(values) / len(values) for values in crowd.told.values())
    assert sorted(map(len, crowd.told.values())) == sorted(r["accepted"] for r in shown["rounds"])
    server = next(each for each in crowd.servers if each.process.poll() is None)
    means, before = [], 0.0
    async with httpx.AsyncClient(base_url=server.address, timeout=60, verify=UNUSED) as client:
        for number in range(1, ROUNDS + 1):
            path = f"/api/v1/populations/p/tasks/{crowd.task}/rounds/{number}/checkpoint"
            url = (await client.get(path)).json()["url"]
            content = (await client.get(url[url.index("/v1/") :])).content
            after = float(checkpoint.read(content)["server/w"][0])
            means.append(after - before)
            before = after
    np.testing.assert_allclose(sorted(means), sums, rtol=1e-4)


@pytest.mark.slow
def test_a_server_restarted_under_load_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path,
) -> None:
    server = Server.start(tmp_path)
    crowd = Crowd(servers=[server])

    async def restart() -> None:
        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            await asyncio.sleep(0.7)
            server.process.send_signal(how)
            await asyncio.to_thread(server.again)

    async def go() -> None:
        await checked(crowd, await crowd.run(restart))

    try:
        asyncio.run(go())
    finally:
        server.end()


@pytest.mark.slow
def test_of_two_servers_on_one_postgresql_one_goes_on_when_the_other_is_killed_under_load(
    tmp_path: Path, database_server: postgres.Postgres
) -> None:
    address = database_server.fresh(tmp_path.name)
    servers = [Server.start(tmp_path, database=address) for _ in range(2)]
    crowd = Crowd(servers=servers)

    async def kill() -> None:
        await asyncio.sleep(1.5)
        servers[0].process.kill()

    async def go() -> None:
        await checked(crowd, await crowd.run(kill))

    try:
        asyncio.run(go())
    finally:
        for each in servers:
            each.end()
