"""What a child has said, kept on disk: numbered records, one line of JSON each, in one file.

The file is made longer by blocks of zeros before they are needed: the disk then keeps a record
without having to keep a new length of the file, which is quicker by far; and when the disk is full
there is room to say so. A line that has not ended, or a zero, is where the records end.
"""

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from ame import errors
from ame.daemon.reports import messages
from ame.daemon.reports.messages import Ended, Log, Message

NAME = "journal"
_BLOCK = 1 << 20
_SPARE = 128 << 10
"""Bytes that stay free for what is said when the disk is full."""
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A message with its number."""

    number: int
    """From 1, without gaps."""
    at: datetime
    """When it was made."""
    message: Message


class Journal:
    """The file, for the one process that writes it."""

    def __init__(self, file: Path) -> None:
        """Goes on behind the last whole record that is there.

        Raises:
            errors.JournalFull: there is no room for it on the disk.

        """
        self._file = file
        reader = Reader(file)
        for _ in reader.read():
            continue
        self.number = reader.number
        self._end = reader.place
        try:
            self._fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise errors.JournalFull(file, error.strerror or str(error)) from error
        self._length = os.fstat(self._fd).st_size
        # A record that was not finished may lie here.
        self._write(bytes(self._length - self._end))
        if self._length < self._end + _SPARE:
            self._extend(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, arrived: Iterable[tuple[float, Message]]) -> None:
        """Keeps messages. When it returns, all but the log are on the disk for good.

        The log is as safe as the machine's power.

        Raises:
            errors.JournalFull: the disk takes no more; the messages are not kept, unless the last
                is an `Ended`, for which there is room.

        """
        lines: list[str] = []
        number, sync, end = self.number, False, False
        for at, message in arrived:
            number += 1
            lines.append(json.dumps([number, at, messages.store(message)]))
            sync |= not isinstance(message, Log)
            end = isinstance(message, Ended)
        content = "".join(f"{line}\n" for line in lines).encode()
        if not end:
            self._extend(len(content))
        self._write(content)
        if sync:
            os.fdatasync(self._fd)
        self._end += len(content)
        self.number = number

    def close(self) -> None:
        """Cuts off what is free of the file."""
        if self._fd >= 0:
            os.ftruncate(self._fd, self._end)
            os.close(self._fd)
            self._fd = -1

    def _extend(self, need: int) -> None:
        while self._length < self._end + need + _SPARE:
            try:
                self._put(bytes(_BLOCK), self._length)
                os.fsync(self._fd)
            except OSError as error:
                raise errors.JournalFull(self._file, error.strerror or str(error)) from error
            self._length += _BLOCK

    def _write(self, content: bytes) -> None:
        try:
            self._put(content, self._end)
        except OSError as error:
            raise errors.JournalFull(self._file, error.strerror or str(error)) from error

    def _put(self, content: bytes, place: int) -> None:
        """Writes all of it: the last that fits is written in part before a disk says it is full."""
        view = memoryview(content)
        while view:
            written = os.pwrite(self._fd, view, place)
            view = view[written:]
            place += written


class Reader:
    """Reads records as they are added, in any process, from behind number `after` on."""

    def __init__(self, file: Path, after: int = 0) -> None:
        self._file = file
        self._after = after
        self.place = 0
        """Bytes that were read: whole records."""
        self.number = 0
        """Of the last record that was read."""

    def read(self) -> Iterator[Record]:
        """What is there and was not read before."""
        for line in self.lines():
            self.place += len(line) + 1
            self.number += 1
            if self.number > self._after:
                number, at, fields = json.loads(line)
                yield Record(
                    number=number,
                    at=datetime.fromtimestamp(at, UTC),
                    message=messages.restore(fields),
                )

    def lines(self) -> Iterator[bytes]:
        """The lines from `place` on."""
        try:
            file = self._file.open("rb")
        except FileNotFoundError:
            return
        rest = b""
        with file:
            file.seek(self.place)
            while chunk := file.read(_CHUNK):
                content, zero, _ = chunk.partition(b"\0")
                *lines, rest = (rest + content).split(b"\n")
                yield from lines
                if zero:
                    return


def last(file: Path) -> Message | None:
    """The message of the last record; None when there is none."""
    line = next(iter(deque(Reader(file).lines(), maxlen=1)), None)
    return None if line is None else messages.restore(json.loads(line)[2])
