"""A server of Flower tasks for a test, and one who talks to it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ame import runs
from ame.broker import Caller, opened
from ame.server import app
from ame.server.calls.doors import Doors
from ame.server.calls.http import Site
from ame.server.cloud import opening
from ame.server.settings import Settings
from ame.storage import blobs, databases, sqlite

TASK: dict[str, Any] = {
    "task_id": "4fe5",
    "host": "localhost",
    "port": 0,
    "selection_criteria": '(data_qnt > 50) and ("camera" in sensors)',
    "username": "user",
    "password": "123",
    "files_paths": ["./task_4fe5/client.py", "./task_4fe5/task.py"],
}
LOOPS = """
import json, sys, time
print(json.dumps({"type": "info", "info": "Started"}), flush=True)
print(json.dumps({"type": "model", "round": "1", "acc": "0.5"}), flush=True)
print("arguments", *sys.argv[2:], flush=True)
time.sleep(600)
"""
FINISHES = """
import json
print(json.dumps({"type": "model", "round": "1", "acc": "0.25"}), flush=True)
print(json.dumps({"type": "model", "round": "2", "acc": "0.75"}), flush=True)
print(json.dumps({"type": "info", "info": "Finished"}), flush=True)
"""
FAILS = """
raise ValueError("no data")
"""


@dataclass
class Running:
    """A server, and its run store."""

    app: app.App
    client: httpx.AsyncClient
    store: runs.Store
    folder: Path
    caller: Caller

    async def call(self, function: str, **arguments: Any) -> tuple[int, Any]:
        """Through the gateway."""
        response = await self.client.post(f"/{function}", json=arguments)
        return response.status_code, response.json()

    async def done(self, function: str, **arguments: Any) -> Any:
        status, value = await self.call(function, **arguments)
        assert status == 200, value
        return value

    async def ask(self, method: str, path: str, **more: Any) -> Any:
        """Of the REST interface."""
        response = await self.client.request(method, f"/api/v1/cloud/{path}", **more)
        assert response.status_code == 200, response.text
        return response.json()

    async def upload(self, task_id: str, /, **files: str) -> None:
        content = [
            ("files", (name.replace("__", "/") + ".py", text.encode()))
            for name, text in files.items()
        ]
        response = await self.client.post("/upload_files", data={"task_id": task_id}, files=content)
        assert response.status_code == 200, response.text

    async def until(
        self, task: str, true: Callable[[dict[str, Any]], bool], seconds: float = 60
    ) -> dict[str, Any]:
        """The task, when that is true of it."""
        async with asyncio.timeout(seconds):
            while True:
                found: dict[str, Any] = await self.ask("GET", f"tasks/{task}")
                if true(found):
                    return found
                await asyncio.sleep(0.02)

    async def logged(self, task: str, *lines: str) -> str:
        """The log of a task's newest run, when all of these are in it."""
        async with asyncio.timeout(60):
            while True:
                text: str = (await self.ask("GET", f"tasks/{task}/logs"))["text"]
                if all(line in text for line in lines):
                    return text
                await asyncio.sleep(0.02)

    async def until_state(self, task: str, state: str) -> dict[str, Any]:
        return await self.until(task, lambda found: found["state"] == state)


@asynccontextmanager
async def running(
    folder: Path,
    *,
    address: str = "",
    doors: Doors | None = None,
    broker: str = "",
    clock: Callable[[], float] = time.time,
    shared: Path | None = None,
    settings: Settings | None = None,
    **more: Any,
) -> AsyncIterator[Running]:
    """A server on what lies in a folder; its files may be in one that servers share."""
    (folder / "work").mkdir(parents=True, exist_ok=True)
    wish = opening.Wish(
        folder=folder / "server",
        home=folder / "home",
        work=folder / "work",
        broker=broker or f"memory://{folder}",
        self_test=more.pop("self_test", True),
        **more,
    )
    doors = doors or Doors(open=True)
    content = blobs.Folder((shared or folder) / "blobs")
    fleet = databases.opened(str(folder / "devices.sqlite"), "fleet")
    own = databases.opened(address or str(folder / "cloud.sqlite"), "cloud")
    store = sqlite.Database(folder / "home" / "runs.db")
    try:
        async with (
            opening.running(wish, own, content, doors, clock=clock) as cloud,
            app.running(fleet, content, settings=settings, doors=doors, cloud=cloud) as server,
            Caller(opened(wish.broker)) as caller,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=Site(server)),  # type: ignore[arg-type]  # an ASGI application
                base_url="http://cloud",
            ) as client,
        ):
            yield Running(app=server, client=client, store=store, folder=folder, caller=caller)
    finally:
        store.close()
        own.close()
        fleet.close()
