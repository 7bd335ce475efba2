"""Tasks whose code is a Flower app, on a SuperLink and SuperNodes that are started for them."""

import asyncio
from pathlib import Path

import pytest

from parts.waiting import eventually
from server.cloud import clouds
from server.cloud.clouds import TASK, Running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
ENDS = ("Succeeded", "Failed", "Cancelled")
APP = Path(__file__).parents[3] / "federation" / "flower" / "apps" / "newest"
ARGUMENTS = "--sites 2 size=2 num-server-rounds=1"
LONG = 500.0
"""Seconds: SuperLinks and SuperNodes take their time on a busy machine."""


async def begin(server: Running, arguments: str = ARGUMENTS, lists: bytes = b"") -> None:
    """Registers a task, uploads the app, whose loss is called an accuracy, and starts it.

    `lists` is a package that the app asks for.
    """
    await server.done("rpc_exec_create_task", **TASK, server_arguments=arguments)
    content = [
        ("files", (str(path.relative_to(APP)), changed(path.read_bytes(), lists)))
        for path in APP.rglob("*")
        if path.suffix in {".py", ".toml"}
    ]
    response = await server.client.post("/upload_files", data={"task_id": "4fe5"}, files=content)
    assert response.status_code == 200, response.text
    await server.done("rpc_exec_start_server_task", task_id="4fe5")


def changed(code: bytes, lists: bytes) -> bytes:
    code = code.replace(b'"loss"', b'"accuracy"')
    return code.replace(b'"numpy"]', b'"numpy", "%s"]' % lists) if lists else code


async def log(server: Running) -> str:
    said: str = (await server.ask("GET", "tasks/4fe5/logs"))["text"]
    return said


def processes(run: str) -> list[str]:
    """Those of a run: the app, a SuperLink, and two and more for each site."""
    found = []
    for each in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"AME_RUN={run}".encode() in each.read_bytes().split(b"\0"):
                found.append(each.parent.name)
        except OSError:
            continue
    return found


def test_an_app_is_found_again_by_the_next_manager_and_has_succeeded(tmp_path: Path) -> None:
    async def use() -> None:
        async with clouds.running(tmp_path, keep_services=True) as server:
            await begin(server)
        async with clouds.running(tmp_path) as server:
            found = await server.until("4fe5", lambda task: task["state"] in ENDS, LONG)

            said = await log(server)
            assert found["state"] == "Succeeded", said
            assert "[ROUND 1/1]" in said
            assert "site-1 | trained 0 of 2" in said
            measured = await server.ask("GET", "tasks/4fe5/metrics")
            told = {(each["name"], each["round"]): each["value"] for each in measured}
            assert told["accuracy", 1] == pytest.approx(2 / 3)
            assert told["central/mean", 0] == 0
            assert told["central/mean", 1] == pytest.approx(1 / 3)
        assert list((tmp_path / "server").rglob("federated/*/server/model.npy"))

    asyncio.run(use())


def test_an_app_that_is_stopped_leaves_no_process(tmp_path: Path) -> None:
    async def use() -> None:
        async with clouds.running(tmp_path) as server:
            await begin(server)
            run = (await server.ask("GET", "tasks/4fe5"))["run"]
            async with asyncio.timeout(LONG):
                while len(processes(run)) < 6:
                    await asyncio.sleep(0.1)

            await server.done("rpc_exec_stop_server_task", task_id="4fe5")

            found = await server.ask("GET", "tasks/4fe5")
            assert (found["state"], found["reason"]) == ("Cancelled", "stopped")
            assert eventually(lambda: not processes(run), 30), processes(run)

    asyncio.run(use())


def test_an_app_whose_packages_are_not_to_be_had_has_failed_for_that_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_NO_INDEX", "1")

    async def use() -> None:
        async with clouds.running(tmp_path) as server:
            await begin(server, lists=b"colorama==0.0.1.dev3")

            found = await server.until("4fe5", lambda task: task["state"] in ENDS, LONG)

            assert found["state"] == "Failed"
            assert "the environment could not be made" in found["reason"]
            assert "packages | creating environment" in await log(server)

    asyncio.run(use())


def test_an_app_that_cannot_be_has_failed_for_that_reason(tmp_path: Path) -> None:
    async def use() -> None:
        async with clouds.running(tmp_path) as server:
            await begin(server, "nonsense=1")

            found = await server.until("4fe5", lambda task: task["state"] in ENDS, LONG)

            assert found["state"] == "Failed"
            assert "no `nonsense`" in found["reason"]

    asyncio.run(use())
