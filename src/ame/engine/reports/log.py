"""Logs: what a step prints, masked, kept in a file as it came, and shown line by line."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ame.engine.reports.live import Live, text_of
from ame.engine.secrets import mask

OWN = "ame: "
"""What lines of ame's own begin with."""
_TAIL = 64 * 1024
"""Bytes at the end of a log that its last lines are looked for in."""


class Log:
    """The log of one attempt at a step. The file and its folder are made with the first byte.

    Calls may come from several threads.
    """

    def __init__(self, file: Path, *, masked: mask.Mask, show: Callable[[str], None]) -> None:
        self._path = file
        self._file: BinaryIO | None = None
        self._mask = masked
        self._show = show
        self._live = Live()
        self._lock = threading.Lock()
        self._within = False
        """Whether the last line has not ended."""

    def write(self, chunk: bytes) -> None:
        """Takes what the step printed; borders of chunks mean nothing."""
        with self._lock:
            self._keep(self._mask.feed(chunk))

    def note(self, text: str) -> None:
        """Adds a line of ame's own."""
        with self._lock:
            line = f"{chr(10) * self._within}{OWN}{text}\n"
            self._keep(self._mask.feed(line.encode(errors="surrogateescape")))

    def look(self) -> None:
        """Shows what has waited for the end of its line; to be called now and then."""
        with self._lock:
            self._tell(self._live.overdue(time.monotonic()))

    def close(self) -> None:
        """Writes what is held back. Idempotent."""
        with self._lock:
            self._keep(self._mask.flush())
            self._tell(self._live.end())
            if self._file is not None:
                self._file.close()
                self._file = None

    def _keep(self, content: bytes) -> None:
        if not content:
            return
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        left = memoryview(content)
        while left:
            left = left[self._file.write(left) :]
        self._within = not content.endswith(b"\n")
        self._tell(self._live.feed(content, time.monotonic()))

    def _tell(self, lines: list[str]) -> None:
        for line in lines:
            self._show(line)


def tail(folder: Path, lines: int) -> list[str]:
    """The last lines of the newest log in a step's folder, without reading all of it."""
    logs = attempts(folder)
    if not logs:
        return []
    with logs[-1].open("rb") as log:
        end = log.seek(0, 2)
        log.seek(max(0, end - _TAIL))
        content = log.read()
    return [text_of(line) for line in content.splitlines()[-lines:]]


def attempts(folder: Path) -> list[Path]:
    """The logs in a step's folder, one for each attempt, in order."""
    return sorted(folder.glob("log.*"), key=lambda log: int(log.suffix[1:]))
