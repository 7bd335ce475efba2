"""What steps print: all of it is kept, and soon shown."""

import hashlib
import os
import sys
import threading
from pathlib import Path

import pytest

from ame.engine.reports.live import Live
from ame.engine.reports.log import Log
from ame.engine.secrets import mask
from engine.doing import Doing, step

PRINT = f"{sys.executable} print.py"


def kept(doing: Doing, script: str) -> bytes:
    doing.write({"print.py": "import os, sys, time\nout = sys.stdout.buffer\n" + script})
    return doing.log(doing.does(step("t", PRINT)))


def test_every_byte_that_a_step_prints_is_kept(doing: Doing) -> None:
    content = bytes(range(256)) * 3 + b"\0\0\n\r\n\r100%\r\xff\xfe no end"

    assert kept(doing, f"out.write({content!r})") == content


@pytest.mark.parametrize("sign", ["b'x'", "bytes([0xe2, 0x82, 0xac])", "b'\\r50%'"])
def test_a_line_of_ten_megabytes_without_end_is_kept(doing: Doing, sign: str) -> None:
    content = kept(doing, f"out.write({sign} * (10_000_000 // len({sign})))")

    assert content == eval(sign) * (10_000_000 // len(eval(sign)))
    assert max(len(line) for line in doing.seen.texts("t")) <= 64 * 1024


@pytest.mark.slow
def test_a_hundred_megabytes_are_kept_to_the_byte(doing: Doing) -> None:
    part = "(hashlib.sha256(b'%d' % i).hexdigest() + chr(10)).encode() * 16000"
    content = kept(doing, f"import hashlib\nfor i in range(100): out.write({part})")

    assert len(content) == 104_000_000
    made = (hashlib.sha256(b"%d" % i).hexdigest().encode() for i in range(100))
    assert content == b"".join((line + b"\n") * 16000 for line in made)


def test_what_a_child_prints_after_its_parent_has_ended_is_kept(doing: Doing) -> None:
    late = "(trap '' HUP TERM; : > deaf; sleep 0.3; echo late) &"
    ended = doing.does(step("t", f"{late} until [ -e deaf ]; do sleep 0.01; done; echo early"))

    assert doing.log(ended) == b"early\nlate\n"


def test_standard_output_and_error_keep_their_order(doing: Doing) -> None:
    ended = doing.does(step("t", "for i in 1 2 3; do echo out $i; echo err $i >&2; done"))

    assert doing.log(ended) == b"out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n"


def test_the_lines_of_parallel_steps_are_never_mixed(doing: Doing) -> None:
    spell = "for i in $(seq 300); do printf {0}{0}; printf '{0}{0}\\n'; done"
    pair = [step(name, spell.format(name)) for name in "ab"]
    ended = doing.does({"name": "all", "pipeline": [pair]})

    assert doing.seen.texts("a") == ["aaaa"] * 300
    assert doing.seen.texts("b") == ["bbbb"] * 300
    assert doing.log(ended, 0) == b"aaaa\n" * 300


def test_a_line_without_end_is_shown_soon_and_once(tmp_path: Path) -> None:
    shown: list[str] = []
    log = Log(tmp_path / "log", masked=mask.Mask(()), show=shown.append)
    wait = threading.Event()

    log.write(b"Epoch 1 ...")
    while not shown:
        log.look()
        assert not wait.wait(0.01)
    log.write(b" done\nnext\n")
    log.close()

    assert shown == ["Epoch 1 ...", " done", "next"]
    assert (tmp_path / "log").read_bytes() == b"Epoch 1 ... done\nnext\n"


def test_a_line_that_ends_where_it_was_shown_is_not_shown_again() -> None:
    live = Live()

    assert live.feed(b"password: ", 0) == []
    assert live.overdue(0.4) == []
    assert live.overdue(0.6) == ["password: "]
    assert live.overdue(9) == []
    assert live.feed(b"\n\nx\n", 10) == ["", "x"]
    assert live.end() == []


def test_a_progress_bar_is_shown_now_and_then_as_it_stands() -> None:
    live = Live()

    assert live.feed(b"0%\r10%\r20%", 0) == []
    assert live.overdue(1) == []
    assert live.overdue(6) == ["20%"]
    assert live.feed(b"\r30%\r100%\n", 7) == ["100%"]


def test_half_a_letter_waits_for_its_other_half() -> None:
    live = Live()
    live.feed("ü".encode()[:1], 0)

    assert live.overdue(9) == []
    assert live.feed("ü".encode()[1:] + b"\n", 9) == ["ü"]


def test_a_step_that_fails_to_be_logged_fails_with_the_reason(doing: Doing) -> None:
    log = "$(dirname $(dirname $PWD))/0/log.1"
    doing.file(step("t", f"ls {log} 2>/dev/null; echo > /dev/full || exit 9"))

    ended = doing.run("t")

    assert doing.steps(ended)["t"][1] == "exited with 9"


def test_python_prints_at_once(doing: Doing) -> None:
    doing.write({"print.py": "import time\nprint('now')\nopen('w', 'w')\ntime.sleep(0.7)\n"})
    before = os.environ.get("PYTHONUNBUFFERED")
    doing.does(step("t", PRINT))

    assert doing.seen.texts("t") == ["now"]
    assert before == os.environ.get("PYTHONUNBUFFERED")
