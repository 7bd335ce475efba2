"""Sites that join the SuperLink of a Flower app over TLS: real processes, some of them killed."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ame import runs
from ame.storage import sqlite
from parts.servers import superlink
from parts.waiting import eventually
from server.cloud.clouds import TASK
from server.cloud.processes import Manager, serving, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
APP = Path(__file__).parents[3] / "federation" / "flower" / "apps" / "newest"
LONG = 500.0
"""Seconds: each message to a node costs a process, and machines may be busy."""


def begin(manager: Manager, arguments: str) -> None:
    manager.post("rpc_exec_create_task", **TASK, server_arguments=arguments)
    for path in APP.rglob("*"):
        if path.suffix in {".py", ".toml"}:
            manager.put("4fe5", str(path.relative_to(APP)), path.read_text())
    manager.post("rpc_exec_start_server_task", task_id="4fe5")


def site(name: str, manager: Manager, place: int) -> tuple[str, ...]:
    known = ("--data-qnt", "300", "--sensor", "camera", "--interval", "0.5")
    config = f"partition-id={place} num-partitions=2"
    return (
        *("site", "run", name, "--server", manager.url, "--task", "4fe5"),
        *(*known, "--node-config", config),
    )


def state(folder: Path) -> runs.State | None:
    """That of a site's newest run."""
    store = sqlite.Database(folder / "home" / "runs.db")
    try:
        found = store.page(runs.Filter(task="4fe5"), limit=1).runs
        return found[0].state if found else None
    finally:
        store.close()


def kill(*words: str) -> None:
    """The process in whose command line all of these are."""

    def found() -> int | None:
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = each.read_bytes().decode(errors="replace")
            except OSError:
                continue
            if all(word in line for word in words):
                return int(each.parent.name)
        return None

    pid = found()
    assert pid is not None, words
    os.kill(pid, signal.SIGKILL)


def log(manager: Manager) -> str:
    said: str = manager.get("tasks/4fe5/logs")["text"]
    return said


def measured(manager: Manager) -> dict[tuple[str, int], Any]:
    found = manager.get("tasks/4fe5/metrics")
    return {(each["name"], each["round"]): each["value"] for each in found}


def test_an_app_completes_on_sites_though_server_and_superlink_are_killed(tmp_path: Path) -> None:
    tls = superlink.certificates(tmp_path / "tls")
    more = ("--superlink-tls", str(tls))
    with serving(tmp_path / "server", *more) as (server, manager):
        begin(manager, "--await 2 num-server-rounds=1 waits=go-on")
        again = ("--port", manager.url.rpartition(":")[2], *more)
        with (
            started(tmp_path / "north", *site("north", manager, 0)) as north,
            started(tmp_path / "south", *site("south", manager, 1)) as south,
        ):
            assert eventually(lambda: "Global evaluation" in log(manager), LONG), log(manager)
            kill("flower_superlink as main", str(tmp_path))
            server.kill()
            with serving(tmp_path / "server", *again) as (_, next_):
                assert eventually(lambda: "is started again (1)" in log(next_), LONG), log(next_)
                [place] = (tmp_path / "server").rglob("federated/*/server")
                (place / "go-on").touch()

                assert eventually(lambda: next_.state("4fe5") in {"Succeeded", "Failed"}, LONG)

                assert next_.state("4fe5") == "Succeeded", log(next_)
                values = measured(next_)
                assert values["sites", 1] == 2
                assert values["central/mean", 1] == pytest.approx(1 / 3)
                for each in (north, south):
                    each.says("is offered no more: its SuperNode has ended")
                for folder in ("north", "south"):
                    assert state(tmp_path / folder) is runs.State.SUCCEEDED
                    key = tmp_path / folder / "client_info" / f"{folder}.key"
                    assert key.stat().st_mode & 0o77 == 0
