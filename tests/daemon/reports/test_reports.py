import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ame import errors
from ame.daemon.reports import reporter, wire
from ame.daemon.reports.listener import Listener
from daemon.relay import Relay
from daemon.scripts import VARIABLES, script
from parts.waiting import eventually


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def channel_to(port: int, listener: Listener) -> reporter.Channel:
    return reporter.Channel(port, bytes.fromhex(listener.variables[wire.TOKEN]))


def port_of(listener: Listener) -> int:
    return int(listener.variables[wire.PORT])


def hear(listener: Listener, count: int, *, seconds: float = 60) -> list[bytes]:
    """The next reports, acknowledged as they come."""
    heard: list[bytes] = []
    end = time.monotonic() + seconds
    while len(heard) < count and time.monotonic() < end:
        select.select([listener], [], [], 0.01)
        heard += [content for _, content in listener.take()]
        listener.acknowledge()
    return heard


def finish(listener: Listener, channel: reporter.Channel) -> bool:
    """Whether the sender comes to know that all has arrived; hears what else comes meanwhile."""
    more: list[bytes] = []

    def done() -> bool:
        more.extend(hear(listener, 1, seconds=0.01))
        return channel.flush(0.05)

    return eventually(done) and not more


@pytest.mark.parametrize("seed", [1, 2])
def test_no_report_is_lost_twice_or_late_on_a_network_that_loses_repeats_and_reorders(
    listener: Listener, seed: int
) -> None:
    sent = [b"%d" % n for n in range(200)]
    sent[20] = os.urandom(wire.LONGEST)
    sent[21] = b""
    with Relay(port_of(listener), seed=seed, lost=0.1, twice=0.1, late=0.1) as relay:
        channel = channel_to(relay.port, listener)
        for report in sent:
            channel.send(report)

        assert hear(listener, len(sent)) == sent
        assert finish(listener, channel)


def test_a_report_that_is_not_acknowledged_is_sent_again(listener: Listener) -> None:
    channel = channel_to(port_of(listener), listener)
    channel.send(b"once")
    assert eventually(lambda: [content for _, content in listener.take()] == [b"once"])

    assert not channel.flush(0.3)
    listener.acknowledge()

    assert finish(listener, channel)


def test_strangers_have_no_effect(listener: Listener) -> None:
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.connect((wire.HOST, port_of(listener)))
    token = bytes.fromhex(listener.variables[wire.TOKEN])
    forged = (os.urandom(wire.TOKEN_BYTES), bytes(8), 0, 0, True, b"forged")
    with stranger:
        for datagram in (b"", b"END", b"x" * 60_000, wire.write(forged), token):
            stranger.send(datagram)
        channel = channel_to(port_of(listener), listener)
        channel.send(b"true")

        assert hear(listener, 1) == [b"true"]
        assert finish(listener, channel)
        with pytest.raises(BlockingIOError):
            stranger.recv(100, socket.MSG_DONTWAIT)


def test_one_who_acknowledges_what_it_never_had_has_no_effect(listener: Listener) -> None:
    """A child hears the parent's port only, and there only of its own stream."""
    parent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    parent.bind((wire.HOST, 0))
    with parent:
        channel = channel_to(parent.getsockname()[1], listener)
        channel.send(b"report")
        _, child = parent.recvfrom(wire.LARGEST)
        for datagram in (b"", b"short", *wire.write_taken(bytes(8), [0]), bytes(60_000)):
            parent.sendto(datagram, child)
        again, _ = parent.recvfrom(wire.LARGEST)

        piece = wire.read(again)
        assert piece is not None
        assert piece[-1] == b"report"
        parent.sendto(wire.write_taken(piece[1], [0])[0], child)
        assert channel.flush(30)


