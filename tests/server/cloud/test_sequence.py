"""From a task's registration to its end, over a real broker, with real processes."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ame import runs
from ame.storage import sqlite
from parts.servers import rabbitmq
from parts.waiting import eventually, is_running
from server.cloud.clouds import LOOPS, TASK
from server.cloud.processes import SOURCE, Manager, serving, started

pytestmark = pytest.mark.slow  # real processes
SERVER = """
import json, os, socket
with socket.create_server(("127.0.0.1", int(os.environ["AME_TASK_PORT"]))) as line:
    for number in (1, 2):
        line.accept()[0].close()
        said = {"type": "model", "round": str(number), "acc": str(number / 2)}
        print(json.dumps(said), flush=True)
print(json.dumps({"type": "info", "info": "Finished"}), flush=True)
"""
CLIENT = """
import json, socket, sys, task
socket.create_connection(("127.0.0.1", int(sys.argv[2]))).close()
print(task.WORD, flush=True)
print(json.dumps({"type": "info", "info": "Finished"}), flush=True)
"""
FILES = {"server.py": SERVER, "client.py": CLIENT, "task.py": "WORD = 'met'"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rabbitmq.RabbitMQ]:
    with rabbitmq.running(tmp_path_factory.mktemp("rabbitmq")) as running:
        yield running


def site(name: str, manager: Manager, *more: str) -> tuple[str, ...]:
    known = ("--data-qnt", "300", "--sensor", "camera", "--interval", "0.2")
    return ("site", "run", name, "--server", manager.url, *known, *more)


def runs_of(folder: Path, task: str) -> tuple[runs.Run, ...]:
    store = sqlite.Database(folder / "home" / "runs.db")
    try:
        return store.page(runs.Filter(task=task), limit=10).runs
    finally:
        store.close()


def ended(folder: Path, task: str) -> runs.State | None:
    found = runs_of(folder, task)
    return found[0].state if found and found[0].state.final else None


def register(manager: Manager, task: str, files: dict[str, str], **fields: object) -> None:
    named = ["./client.py", f"./task_{task}/task.py"]
    manager.post(
        "rpc_exec_create_task", **{**TASK, "task_id": task, "files_paths": named, **fields}
    )
    for name, content in files.items():
        manager.put(task, name, content)


def test_a_task_goes_from_its_registration_to_its_end_on_both_sides(
    tmp_path: Path, broker: rabbitmq.RabbitMQ
) -> None:
    with ExitStack() as stack:
        _, manager = stack.enter_context(serving(tmp_path / "cloud", "--broker", broker.address))
        register(manager, "4fe5", FILES, client_arguments="{port}")
        through = ("--broker", broker.address)
        for name, more in (("a", ()), ("b", through)):
            stack.enter_context(
                started(tmp_path / name, *site(name, manager, "--task", "4fe5", *more))
            )

        manager.post("rpc_exec_start_server_task", task_id="4fe5")

        assert eventually(lambda: manager.state("4fe5") == "Succeeded", 60)
        for name in ("a", "b"):
            assert eventually(lambda name=name: bool(ended(tmp_path / name, "4fe5")), 30)  # type: ignore[misc]
            assert ended(tmp_path / name, "4fe5") is runs.State.SUCCEEDED
        measured = manager.get("tasks/4fe5/metrics")
        assert [(each["round"], each["value"]) for each in measured] == [(1, 0.5), (2, 1.0)]
        # a site that has finished a task does not run it again while its server ends
        assert len(runs_of(tmp_path / "a", "4fe5")) == 1


def test_a_site_puts_what_fails_into_quarantine_and_takes_the_next(tmp_path: Path) -> None:
    with ExitStack() as stack:
        _, manager = stack.enter_context(serving(tmp_path / "cloud"))
        register(manager, "bad", {"server.py": LOOPS, "client.py": "1 / 0", "task.py": ""})
        register(manager, "gone", {"server.py": LOOPS})
        register(manager, "good", {**FILES, "server.py": LOOPS, "client.py": LOOPS})
        register(manager, "other", {**FILES, "server.py": LOOPS})
        for task in ("bad", "gone", "other", "good"):
            manager.post("rpc_exec_start_server_task", task_id=task)
        allowed = [word for task in ("bad", "gone", "good") for word in ("--task", task)]

        process = stack.enter_context(started(tmp_path / "a", *site("a", manager, *allowed)))

        process.says("`bad` has failed.*ZeroDivisionError")
        process.says("`gone` has failed.*HTTP 404")
        process.says("runs `good`")
        assert "other" not in process.said()
        assert process.end() == 0
        assert ended(tmp_path / "a", "good") is runs.State.CANCELLED
        assert len(runs_of(tmp_path / "a", "bad")) == 1


def test_what_a_clients_trigger_says_is_in_the_log_of_its_run(tmp_path: Path) -> None:
    client = """
