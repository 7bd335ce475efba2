"""What a person sees while something goes on: lines that stay, and a last one drawn anew."""

import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

_REDRAW = 0.2


class Screen:
    """Prints lines to a stream, and on a terminal a last line below them.

    When nobody reads any more, nothing is printed, and what goes on goes on.
    """

    def __init__(
        self,
        last: Callable[[], str],
        *,
        stream: TextIO | None = None,
        quiet: bool = False,
        gather: bool = False,
    ) -> None:
        """`last` says the last line, or nothing, and prints nothing itself.

        Without a stream it is standard error, looked up at each line. With `gather`, lines that
        come in quick succession are written together, a moment later, from `begin` on.
        """
        self._last = last
        self._stream = stream
        self._quiet = quiet
        self._gather = gather
        self._lines: list[str] = []
        self._written = 0.0
        self.live = not quiet and (stream or sys.stderr).isatty()
        """Whether it is a terminal, which shows colours and the last line."""
        self._lock = threading.Lock()
        self._drawn = False
        self._over = threading.Event()
        self._drawer: threading.Thread | None = None

    def print(self, text: str) -> None:
        """A line that stays."""
        with self._lock:
            self._lines.append(f"{text}\n")
            gathers = self._gather and self._drawer is not None and not self._over.is_set()
            if not gathers or time.monotonic() - self._written >= _REDRAW:
                self._write_lines()

    def begin(self) -> None:
        """From now on the last line is drawn, by a thread; not before processes that are to be
        forked without threads.
        """
        if (self.live or self._gather) and self._drawer is None:
            self._drawer = threading.Thread(target=self._draw_on, daemon=True)
            self._drawer.start()

    def close(self) -> None:
        """Wipes the last line."""
        self._over.set()
        if self._drawer is not None:
            self._drawer.join()
        with self._lock:
            self._write_lines()

    def _draw_on(self) -> None:
        import shutil

        while not self._over.wait(_REDRAW):
            with self._lock:
                if self._lines:
                    self._write_lines()
                if self.live and (text := self._last()):
                    self._write(text[: shutil.get_terminal_size().columns - 1])
                    self._drawn = True

    def _write_lines(self) -> None:
        """Puts the lines that have come where the last line was. Called with the lock held."""
        self._write("".join(self._lines))
        self._lines.clear()
        self._written = time.monotonic()

    def _write(self, text: str) -> None:
        """Puts text where the last line was. Called with the lock held."""
        if self._quiet:
            return
        stream = self._stream or sys.stderr
        try:
            stream.write(("\r\x1b[K" if self._drawn else "") + text)
            stream.flush()
        except (OSError, ValueError):  # ValueError: the stream was closed
            self._quiet = True
            self._over.set()
        self._drawn = False
