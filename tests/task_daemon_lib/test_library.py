"""The names, the spelling and the behaviour that programs written for the library rely on."""

import inspect
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.scripts import VARIABLES
from parts.waiting import eventually, is_running
from task_daemon_lib.client_side_task import ClientSideTask
from task_daemon_lib.server_side_task import ServerSideTask
from task_daemon_lib.task import Task
from task_daemon_lib.task_exceptions import (
    TaskAlredyRunning,
    TaskAlredyStopped,
    TaskIdAlredyInUse,
    TaskIdNotFound,
    TaskUnknownMessageType,
)
from task_daemon_lib.task_listener import TaskMessageListener
from task_daemon_lib.task_reporter import TaskReporter
from task_daemon_lib.trigger import Trigger

REPORTER = """
import os, signal, sys, time
from task_daemon_lib.task_reporter import TaskReporter
task_reporter = TaskReporter()
"""
MODULES = (
    "client_side_task",
    "server_side_task",
    "task",
    "task_exceptions",
    "task_listener",
    "task_reporter",
    "trigger",
)


@pytest.fixture(autouse=True)
def children_find_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", VARIABLES["PYTHONPATH"])


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], None]:
    def write(name: str, body: str) -> None:
        file = tmp_path / "tasks" / "task_4fe5" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(body)

    return write


Write = Callable[[str, str], None]


def test_importing_it_loads_the_standard_library_only() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules)\n"
        + "".join(f"import task_daemon_lib.{name}\n" for name in MODULES)
        + "loaded = {name.split('.')[0] for name in sys.modules.keys() - before}\n"
        "print(*(loaded - sys.stdlib_module_names - {'ame', 'task_daemon_lib'}))\n"
        "print(*(name for name in sys.modules if name.startswith('ame')))"
    )
    argv = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, sys.argv[1])\n{script}",
    ]
    said = subprocess.run([*argv, VARIABLES["PYTHONPATH"]], capture_output=True, text=True)

    foreign, ours = said.stdout.splitlines()
    assert foreign == ""
    assert set(ours.split()) == {
        "ame",
        "ame.daemon",
        "ame.daemon.reports",
        "ame.daemon.reports.lines",
        "ame.daemon.reports.reporter",
        "ame.daemon.reports.wire",
    }


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (Task, "work_path task_id enable_listener"),
        (Task.run_task, "self filename message_handler arguments add_work_path"),
        (ServerSideTask, "work_path task_id messange_handler arguments message_handler"),
        (ClientSideTask, "work_path task_id messange_handler arguments message_handler"),
        (Trigger, "work_path task_id trigger_id arguments"),
        (TaskMessageListener, "handler process"),
        (TaskReporter.send_stats, "self task_round acc"),
        (TaskReporter.send_info, "self info"),
        (TaskReporter.send_print, "self msg"),
        (TaskReporter.send_error, "self excpetion"),
        (TaskReporter.trigger, "self trigger_name trigger_arguments"),
    ],
)
def test_arguments_have_the_names_that_programs_use(
    function: Callable[..., object], names: str
) -> None:
    assert list(inspect.signature(function).parameters) == names.split()


def test_exceptions_say_what_they_always_said() -> None:
    assert str(TaskIdAlredyInUse("7")) == "Task with ID=7 alredy exists"
    assert str(TaskAlredyRunning("7")) == "Task with ID=7 alredy running"
    assert str(TaskAlredyStopped("7")) == "Task with ID=7 alredy stopped"
    assert str(TaskIdNotFound("7")) == "Task with ID=7 not found"
    assert str(TaskUnknownMessageType()) == "Unknown message type sent by task"