import json, time
print(json.dumps({"type": "trigger", "trigger_name": "tell", "trigger_arguments": "0.5 of 1"}))
print(json.dumps({"type": "trigger", "trigger_name": "../x", "trigger_arguments": ""}), flush=True)
time.sleep(600)
"""
    tells = "import sys; print('told', sys.argv[1:]); sys.exit(3)"
    with serving(tmp_path / "cloud") as (_, manager):
        files = {"server.py": LOOPS, "client.py": client, "tell.py": tells}
        register(manager, "4fe5", files, files_paths=["client.py", "tell.py"])
        manager.post("rpc_exec_start_server_task", task_id="4fe5")
        with started(tmp_path / "a", *site("a", manager, "--any")) as process:
            process.says("runs `4fe5`")
            [run] = runs_of(tmp_path / "a", "4fe5")
            log = tmp_path / "a" / "home" / "runs" / run.name / "0" / "log.1"

            lines = (
                "trigger tell | told ['0.5 of 1']\n",
                "trigger tell | ended with exit code 3\n",
                "trigger ../x was not run: ",
            )
            assert eventually(
                lambda: log.exists() and all(line in log.read_text() for line in lines), 60
            )


def test_after_the_manager_is_killed_its_services_are_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "cloud"
    with serving(folder) as (process, manager):
        for task in ("4fe5", "dies", "meanwhile"):
            register(manager, task, {"server.py": LOOPS})
            manager.post("rpc_exec_start_server_task", task_id=task)
        for task in ("4fe5", "dies", "meanwhile"):
            assert eventually(lambda task=task: bool(manager.get(f"tasks/{task}/metrics")))  # type: ignore[misc]
        before = {task["ID"]: task for task in manager.get("tasks")}
        process.kill()
    assert _child(folder, "4fe5")
    _kill_service(folder, "dies", both=True)
    _kill_service(folder, "meanwhile", both=False)

    with serving(folder) as (process, manager):
        assert eventually(lambda: manager.state("dies") == "Failed")
        assert eventually(lambda: manager.state("meanwhile") == "Failed")
        again = {task["ID"]: task for task in manager.get("tasks")}
        assert again["4fe5"]["state"] == "Running"
        assert again["4fe5"]["run"] == before["4fe5"]["run"]
        assert again["4fe5"]["service"] == before["4fe5"]["service"]
        assert again["dies"]["reason"].startswith("lost")
        assert again["meanwhile"]["reason"] == "killed by SIGKILL: arguments"
        assert len(manager.get("tasks/4fe5/metrics")) == 1
        text = manager.get("tasks/4fe5/logs")["text"]
        assert text.splitlines() == ["info: Started", "round 1: acc 0.5", "arguments"]
        [pid] = _child(folder, "4fe5")

        manager.post("rpc_exec_stop_server_task", task_id="4fe5")

        assert not is_running(pid)
        assert manager.state("4fe5") == "Cancelled"


def test_a_server_that_ends_ends_its_services_or_keeps_them(tmp_path: Path) -> None:
    folder = tmp_path / "cloud"
    with serving(folder, "--keep-services") as (_, manager):
        register(manager, "4fe5", {"server.py": LOOPS})
        manager.post("rpc_exec_start_server_task", task_id="4fe5")
        assert eventually(lambda: len(_child(folder, "4fe5")) == 1)
    [pid] = _child(folder, "4fe5")

    with serving(folder) as (_, manager):
        assert manager.state("4fe5") == "Running"

    assert not is_running(pid)
    assert ended(folder, "4fe5") is runs.State.CANCELLED


def _child(folder: Path, task: str) -> list[int]:
    """The processes of a task's server."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        script = words[1] if len(words) > 1 else b""
        if script.startswith(bytes(folder)) and script.endswith(f"/task_{task}/server.py".encode()):
            found.append(int(place.name))
    return found


