"""What a child has said, kept on disk: numbered records, one line of JSON each.

A full file is set aside, and the one that was set aside before it makes room: of that the reports
are kept for good, and what the child had printed is let go. So who follows misses nothing, and a
child that prints for weeks does not fill the disk.

The file is made longer by blocks of zeros before they are needed: the disk then keeps a record
without having to keep a new length of the file, which is quicker by far; and when the disk is full
there is room to say so. A line that has not ended, or a zero, is where the records end.
"""

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Self

from ame import errors
from ame.daemon.reports import messages
from ame.daemon.reports.messages import Ended, Log, Message

NAME = "journal"
EARLIER = "journal.earlier"
"""The file that was full last."""
REPORTS = "journal.reports"
"""The reports of all that were full before it."""
FULL = 16 << 20
"""Bytes after which a file is full."""
_BLOCK = 1 << 20
_SPARE = 128 << 10
"""Bytes that stay free for what is said when the disk is full."""
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A message with its number."""

    number: int
    """From 1; where there is a gap, what a child has printed was let go."""
    at: datetime
    """When it was made."""
    message: Message


class Journal:
    """The file, for the one process that writes it."""

    def __init__(self, file: Path, *, full: int = FULL) -> None:
        """Goes on behind the last whole record that is there.

        Raises:
            errors.JournalFull: there is no room for it on the disk.

        """
        self._file = file
        self._full = full
        reader = Reader(file)
        for _ in reader.read():
            continue
        self.number = reader.number
        self._end = sum(len(line) + 1 for line in _lines_in(file))
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
            if self._end >= self._full:
                self._turn()
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

    def _turn(self) -> None:
        """Sets this file aside, and goes on in a new one."""
        fresh = self._file.with_name(f"{NAME}.new")
        try:
            fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            self._put(bytes(_BLOCK), 0, fd)
            os.fsync(fd)
            self._save_reports()
        except OSError as error:
            raise errors.JournalFull(self._file, error.strerror or str(error)) from error
        self.close()
        self._file.rename(self._file.with_name(EARLIER))
        fresh.rename(self._file)
        self._fd, self._end, self._length = fd, 0, _BLOCK

    def _save_reports(self) -> None:
        """Those of the file that makes room."""
        with self._file.with_name(REPORTS).open("ab") as kept:
            for line in _lines_in(self._file.with_name(EARLIER)):
                if json.loads(line)[2]["type"] != "log":
                    kept.write(line + b"\n")
            kept.flush()
            os.fsync(kept.fileno())

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

    def _put(self, content: bytes, place: int, fd: int | None = None) -> None:
        """Writes all of it: the last that fits is written in part before a disk says it is full."""
        view = memoryview(content)
        while view:
            written = os.pwrite(self._fd if fd is None else fd, view, place)
            view = view[written:]
            place += written


class Reader:
    """Reads records as they are added, in any process, from behind number `after` on."""

    def __init__(self, file: Path, after: int = 0) -> None:
        self._file = file
        self._begin = 0
        """The number of the first record in the file that was read last."""
        self._place = 0
        """Bytes of it that were read: whole records."""
        self.number = after
        """Of the last record that was read."""

    def read(self) -> Iterator[Record]:
        """What is there and was not read before."""
        with ExitStack() as opened:
            # in this order: what is set aside meanwhile is met again, and not missed
            files = [_opened(self._file, opened)]
            files.insert(0, _opened(self._file.with_name(EARLIER), opened))
            begins = {_begin(file): file for file in files if file is not None}
            begins.pop(0, None)
            if self._begin not in begins:
                self._place = 0
                kept = _opened(self._file.with_name(REPORTS), opened)
                if kept is not None and begins:
                    yield from self._records(kept)
            for begin in sorted(begins):
                if begin >= self._begin:
                    self._place *= begin == self._begin
                    self._begin = begin
                    yield from self._records(begins[begin])

    def _records(self, file: BinaryIO) -> Iterator[Record]:
        for line in _lines(file, self._place):
            self._place += len(line) + 1
            number, at, fields = json.loads(line)
            if number > self.number:
                self.number = number
                message = messages.restore(fields)
                yield Record(number=number, at=datetime.fromtimestamp(at, UTC), message=message)


def last(file: Path) -> Message | None:
    """The message of the last record; None when there is none."""
    for each in (file, file.with_name(EARLIER)):
        line = next(iter(deque(_lines_in(each), maxlen=1)), None)
        if line is not None:
            return messages.restore(json.loads(line)[2])
    return None


def _opened(file: Path, opened: ExitStack) -> BinaryIO | None:
    try:
        return opened.enter_context(file.open("rb"))
    except FileNotFoundError:
        return None


def _begin(file: BinaryIO) -> int:
    """The number of the first record; 0 where there is none."""
    number, comma, _ = file.read(24).partition(b",")
    return int(number[1:]) if comma and number[1:].isdigit() else 0


def _lines(file: BinaryIO, place: int) -> Iterator[bytes]:
    """The lines from there on, as far as they have ended."""
    rest = b""
    file.seek(place)
    while chunk := file.read(_CHUNK):
        content, zero, _ = chunk.partition(b"\0")
        *lines, rest = (rest + content).split(b"\n")
        yield from lines
        if zero:
            return


def _lines_in(file: Path) -> Iterator[bytes]:
    with ExitStack() as opened:
        found = _opened(file, opened)
        if found is not None:
            yield from _lines(found, 0)