def test_reports_have_the_form_that_they_always_had(capfd: pytest.CaptureFixture[str]) -> None:
    task_reporter = TaskReporter()
    task_reporter.send_stats(1, [(2, {"loss": 0.5})])
    task_reporter.send_info("Finished")
    task_reporter.send_print("hello")
    task_reporter.send_error(ValueError("no"))
    task_reporter.trigger("t", "0.51")
    task_reporter.trigger("t")

    assert [json.loads(line) for line in capfd.readouterr().out.splitlines()] == [
        {"type": "info", "info": "Started"},
        {"type": "model", "round": "1", "acc": "[(2, {'loss': 0.5})]"},
        {"type": "info", "info": "Finished"},
        {"type": "print", "message": "hello"},
        {"type": "error", "exception": "no"},
        {"type": "trigger", "trigger_name": "t", "trigger_arguments": "0.51"},
        {"type": "trigger", "trigger_name": "t", "trigger_arguments": ""},
    ]


@pytest.mark.parametrize(("kind", "side"), [(ServerSideTask, "server"), (ClientSideTask, "client")])
def test_a_task_gets_the_work_path_and_its_arguments_and_is_heard(
    tmp_path: Path, write: Write, kind: type, side: str
) -> None:
    write(f"{side}.py", REPORTER + "task_reporter.send_print(str(sys.argv[1:]))\nprint('done')\n")
    heard: list[bytes] = []
    task = kind(str(tmp_path), "4fe5", heard.append, ["a b", "c"])
    getattr(task, f"run_task_{side}")()

    assert task.wait(30) == 0
    assert task.get_task_id() == "4fe5"
    assert not task.running
    arguments = str([str(tmp_path), "a b", "c"])
    assert [json.loads(each) for each in heard if each.startswith(b"{")] == [
        {"type": "info", "info": "Started"},
        {"type": "print", "message": arguments},
    ]
    assert b"done\n" in heard
    getattr(task, f"stop_task_{side}")()
    with pytest.raises(TaskAlredyStopped):
        getattr(task, f"stop_task_{side}")()


def test_a_task_that_runs_is_not_started_again_and_may_be_after_it_was_stopped(
    tmp_path: Path, write: Write
) -> None:
    write("server.py", REPORTER + "time.sleep(600)")
    task = ServerSideTask(str(tmp_path), "4fe5", message_handler=lambda _: None)
    for _ in range(2):
        task.run_task_server()
        assert task.running
        with pytest.raises(TaskAlredyRunning):
            task.run_task_server()
        task.stop_task_server()
        assert not task.running
    with pytest.raises(TaskAlredyStopped):
        task.stop_task_server()


def test_a_handler_may_stop_its_task_when_it_is_finished(tmp_path: Path, write: Write) -> None:
    write("client.py", REPORTER + "task_reporter.send_info('Finished')\ntime.sleep(600)")
    stopped = threading.Event()

    def handle(message: bytes) -> None:
        if json.loads(message)["info"] == "Finished":
            task.stop_task_client()
            stopped.set()

    task = ClientSideTask(str(tmp_path), "4fe5", handle)
    task.run_task_client()

    assert stopped.wait(30)
    assert not task.running


def test_a_handler_that_fails_hears_the_next_message(
    tmp_path: Path, write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    write("client.py", "print(1)\nprint(2)")
    heard: list[bytes] = []

    def handle(message: bytes) -> None:
        heard.append(message)
        raise ValueError("a fault of the handler")

    task = ClientSideTask(str(tmp_path), "4fe5", handle)
    task.run_task_client()
    task.wait(30)

    assert heard == [b"1\n", b"2\n"]
    assert "a fault of the handler" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "import nowhere",
            "ended with exit code 1: ModuleNotFoundError: No module named 'nowhere'",
        ),
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL"),
    ],
)
def test_a_task_that_dies_without_a_word_is_reported_as_an_error(
    tmp_path: Path, write: Write, body: str, said: str
) -> None:
    write("server.py", body)
    heard: list[bytes] = []
    task = ServerSideTask(str(tmp_path), "4fe5", heard.append)
    task.run_task_server()
    task.wait(30)

    assert json.loads(heard[-1]) == {"type": "error", "exception": f"Task with ID=4fe5 {said}"}