def _kill_service(folder: Path, task: str, *, both: bool) -> None:
    [pid] = _child(folder, task)
    if both:
        [identity] = [
            file.read_text()
            for file in (folder / "home" / "server" / "cloud" / "services").glob(
                f"{task}-*/1/supervisor"
            )
        ]
        os.kill(int(identity.split(":")[1]), signal.SIGKILL)
    else:
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: both or not is_running(pid))


def test_the_digits_are_learned_by_two_sites_over_a_real_broker(
    tmp_path: Path, broker: rabbitmq.RabbitMQ
) -> None:
    [port] = rabbitmq.free(1)
    code = Path(__file__).parents[3] / "examples" / "flower-task" / "tasks" / "task_4fe5"
    files = {file.name: file.read_text() for file in code.glob("*.py")}
    with ExitStack() as stack:
        folder = tmp_path / "cloud"
        process, manager = stack.enter_context(serving(folder, "--broker", broker.address))
        fields = {**TASK, "port": port, "files_paths": ["./task_4fe5/client.py", "task.py"]}
        manager.post("rpc_exec_create_task", **fields)
        for name, content in files.items():
            manager.put("4fe5", name, content)
        manager.post("rpc_exec_start_server_task", task_id="4fe5")
        run = manager.get("tasks/4fe5")["run"]
        process.kill()
        process, manager = stack.enter_context(serving(folder, "--broker", broker.address))
        reached = {"FLOWER_ADDRESS": f"127.0.0.1:{port}"}
        for name, through in (("a", ()), ("b", ("--broker", broker.address))):
            arguments = site(name, manager, "--any", *through)
            stack.enter_context(started(tmp_path / name, *arguments, **reached))

        assert eventually(lambda: manager.state("4fe5") in {"Succeeded", "Failed"}, 200)

        assert manager.state("4fe5") == "Succeeded", manager.get("tasks/4fe5/logs")["text"]
        assert manager.get("tasks/4fe5")["run"] == run
        for name in ("a", "b"):
            assert eventually(lambda name=name: bool(ended(tmp_path / name, "4fe5")), 60)  # type: ignore[misc]
            assert ended(tmp_path / name, "4fe5") is runs.State.SUCCEEDED
        measured = manager.get("tasks/4fe5/metrics")
        assert [each["round"] for each in measured] == list(range(1, len(measured) + 1))
        assert measured[-1]["value"] > 0.8


def test_the_self_test_finds_a_running_manager_in_order(
    tmp_path: Path, broker: rabbitmq.RabbitMQ
) -> None:
    folder = tmp_path / "flower-task"
    shutil.copytree(Path(__file__).parents[3] / "examples" / "flower-task", folder)
    [gateway] = rabbitmq.free(1)
    written = (folder / "config.ini").read_text()
    ports = written.replace("9000", str(broker.port)).replace("9001", str(gateway))
    (folder / "config.ini").write_text(ports)
    environment = {**os.environ, "PYTHONPATH": SOURCE}

    with serving(folder, "--config", "config.ini") as (_, manager):
        assert manager.url == f"http://127.0.0.1:{gateway}"
        for _ in range(2):
            tested = subprocess.run(
                [sys.executable, "-m", "test_cloud_ml_logic"],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert tested.returncode == 0, tested.stdout + tested.stderr
            assert tested.stdout.endswith("all is as it must be\n")
