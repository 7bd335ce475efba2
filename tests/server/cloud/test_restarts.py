import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ame import errors
from ame.daemon.records import Seen
from ame.daemon.reports.messages import Ended
from ame.runs import State
from ame.server.cloud import ports
from ame.server.cloud.restarts import Again, Over, Restart, follows
from server.cloud.clouds import TASK, Running

Run = Callable[..., None]
NEVER = Restart()
TWICE = Restart.parse("on-failure:2")
COUNTS = """
import os, sys, time
times = len(open("count", "a+").write("x") and open("count").read())
sys.exit(f"failed {times}") if times < 3 else print("done", flush=True)
"""


def end(code: int | None = None, signal: int | None = None, *lines: str) -> Ended:
    return Ended(code=code, signal=signal, last_lines=lines, at=datetime.now(UTC))


ASKED = replace(end(None, 15, "bye"), cause="asked")
"""Whoever asked its supervisor: `ame task cancel` does."""


@pytest.mark.parametrize(
    ("seen", "state", "reason"),
    [
        (Seen(finished=True, ended=end(None, 15)), State.SUCCEEDED, ""),
        (Seen(finished=True, stopped=True, ended=end(0)), State.SUCCEEDED, ""),
        (Seen(ended=end(0)), State.SUCCEEDED, ""),
        (Seen(stopped=True, ended=end(None, 15)), State.CANCELLED, "stopped"),
        (Seen(ended=ASKED), State.CANCELLED, "stopped"),
        (Seen(error="boom", ended=ASKED), State.FAILED, "boom"),
        (Seen(error="boom", ended=end(0)), State.FAILED, "boom"),
        (Seen(ended=end(1, None, "a", "", "Bad")), State.FAILED, "ended with exit code 1: Bad"),
        (Seen(ended=end(None, 9)), State.FAILED, "killed by SIGKILL"),
        (Seen(), State.FAILED, "lost: nobody saw how it ended"),
    ],
)
def test_how_a_service_ended_says_which_state_its_run_is_in(
    seen: Seen, state: State, reason: str
) -> None:
    assert follows(seen, NEVER, 1) == Over(state=state, reason=reason)


def test_a_service_that_failed_is_started_again_as_often_as_its_task_says() -> None:
    failed = Seen(error="boom")

    assert follows(failed, TWICE, 1) == Again(after=1.0, reason="boom")
    assert follows(failed, TWICE, 2) == Again(after=2.0, reason="boom")
    assert follows(failed, TWICE, 3) == Over(state=State.FAILED, reason="boom")
    assert follows(failed, Restart(times=99), 50) == Again(after=60.0, reason="boom")
    assert follows(Seen(stopped=True), TWICE, 1) == Over(state=State.CANCELLED, reason="stopped")


@pytest.mark.parametrize("text", ["", "always", "on-failure", "on-failure:0", "on-failure:-1"])
def test_a_policy_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(errors.CloudTaskInvalid, match="on-failure:3"):
        Restart.parse(text)


def test_a_port_is_nobody_elses() -> None:
    assert ports.chosen(8080, {20000: "a"}) == 8080
    assert ports.chosen(0, {20000: "a", 20001: "b"}) == 20002
    with pytest.raises(errors.PortTaken, match="service `a`"):
        ports.chosen(20000, {20000: "a"})
    with pytest.raises(errors.PortsSpent):
        ports.chosen(0, {1: "a", 2: "b"}, first=1, last=2)


def test_a_service_fails_and_is_started_again_until_it_is_done(run_here: Run) -> None:
    async def use(server: Running) -> None:
        await server.ask("POST", "tasks", json={**TASK, "restart": "on-failure:2"})
        await server.upload("4fe5", server=COUNTS)

        await server.done("rpc_exec_start_server_task", task_id="4fe5")

        found = await server.until_state("4fe5", "Succeeded")
        attempts = server.store.attempts(found["run"])
        assert [(each.state, each.exit_code) for each in attempts] == [
            (State.FAILED, 1),
            (State.FAILED, 1),
            (State.SUCCEEDED, 0),
        ]
        assert attempts[0].reason == "ended with exit code 1: failed 1"
        followed = [text async for text in follow(server, attempt=1)]
        assert "".join(followed).splitlines() == ["failed 1", "failed 2", "done"]
        assert [text async for text in follow(server)] == ["done\n"]
        refused = await server.client.get("/api/v1/cloud/tasks/4fe5/logs?attempt=4")
        assert refused.status_code == 400
        assert "has 3" in refused.text

    run_here(use)


async def follow(server: Running, attempt: int = 0) -> AsyncIterator[str]:
    """A log from an attempt on, until there will be no more."""
    part = {"attempt": attempt, "next": 0, "over": False}
    while not part["over"]:
        where = f"attempt={part['attempt']}&after={part['next']}"
        part = await server.ask("GET", f"tasks/4fe5/logs?{where}")
        if part["text"]:
            yield part["text"]


def test_a_service_that_waits_to_be_started_again_can_be_stopped(run_here: Run) -> None:
    async def use(server: Running) -> None:
        await server.ask("POST", "tasks", json={**TASK, "restart": "on-failure:9"})
        await server.upload("4fe5", server="1 / 0")
        await server.done("rpc_exec_start_server_task", task_id="4fe5")
        await server.until_state("4fe5", "Pending")

        await server.done("rpc_exec_stop_server_task", task_id="4fe5")

        found = await server.ask("GET", "tasks/4fe5")
        assert (found["state"], found["reason"]) == ("Cancelled", "stopped")

    run_here(use)


def test_two_services_of_one_port_do_not_run_at_once(run_here: Run) -> None:
    async def use(server: Running) -> None:
        for task in ("a", "b"):
            await server.done("rpc_exec_create_task", **{**TASK, "task_id": task, "port": 29999})
            await server.upload(task, server="import time; time.sleep(60)")
        await server.done("rpc_exec_start_server_task", task_id="a")

        status, text = await server.call("rpc_exec_start_server_task", task_id="b")

        assert status == 500
        assert "port 29999 is taken by service `a-" in text
        response = await server.client.delete("/api/v1/cloud/tasks/a")
        assert response.status_code == 412
        await server.ask("DELETE", "tasks/a?stop=1")
        await server.done("rpc_exec_start_server_task", task_id="b")

    run_here(use)


def test_a_service_whose_run_cannot_be_kept_is_not_taken_to_run(run_here: Run) -> None:
    async def use(server: Running) -> None:
        await server.done("rpc_exec_create_task", **TASK)
        await server.upload("4fe5", server="import time\ntime.sleep(600)")
        runs = sqlite3.connect(server.folder / "home" / "runs.db")
        runs.execute("ALTER TABLE run RENAME TO elsewhere")

        status, said = await server.call("rpc_exec_start_server_task", task_id="4fe5")

        assert (status, "runs.db" in said) == (500, True)
        runs.execute("ALTER TABLE elsewhere RENAME TO run")
        runs.close()
        assert (await server.ask("GET", "tasks/4fe5"))["service"] is None
        await server.done("rpc_exec_start_server_task", task_id="4fe5")
        await server.until_state("4fe5", "Running")

    run_here(use)