def test_an_error_that_a_task_reported_itself_is_reported_once(
    tmp_path: Path, write: Write
) -> None:
    write("server.py", REPORTER + "task_reporter.send_error(ValueError('no'))\nsys.exit(1)")
    heard: list[bytes] = []
    task = ServerSideTask(str(tmp_path), "4fe5", heard.append)
    task.run_task_server()

    assert task.wait(30) == 1
    assert [json.loads(each).get("exception") for each in heard] == [None, "no"]


@pytest.mark.parametrize(
    ("arguments", "argv"),
    [("0.51", ["0.51"]), (["a b", "c"], ["a b", "c"]), ("", []), (None, [])],
)
def test_a_trigger_gets_its_arguments_whole_and_no_work_path(
    tmp_path: Path, write: Write, arguments: str | list[str] | None, argv: list[str]
) -> None:
    write(
        "good.py",
        f"import sys\nfrom pathlib import Path\nPath({str(tmp_path / 'said')!r})"
        ".write_text(str(sys.argv[1:]))\nprint('x' * 200_000)",
    )
    trigger = Trigger(str(tmp_path), "4fe5", "good", arguments)
    trigger.run_trigger()

    assert trigger.wait(30) == 0
    assert (tmp_path / "said").read_text() == str(argv)
    trigger.stop_trigger()


def test_what_is_not_there_is_refused(tmp_path: Path, write: Write) -> None:
    with pytest.raises(FileNotFoundError, match=r"Directory '.*tasks/task_4fe5' does not exist"):
        Task(str(tmp_path), "4fe5")
    write("other.py", "")
    with pytest.raises(FileNotFoundError, match=r"server\.py"):
        ServerSideTask(str(tmp_path), "4fe5", print)
    with pytest.raises(FileNotFoundError, match=r"client\.py"):
        ClientSideTask(str(tmp_path), "4fe5", print)
    with pytest.raises(FileNotFoundError, match=r"good\.py"):
        Trigger(str(tmp_path), "4fe5", "good")


def test_names_do_not_lead_out_of_the_directory_of_tasks(tmp_path: Path, write: Write) -> None:
    write("server.py", "")
    (tmp_path / "outside.py").write_text("")
    (tmp_path / "tasks" / "task_").mkdir()

    with pytest.raises(FileNotFoundError):
        Trigger(str(tmp_path), "4fe5", "../../outside")
    with pytest.raises(FileNotFoundError):
        Task(str(tmp_path), "/../task_4fe5")


def test_a_listener_gives_lines_of_both_streams_as_they_come(
    capfd: pytest.CaptureFixture[str],
) -> None:
    heard: list[bytes] = []
    script = "import sys, time\nprint(1, flush=True)\nprint(2, flush=True)\nsys.stdin.read()\n"
    child = subprocess.Popen(
        [sys.executable, "-c", script + "print(3, file=sys.stderr)"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    listener = TaskMessageListener(heard.append, child)
    listener.start()
    assert eventually(lambda: heard == [b"1\n", b"2\n"])

    assert child.stdin is not None
    child.stdin.close()
    assert eventually(lambda: heard == [b"1\n", b"2\n", b"3\n"])
    child.wait()
    listener.stop()


def test_the_task_ends_with_the_program_that_started_it(tmp_path: Path, write: Write) -> None:
    write("server.py", REPORTER + "print(os.getpid())\ntime.sleep(600)")
    program = subprocess.Popen(
        [sys.executable, "-m", "task_daemon_lib.server_side_task"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stdout is not None
        lines = (line.split() for line in program.stdout)
        pid = next(int(line[-1]) for line in lines if line[-1].isdecimal())
        program.kill()
    assert eventually(lambda: not is_running(pid))


def test_an_interrupted_command_stops_its_task(tmp_path: Path, write: Write) -> None:
    write("client.py", REPORTER + "print(os.getpid())\ntime.sleep(600)")
    program = subprocess.Popen(
        [sys.executable, "-m", "task_daemon_lib.client_side_task"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stdout is not None
        lines = (line.split() for line in program.stdout)
        pid = next(int(line[-1]) for line in lines if line[-1].isdecimal())
        program.terminate()
        assert program.wait(30) == 0
    assert not is_running(pid)