def test_pieces_far_ahead_are_left_to_be_sent_again(listener: Listener) -> None:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((wire.HOST, port_of(listener)))
    token = bytes.fromhex(listener.variables[wire.TOKEN])
    with sender:
        sender.send(wire.write((token, bytes(8), 1 << 40, 0, True, b"far")))
        sender.send(wire.write((token, bytes(8), 0, 5, True, b"next")))

        assert listener.take() == [(5, b"next")]
        listener.acknowledge()
        assert wire.read_taken(sender.recv(100)) == (bytes(8), (0,))


def test_nothing_is_lost_of_a_thousand_reports_while_the_parent_takes_none(
    listener: Listener, tmp_path: Path
) -> None:
    argv = script(
        tmp_path,
        "for n in range(3000):\n"
        "    reporter.send({'type': 'print', 'message': str(n) + 'x' * 1000})\n"
        "print('said', flush=True)",
    )
    child = subprocess.Popen(argv, env={**VARIABLES, **listener.variables}, stdout=subprocess.PIPE)
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"said\n"  # no call has waited for us
        heard = hear(listener, 3000)

        assert [json.loads(each)["message"].rstrip("x") for each in heard] == [
            str(n) for n in range(3000)
        ]
    assert child.returncode == 0


def test_processes_and_threads_of_a_child_all_report(listener: Listener, tmp_path: Path) -> None:
    argv = script(
        tmp_path,
        "import threading\n"
        "def say(name):\n"
        "    for n in range(20):\n"
        "        reporter.send({'type': 'info', 'info': f'{name} {n}'})\n"
        "say('before')\n"
        "threads = [threading.Thread(target=say, args=(f'thread{n}',)) for n in '12']\n"
        "for each in threads: each.start()\n"
        "for each in threads: each.join()\n"
        "if os.fork() == 0:\n"
        "    say('forked')\n"
        "    sys.exit()\n"
        "os.wait()",
    )
    with subprocess.Popen(argv, env={**VARIABLES, **listener.variables}):
        heard = [json.loads(each)["info"].split() for each in hear(listener, 80)]

    for name in ("before", "thread1", "thread2", "forked"):
        assert [int(number) for who, number in heard if who == name] == list(range(20))
    assert hear(listener, 1, seconds=0.2) == []


def test_a_child_whose_parent_is_gone_goes_on_and_ends(listener: Listener, tmp_path: Path) -> None:
    argv = script(
        tmp_path, "for n in range(100):\n    reporter.send({'type': 'info', 'info': str(n)})"
    )
    variables = {**VARIABLES, **listener.variables}
    listener.close()

    assert subprocess.run(argv, env=variables, timeout=30).returncode == 0


def test_a_report_that_is_too_long_is_refused(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in listener.variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(errors.ReportTooLarge, match="longer than 1,048,576"):
        reporter.send({"type": "print", "message": "x" * wire.LONGEST})
    assert listener.take() == []


def test_without_a_parent_reports_are_lines_of_json(capfd: pytest.CaptureFixture[str]) -> None:
    reporter.send({"type": "info", "info": "ü\n"})

    assert json.loads(capfd.readouterr().out) == {"type": "info", "info": "ü\n"}


def test_a_child_that_is_killed_right_after_a_report_has_reported(
    listener: Listener, tmp_path: Path
) -> None:
    argv = script(
        tmp_path,
        "reporter.send({'type': 'info', 'info': 'last'})\nos.kill(os.getpid(), signal.SIGKILL)",
    )
    child = subprocess.run(argv, env={**VARIABLES, **listener.variables})

    assert child.returncode == -signal.SIGKILL
    assert [json.loads(content)["info"] for _, content in listener.take()] == ["last"]


def test_what_waits_for_an_absent_parent_is_bounded(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "_BACKLOG", 100_000)
    channel = channel_to(port_of(listener), listener)
    count = 2 * 100_000 // 1000 + wire.BURST // 1000

    def send_all() -> None:
        for _ in range(count):
            channel.send(b"x" * 1000)

    sender = threading.Thread(target=send_all)
    sender.start()
    sender.join(0.5)
    assert sender.is_alive()

    assert len(hear(listener, count)) == count
    sender.join()
    assert finish(listener, channel)
