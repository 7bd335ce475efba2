"""The example of a Flower task: the commands that people type, as they type them."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flow.running import SOURCE

EXAMPLE = Path(__file__).parents[2] / "examples" / "flower-task"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "example"


@pytest.fixture
def variables() -> dict[str, str]:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{line.getsockname()[1]}"
    return {
        **os.environ,
        "PYTHONPATH": SOURCE,
        "FLOWER_ADDRESS": address,
        "FLWR_TELEMETRY_ENABLED": "0",
    }


def reports(said: str) -> list[dict[str, str]]:
    lines = [line.removeprefix("Received by handler:  ") for line in said.splitlines()]
    return [json.loads(line) for line in lines if line.startswith('{"type"')]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "client"),
    [
        (["tasks.task_4fe5.server", "cli"], ["tasks.task_4fe5.client", "cli"]),
        (["task_daemon_lib.server_side_task"], ["task_daemon_lib.client_side_task"]),
    ],
    ids=["by hand", "under the daemon"],
)
def test_a_server_and_two_clients_learn_the_digits(
    folder: Path, variables: dict[str, str], server: list[str], client: list[str]
) -> None:
    programs = [
        subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in (server, client, client)
    ]
    said = [program.communicate(timeout=200)[0] for program in programs]

    assert [program.returncode for program in programs] == [0, 0, 0], said
    of_server, *of_clients = map(reports, said)
    assert of_server[0] == {"type": "info", "info": "Started"}
    assert of_server[-1] == {"type": "info", "info": "Finished"}
    models = [each for each in of_server if each["type"] == "model"]
    assert [each["round"] for each in models] == ["1", "2", "3"]
    assert float(models[-1]["acc"]) > 0.7
    triggers = [each for each in of_server if each["type"] == "trigger"]
    assert triggers[-1]["trigger_arguments"] == models[-1]["acc"]
    for each in of_clients:
        assert {"type": "print", "message": "learned from 480 images"} in each
        assert each[-1] == {"type": "info", "info": "Finished"}


@pytest.mark.slow
def test_a_task_told_to_fail_reports_it(folder: Path, variables: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "tasks.task_4fe5.server", "cli", "test-error"]
    child = subprocess.run(argv, cwd=folder, env=variables, capture_output=True, text=True)

    assert child.returncode == 1
    assert reports(child.stdout)[-1]["exception"] == "a test of what becomes of errors"


def test_its_trigger_gets_its_argument_whole(folder: Path, variables: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "task_daemon_lib.trigger", "0.97"]
    child = subprocess.run(argv, cwd=folder, env=variables, capture_output=True, text=True)

    assert child.returncode == 0, child.stderr
    assert (folder / "good.txt").read_text() == "0.97\n"
