import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ame import process
from ame.daemon.child import Arrived, Child, On
from ame.daemon.reports.messages import Ended, Error, Info, Log, Message, Model, Print, Triggered
from daemon.scripts import VARIABLES, script
from parts.waiting import eventually, is_running


class Heard:
    """What was told of a child, in order."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def __call__(self, arrived: Sequence[Arrived]) -> None:
        self.messages += [message for _, message in arrived]

    def lines(self, stream: str = "stdout") -> list[str]:
        return [
            each.line for each in self.messages if isinstance(each, Log) and each.stream == stream
        ]


@pytest.fixture
def supervisor() -> Iterator[process.Supervisor]:
    with process.Supervisor() as supervisor:
        yield supervisor


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def start(tmp_path: Path, supervisor: process.Supervisor, heard: Heard) -> "Start":
    return Start(tmp_path, supervisor, heard)


class Start:
    def __init__(self, folder: Path, supervisor: process.Supervisor, heard: Heard) -> None:
        self._folder, self._supervisor, self._heard = folder, supervisor, heard

    def __call__(self, body: str, on: On | None = None) -> Child:
        return Child.start(
            script(self._folder, body),
            folder=self._folder,
            on=on or self._heard,
            supervisor=self._supervisor,
            variables=VARIABLES,
        )


def test_reports_are_understood_from_datagrams_and_from_lines_on_standard_output(
    start: Start, heard: Heard
) -> None:
    child = start(
        """
reports = [
    '{"type": "model", "round": "1", "acc": "[(3, {})]"}',
    '{"type": "info", "info": "Started"}',
    '{"type": "print", "message": "{}"}',
    '{"type": "error", "exception": "no"}',
    '{"type": "trigger", "trigger_name": "t", "trigger_arguments": "0.51 x"}',
    '{"type": "trigger", "trigger_name": "t", "trigger_arguments": ["a b", "c"]}',
    '{"type": "trigger", "trigger_name": "t", "trigger_arguments": ""}',
]
import json
if os.environ.get("PRINT"):
    for report in reports: print(report)
for report in reports: reporter.send(json.loads(report))
reporter.flush()
for report in reports: print(report)
"""
    )
    child.wait(30)

    reports: list[Message] = [
        Model(round="1", acc="[(3, {})]"),
        Info(text="Started"),
        Print(text="{}"),
        Error(exception="no"),
        Triggered(name="t", arguments=("0.51 x",)),
        Triggered(name="t", arguments=("a b", "c")),
        Triggered(name="t"),
    ]
    assert heard.messages[:-1] == [*reports, *reports]


def test_everything_else_that_a_child_prints_is_its_log(start: Start, heard: Heard) -> None:
    start(
        """
for line in ('plain', '[1]', '{"type": "what"}', '{"type": "model"}', '{broken', '{' * 5000):
    print(line)
