import io
import os
import pty
from contextlib import suppress
from itertools import count
from typing import TextIO

from ame.screen import Screen
from parts.waiting import eventually


class Writes(io.StringIO):
    """Counts how often it was written to."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


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


def test_lines_in_quick_succession_are_gathered_and_come_by_themselves_in_order() -> None:
    stream = Writes()
    screen = Screen(str, stream=stream, gather=True)
    lines = [f"{number}\n" for number in range(1000)]

    screen.begin()
    for line in lines:
        screen.print(line.rstrip())

    assert eventually(lambda: stream.getvalue() == "".join(lines))
    assert stream.writes < len(lines)
    screen.close()


def test_lines_that_were_gathered_are_written_at_the_end_and_later_ones_at_once() -> None:
    stream = io.StringIO()
    screen = Screen(str, stream=stream, gather=True)

    screen.print("before")
    assert stream.getvalue() == "before\n"
    screen.begin()
    screen.print("one")
    screen.print("two")
    screen.close()
    assert stream.getvalue() == "before\none\ntwo\n"

    screen.print("after")
    assert stream.getvalue() == "before\none\ntwo\nafter\n"
