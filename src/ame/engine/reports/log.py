"""Logs: what a step prints, masked, kept in a file as it came, and shown line by line."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ame.engine import mask

Show = Callable[[str, str], None]
"""Takes a step's name and one line of its output, without its end."""

OWN = "ame: "
"""What lines of ame's own begin with."""
_LONGEST = 64 * 1024
"""Bytes of one line that are shown at once; a longer one is shown in parts, and kept whole."""


class Log:
    """The log of one attempt at a step. The file is made with the first byte."""

    def __init__(self, file: Path, *, masked: mask.Mask, show: Callable[[str], None]) -> None:
        self._path = file
        self._file: BinaryIO | None = None
        self._mask = masked
        self._show = show
        self._line = b""

    def write(self, chunk: bytes) -> None:
        """Takes what the step printed; borders of chunks mean nothing."""
        self._keep(self._mask.feed(chunk))

    def note(self, text: str) -> None:
        """Adds a line of ame's own."""
        self._keep(b"" if not self._line else b"\n")
        self._keep(self._mask.feed(f"{OWN}{text}\n".encode()))

    def close(self) -> None:
        """Writes what is held back. Idempotent."""
        self._keep(self._mask.flush())
        if self._line:
            self._show(_text(self._line))
            self._line = b""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _keep(self, content: bytes) -> None:
        if not content:
            return
        if self._file is None:
            self._file = self._path.open("ab", buffering=0)
        self._file.write(content)
        *lines, self._line = (self._line + content).split(b"\n")
        for line in lines:
            self._show(_text(line))
        while len(self._line) > _LONGEST:
            self._show(_text(self._line[:_LONGEST]))
            self._line = self._line[_LONGEST:]


def tail(file: Path, lines: int) -> list[str]:
    """The last lines of a log, without reading all of it."""
    try:
        with file.open("rb") as log:
            end = log.seek(0, 2)
            log.seek(max(0, end - _LONGEST))
            content = log.read()
    except FileNotFoundError:
        return []
    return [_text(line) for line in content.splitlines()[-lines:]]


def _text(line: bytes) -> str:
    """As text: bytes that are not UTF-8 as escapes, of an overwritten line what was last."""
    text = line.decode(errors="backslashreplace").rstrip("\r")
    return text.rpartition("\r")[2]
