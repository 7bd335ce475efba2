"""What a person sees while something goes on: lines that stay, and a last one drawn anew."""

import sys
import threading
from collections.abc import Callable
from typing import TextIO

_REDRAW = 0.2


class Screen:
    """Prints lines to a stream, and on a terminal a last line below them.

    When nobody reads any more, nothing is printed, and what goes on goes on.
    """

    def __init__(
        self, last: Callable[[], str], *, stream: TextIO | None = None, quiet: bool = False
    ) -> None:
        """`last` says the last line, or nothing, and prints nothing itself.

        Without a stream it is standard error, looked up at each line.
        """
        self._last = last
        self._stream = stream
        self._quiet = quiet
        self.live = not quiet and (stream or sys.stderr).isatty()
        """Whether it is a terminal, which shows colours and the last line."""
        self._lock = threading.Lock()
        self._drawn = False
        self._over = threading.Event()
        self._drawer: threading.Thread | None = None

    def print(self, text: str) -> None:
        """A line that stays."""
        with self._lock:
            self._write(f"{text}\n")

    def begin(self) -> None:
        """From now on the last line is drawn, by a thread; not before processes that are to be
        forked without threads.
        """
        if self.live and self._drawer is None:
            self._drawer = threading.Thread(target=self._draw_on, daemon=True)
            self._drawer.start()

    def close(self) -> None:
        """Wipes the last line."""
        self._over.set()
        if self._drawer is not None:
            self._drawer.join()
        with self._lock:
            self._write("")

    def _draw_on(self) -> None:
        import shutil

        while not self._over.wait(_REDRAW):
            with self._lock:
                if text := self._last():
                    self._write(text[: shutil.get_terminal_size().columns - 1])
                    self._drawn = True

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
