"""Two managers of one database, each with a folder and runs of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ame import runs
from ame.server.cloud import ledger
from ame.server.cloud.leading.lookout import Lookout
from ame.storage import databases
from server.cloud import clouds
from server.cloud.clouds import LOOPS, TASK, Running

Use = Callable[[Running, Running], Awaitable[None]]


@pytest.fixture
def both(tmp_path: Path, address: str) -> Callable[[Use], None]:
    database = address or str(tmp_path / "cloud.sqlite")

    def start(use: Use) -> None:
        async def main() -> None:
            async with (
                clouds.running(tmp_path / "a", address=database, shared=tmp_path) as a,
                clouds.running(tmp_path / "b", address=database, shared=tmp_path) as b,
            ):
                await use(a, b)

        asyncio.run(main())

    return start


async def begun(manager: Running, task: str = "4fe5", **more: Any) -> None:
    await manager.done("rpc_exec_create_task", **{**TASK, "task_id": task, **more})
    await manager.upload(task, server=LOOPS, client="c = 1", task="t = 1")
    await manager.done("rpc_exec_start_server_task", task_id=task)


def test_what_one_starts_the_other_shows_offers_and_ends(both: Callable[[Use], None]) -> None:
    async def use(a: Running, b: Running) -> None:
        await begun(a)

        seen = await b.ask("GET", "tasks/4fe5")
        assert (seen["state"], seen["reason"]) == ("Running", "led by another manager")
        assert seen["run"] == (await a.ask("GET", "tasks/4fe5"))["run"]
        user = {"user_id": "u", "data_qnt": 300, "sensors": ["camera"]}
        await b.done("rpc_exec_update_user_info", **user)
        [offer] = await b.done("rpc_exec_client_requesting_task", user_id="u")
        for manager in (a, b):
            login = (offer["username"], offer["password"])
            response = await manager.client.get("/download/4fe5/client.py", auth=login)
            assert response.text == "c = 1"

        await b.done("rpc_exec_stop_server_task", task_id="4fe5")

        [run] = a.store.page(runs.Filter(task="4fe5"), limit=9).runs
        assert run.state is runs.State.CANCELLED
        assert await b.call("rpc_exec_stop_server_task", task_id="4fe5") == (
            500,
            "Task with ID=4fe5 not found",
        )

    both(use)


def test_of_two_that_start_a_task_at_once_one_does(both: Callable[[Use], None]) -> None:
    async def use(a: Running, b: Running) -> None:
        await a.done("rpc_exec_create_task", **TASK)
        await a.upload("4fe5", server=LOOPS)

        said = await asyncio.gather(
            *(each.call("rpc_exec_start_server_task", task_id="4fe5") for each in (a, b) * 3)
        )

        assert sorted(said) == [(200, None)] + [(500, "Task with ID=4fe5 alredy exists")] * 5

    both(use)


def test_services_that_start_at_once_have_ports_of_their_own(both: Callable[[Use], None]) -> None:
    async def use(a: Running, b: Running) -> None:
        tasks = [f"t{number}" for number in range(8)]
        for task in tasks:
            await a.done("rpc_exec_create_task", **{**TASK, "task_id": task})
            await a.upload(task, server=LOOPS)

        await asyncio.gather(
            *(
                each.done("rpc_exec_start_server_task", task_id=task)
                for each, task in zip((a, b) * 4, tasks, strict=True)
            )
        )

        found = await a.ask("GET", "tasks")
        assert len({each["service"]["port"] for each in found}) == 8

    both(use)


def test_what_a_silent_manager_led_is_given_up_and_ended_when_it_speaks_again(
    both: Callable[[Use], None], tmp_path: Path, address: str
) -> None:
    async def use(a: Running, b: Running) -> None:
        await begun(a)
        run = (await a.ask("GET", "tasks/4fe5"))["run"]
        database = databases.opened(address or str(tmp_path / "cloud.sqlite"), "cloud")
        try:
            watching = Lookout(database, "watching", lambda: 0.0, lost=0.0)
            [(machine,)] = await database.read(
                lambda rows: rows.execute(
                    "SELECT m.machine FROM cloud_managers m"
                    " JOIN cloud_services s ON s.machine = m.machine"
                )
            )
            [lost] = [each for each in await watching.look() if each.run == run]
            assert lost.machine == machine
            assert await watching.look() == []
            assert await database.read(lambda rows: ledger.service(rows, "4fe5")) is None
        finally:
            database.close()

        async with asyncio.timeout(60):
            while not a.store.find(run).state.final:
                await asyncio.sleep(0.05)

    both(use)


def test_a_manager_that_speaks_is_not_given_up(tmp_path: Path) -> None:
    database = databases.opened(str(tmp_path / "cloud.sqlite"), "cloud")
    said = [1.0]

    async def main() -> None:
        other = Lookout(database, "other", lambda: said[0])
        watching = Lookout(database, "watching", lambda: 5.0, lost=1e9)
        await other.look()
        for _ in range(3):
            assert await watching.look() == []

    asyncio.run(main())
    database.close()
