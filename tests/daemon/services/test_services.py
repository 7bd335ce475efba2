import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ame import errors
from ame.daemon.reports.messages import Ended, Info, Log, Model
from ame.daemon.services import supervisor
from ame.daemon.services.service import Service
from ame.process import tree
from daemon.scripts import VARIABLES, script
from parts.waiting import eventually, is_running


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of a service, which is stopped in the end."""
    folder = tmp_path / "service"
    yield folder
    if there := supervisor.find(folder):
        there.stop()


def start(folder: Path, body: str, *, grace: float = 5.0) -> supervisor.Supervised:
    argv = script(folder.parent, body)
    ref = supervisor.start(
        Service(argv=argv, folder=folder, works_in=folder.parent, variables=VARIABLES, grace=grace)
    )
    found = supervisor.find(ref)
    assert found is not None
    return found


def until(service: supervisor.Supervised, text: str) -> None:
    """Follows the service until it prints or says so."""
    for record in service.messages():
        if record.message in (Log(stream="stdout", line=text), Info(text=text)):
            return
    raise AssertionError(f"it ended without `{text}`")


def test_what_a_service_says_is_kept_in_order_with_numbers_until_its_end(folder: Path) -> None:
    service = start(
        folder,
        "for round in '123':\n"
        "    reporter.send({'type': 'model', 'round': round, 'acc': '0.5'})\n"
        "sys.exit(3)",
    )

    *records, last = service.messages()
    assert [each.message for each in records] == [Model(round=n, acc="0.5") for n in "123"]
    assert [each.number for each in (*records, last)] == [1, 2, 3, 4]
    assert isinstance(last.message, Ended)
    assert (last.message.code, last.message.cause) == (3, "")
    assert [each.number for each in service.messages(after=2)] == [3, 4]
    assert service.ended() == last.message


def test_a_service_is_stopped_with_all_that_it_started(folder: Path) -> None:
    service = start(
        folder,
        "import subprocess\n"
        "print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid)\n"
        "print('up')\n"
        "time.sleep(600)",
    )
    until(service, "up")
    lines = [record.message for record in service.follow().new()]
    assert isinstance(lines[0], Log)

    ended = service.stop()

    assert ended.cause == "asked"
    assert not is_running(int(lines[0].line))
    assert not service.alive


def test_a_service_that_does_not_heed_is_killed_after_its_grace(folder: Path) -> None:
    service = start(
        folder,
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\ntime.sleep(600)",
        grace=0.2,
    )
    until(service, "up")

    assert service.stop().signal == signal.SIGKILL


def test_a_service_whose_supervisor_is_killed_is_lost_and_leaves_nothing(folder: Path) -> None:
    service = start(folder, "print(os.getpid())\nprint('up')\ntime.sleep(600)")
    until(service, "up")
    first = service.follow().new()[0].message
    assert isinstance(first, Log)

    os.kill(service.ref.identity.pid, signal.SIGKILL)

    *_, last = service.messages()
    assert isinstance(last.message, Ended)
    assert last.message.cause == "lost"
    assert eventually(lambda: not is_running(int(first.line)))


def test_a_service_that_is_killed_with_all_beside_it_leaves_nothing(folder: Path) -> None:
    service = start(folder, "print(os.getpid())\nprint('up')\ntime.sleep(600)")
    until(service, "up")
    first = service.follow().new()[0].message
    assert isinstance(first, Log)
    beside = tree.below(service.ref.identity.pid)

    os.kill(service.ref.identity.pid, signal.SIGSTOP)
    for entry in beside:
        if entry.pid != int(first.line):
            os.kill(entry.pid, signal.SIGKILL)
    os.kill(service.ref.identity.pid, signal.SIGKILL)

    assert eventually(lambda: not service.alive)
    ended = service.ended()
    assert ended is not None
    assert ended.cause == "lost"
    assert not is_running(int(first.line))


def test_a_service_whose_supervisor_is_halted_can_be_stopped(folder: Path) -> None:
    service = start(folder, "print(os.getpid())\nprint('up')\ntime.sleep(600)")
    until(service, "up")
    first = service.follow().new()[0].message
    assert isinstance(first, Log)
    os.kill(service.ref.identity.pid, signal.SIGSTOP)

    assert service.stop(within=0.2).cause == "lost"
    assert not is_running(int(first.line))


def test_nothing_is_lost_while_a_supervisor_is_halted(folder: Path) -> None:
    service = start(
        folder,
        "for n in range(2000):\n"
        "    reporter.send({'type': 'info', 'info': str(n) + 'x' * 500})\n"
        "    if n == 10: Path('begun').touch()\n"
        "Path('done').touch()",
    )
    assert eventually((folder.parent / "begun").exists)
    os.kill(service.ref.identity.pid, signal.SIGSTOP)
    assert eventually((folder.parent / "done").exists)  # its calls have waited for nobody
    os.kill(service.ref.identity.pid, signal.SIGCONT)

    *records, _ = service.messages()
    texts = [each.message.text.rstrip("x") for each in records if isinstance(each.message, Info)]
    assert texts == [str(n) for n in range(2000)]


def test_the_one_who_starts_may_die_before_it_has_said_what(folder: Path) -> None:
    folder.mkdir()
    argv = supervisor.program()
    child = subprocess.run(argv, input=b'{"argv": [', capture_output=True)

    assert child.returncode != 0
    assert supervisor.find(folder) is None


def test_a_service_outlives_who_started_it_and_is_found_again(folder: Path) -> None:
    argv = script(folder.parent, "print('up')\ntime.sleep(600)")
    started, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            service = Service(argv=argv, folder=folder, works_in=folder.parent, variables=VARIABLES)
            os.write(told, str(supervisor.start(service)).encode())
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    os.close(told)
    with os.fdopen(started) as answer:
        ref = supervisor.Ref.parse(answer.read())
    os.waitpid(pid, 0)

    found = supervisor.find(ref)
    assert found is not None
    assert found.alive
    until(found, "up")
    assert found.stop().cause == "asked"


def test_a_folder_keeps_one_service_for_good(folder: Path) -> None:
    service = start(folder, "time.sleep(600)")
    with pytest.raises(errors.ServiceRunning, match="stop it first"):
        start(folder, "")
    service.stop()
    with pytest.raises(errors.ServiceKept, match="new folder"):
        start(folder, "")


def test_a_program_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(errors.ServiceUnstarted, match="nowhere"):
        supervisor.start(
            Service(argv=("nowhere",), folder=folder, works_in=folder.parent, variables={})
        )
    assert supervisor.find(folder) is None