sys.stdout.buffer.write(b'\\xff\\n' + b'10%\\r99%\\r\\n' + b'\\n')
sys.stdout.write('unended')
"""
    ).wait(30)

    assert heard.lines() == [
        "plain",
        "[1]",
        '{"type": "what"}',
        '{"type": "model"}',
        "{broken",
        "{" * 5000,
        "\\xff",
        "99%",
        "",
        "unended",
    ]


def test_neither_stream_waits_for_the_other(start: Start, heard: Heard) -> None:
    child = start("for n in range(3):\n    print(n)\nwhile True:\n    time.sleep(60)")
    assert eventually(lambda: heard.lines() == ["0", "1", "2"])
    child.stop()

    many = "for n in range(20000):\n    print('x' * 50, file={})\n"
    start(many.format("sys.stderr") + many.format("sys.stdout")).wait(60)
    assert len(heard.lines("stderr")) == 20000
    assert len(heard.lines()) == 20003


@pytest.mark.parametrize(
    ("body", "code", "number", "last"),
    [
        ("import nowhere", 1, None, "ModuleNotFoundError: No module named 'nowhere'"),
        ("print('so far'); os.kill(os.getpid(), signal.SIGKILL)", None, 9, "so far"),
        ("print('so far'); os.abort()", None, signal.SIGABRT, "so far"),
        ("print('so far'); os._exit(7)", 7, None, "so far"),
        ("print('so far')", 0, None, "so far"),
    ],
)
def test_the_end_of_a_child_tells_how_and_what_it_said_last(
    start: Start, heard: Heard, body: str, code: int | None, number: int | None, last: str
) -> None:
    ended = start(body).wait(30)

    assert (ended.code, ended.signal, ended.cause, ended.last_lines[-1]) == (
        code,
        number,
        "",
        last,
    )
    assert heard.messages[-1] == ended
    assert [each for each in heard.messages if isinstance(each, Ended)] == [ended]
    assert ended.well is (code == 0)


def test_a_child_has_ended_when_it_has_though_what_it_started_lives_on(
    start: Start, heard: Heard
) -> None:
    """Not a second later, when the last of its tree is killed."""
    child = start(
        "import subprocess\n"
        "argv = ['sh', '-c', 'trap : TERM; echo up; while :; do sleep 0.05; done']\n"
        "kid = subprocess.Popen(argv, stdout=subprocess.PIPE)\n"
        "kid.stdout.readline()\n"
        "print(kid.pid)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert eventually(lambda: any(isinstance(each, Ended) for each in heard.messages))

    kid = int(heard.lines()[0])
    assert is_running(kid)
    child.wait(30)
    assert not is_running(kid)


def test_stopping_ends_the_whole_tree_first_asking_then_killing(start: Start, heard: Heard) -> None:
    child = start(
        "import subprocess\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True))\n"
        "kid = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "print(kid.pid, flush=True)\n"
        "while True: time.sleep(60)"
    )
    assert eventually(lambda: bool(heard.lines()))

    ended = child.stop(grace=0.5)

    assert (ended.signal, ended.cause) == (signal.SIGKILL, "asked")
    assert heard.lines()[1:] == ["asked"]
    assert not is_running(int(heard.lines()[0]))


def test_who_hears_may_stop_the_child(start: Start, heard: Heard) -> None:
    stopped: list[Ended] = []

    def hear(arrived: Sequence[Arrived]) -> None:
        going.wait()
        heard(arrived)
        if Info(text="Finished") in heard.messages and not stopped:
            stopped.append(child.stop())

    going = threading.Event()
    child = start(
        "reporter.send({'type': 'info', 'info': 'Finished'})\ntime.sleep(600)",
        on=hear,
    )
    going.set()

    assert child.wait(30).cause == "asked"
    assert stopped[0].cause == "asked"


def test_what_cannot_be_kept_ends_the_child_and_is_not_acknowledged(
    start: Start, tmp_path: Path
) -> None:
    told: list[Message] = []

    def full(arrived: Sequence[Arrived]) -> None:
        told.extend(message for _, message in arrived)
        if len(told) == 1:
            raise OSError(28, "No space left on device")

    child = start(
        "reporter.send({'type': 'info', 'info': 'Started'})\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "print(reporter.flush(0.2), flush=True)\n"
        "time.sleep(600)",
        on=full,
    )
    ended = child.wait(30)

    assert "No space left on device" in ended.cause
    assert not ended.well
    assert told == [Info(text="Started"), ended]


def test_a_child_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    argv = script(tmp_path, "Path('pid').write_text(str(os.getpid()))\ntime.sleep(600)")
    parent = os.fork()
    if parent == 0:
        Child.start(
            argv,
            folder=tmp_path,
            on=lambda _: None,
            supervisor=process.Supervisor(),
            variables=VARIABLES,
        )
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)

    pid = int((tmp_path / "pid").read_text())
    assert eventually(lambda: not is_running(pid))
