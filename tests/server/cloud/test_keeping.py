"""What is no longer needed is cleared, and nothing else."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from ame.daemon.services import supervisor
from ame.daemon.services.service import Service
from ame.server.cloud import ledger
from ame.server.cloud.keeping import Keeping
from ame.storage import blobs
from parts.waiting import eventually
from server.cloud.clouds import FINISHES, LOOPS, TASK, Running

Run = Callable[..., None]
LATER = 7200.0


def keeping(server: Running) -> Keeping:
    """What clears, two hours later."""
    return Keeping(
        database=server.app.cloud.cloud.database,  # type: ignore[union-attr]  # there is one
        code=blobs.Folder(server.folder / "blobs"),
        store=server.store,
        folder=server.folder / "server" / "cloud" / "services",
        clock=lambda: time.time() + LATER,
    )


def kept(server: Running) -> int:
    return sum(1 for each in (server.folder / "blobs").glob("??/*") if each.is_file())


def test_code_of_a_task_that_was_deleted_is_removed(run: Run) -> None:
    async def use(server: Running) -> None:
        for task in ("4fe5", "other"):
            await server.done("rpc_exec_create_task", **{**TASK, "task_id": task})
            await server.upload(task, server=LOOPS, client=f"# of {task}")
        await server.upload("4fe5", client="# newer")
        assert kept(server) == 4
        await keeping(server).clear()
        assert kept(server) == 4

        await server.ask("DELETE", "tasks/4fe5")

        assert await keeping(server).clear() == len("# of 4fe5") + len("# newer")
        assert kept(server) == 2

    run(use)


def test_the_folder_of_a_service_goes_with_its_run(run_here: Run) -> None:
    async def use(server: Running) -> None:
        await server.done("rpc_exec_create_task", **TASK)
        await server.upload("4fe5", server=FINISHES)
        await server.done("rpc_exec_start_server_task", task_id="4fe5")
        run = (await server.until_state("4fe5", "Succeeded"))["run"]
        folder = server.folder / "server" / "cloud" / "services" / run
        await keeping(server).clear()
        assert folder.is_dir()

        server.store.remove([run])
        async with asyncio.timeout(60):
            while folder.exists():  # its supervisor may need a moment to be gone
                await keeping(server).clear()

    run_here(use)


def test_a_service_that_runs_is_left_and_one_that_nobody_leads_is_ended(run_here: Run) -> None:
    async def use(server: Running) -> None:
        await server.done("rpc_exec_create_task", **TASK)
        await server.upload("4fe5", server=LOOPS)
        await server.done("rpc_exec_start_server_task", task_id="4fe5")
        services = server.folder / "server" / "cloud" / "services"
        stray = supervisor.find(
            supervisor.start(
                Service(
                    argv=("sleep", "600"),
                    folder=services / "stray" / "1",
                    works_in=Path("/"),
                    variables=dict(os.environ),
                )
            )
        )
        assert stray is not None

        await keeping(server).clear()

        assert eventually(lambda: not stray.alive, 60)
        assert (await server.ask("GET", "tasks/4fe5"))["state"] == "Running"
        service = await keeping(server).database.read(lambda rows: ledger.service(rows, "4fe5"))
        assert service is not None

    run_here(use)
