import io
import os
import pty
from contextlib import suppress
from itertools import count
from typing import TextIO

from ame.screen import Screen
from parts.waiting import eventually


def terminal() -> tuple[int, TextIO]:
    """What a terminal shows, and the way into it."""
    shown, into = pty.openpty()
    return shown, open(into, "w", encoding="utf-8")  # noqa: PTH123 - a descriptor; the caller closes it


def whole(shown: int) -> str:
    """All that the terminal was given, once the way into it is closed."""
    text = b""
    with suppress(OSError):  # a terminal's end
        while part := os.read(shown, 65536):
            text += part
    os.close(shown)
    return text.decode()


def test_lines_stay_and_the_last_one_is_drawn_anew_and_wiped() -> None:
    shown, stream = terminal()
    numbers = count(1)
    drawn = 0

    def last() -> str:
        nonlocal drawn
        drawn = next(numbers)
        return f"… {drawn}"

    screen = Screen(last, stream=stream)

    screen.begin()
    assert eventually(lambda: drawn > 2)
    screen.print("done")
    screen.close()

    stream.close()
    text = whole(shown)
    assert text.startswith("… 1\r\x1b[K… 2\r\x1b[K… 3")
    assert "\r\x1b[Kdone\r\n" in text
    assert not text.rpartition("\r\x1b[K")[2].startswith("…")


def test_what_is_no_terminal_gets_lines_alone() -> None:
    stream = io.StringIO()
    screen = Screen(lambda: "…", stream=stream)

    screen.begin()
    screen.print("done")
    screen.close()

    assert stream.getvalue() == "done\n"
    assert not screen.live


def test_when_nobody_reads_any_more_nothing_is_raised() -> None:
    stream = io.StringIO()
    screen = Screen(lambda: "…", stream=stream)

    stream.close()

    screen.print("nobody hears it")
    screen.close()


def test_a_quiet_one_prints_nothing() -> None:
    stream = io.StringIO()
    screen = Screen(lambda: "…", stream=stream, quiet=True)

    screen.print("done")
    screen.close()

    assert not stream.getvalue()
