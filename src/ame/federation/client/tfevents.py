"""Event files that TensorBoard reads, written without TensorFlow.

A file is a row of records: the length of the data (8 bytes), its checksum, the data, its checksum;
little-endian, checksums CRC-32C, masked (TensorFlow's TFRecord format). Data are `Event` messages
of tensorflow/core/util/event.proto, of which time, step, numbers and texts are needed here.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_numbers = itertools.count()


class EventFile:
    """A file of numbers by name and step. Any thread may write; `flush` or `close` brings it all
    to the disk.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Makes a new file in `folder`, which is made if need be. Older files stay."""
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{int(clock()):010}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        self.path = folder / f"events.out.tfevents.{name}"
        self._clock = clock
        self._one_at_a_time = threading.Lock()
        self._file = self.path.open("xb")
        self._write(_text(3, "brain.Event:2"))
        self.flush()

    def add(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Writes numbers. Without a step, they are of step 0, as TensorBoard has it."""
        summary = b"".join(_bytes(1, _text(1, tag) + _float(2, x)) for tag, x in values.items())
        self._write(_integer(2, step or 0) + _bytes(5, summary))

    def add_text(self, tag: str, text: str, step: int | None = None) -> None:
        """Writes a text, as TensorBoard's own plugin for texts expects it: a tensor of one."""
        plugin = _bytes(9, _bytes(1, _text(1, "text")))
        tensor = _integer(1, 7) + _bytes(2, _bytes(2, _integer(1, 1))) + _text(8, text)
        value = _text(1, tag) + plugin + _bytes(8, tensor)
        self._write(_integer(2, step or 0) + _bytes(5, _bytes(1, value)))

    def flush(self) -> None:
        """Lets others read what was written."""
        with self._one_at_a_time:
            self._file.flush()

    def close(self) -> None:
        """Ends the file. Again and again has no further effect."""
        with self._one_at_a_time:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, fields: bytes) -> None:
        data = b"\x09" + struct.pack("<d", self._clock()) + fields
        length = struct.pack("<Q", len(data))
        with self._one_at_a_time:
            self._file.write(length + _checksum(length) + data + _checksum(data))


def _table() -> tuple[int, ...]:
    rows = []
    for row in range(256):
        for _ in range(8):
            row = row >> 1 ^ (0x82F63B78 if row & 1 else 0)  # noqa: PLW2901
        rows.append(row)
    return tuple(rows)


_TABLE = _table()


def _checksum(data: bytes) -> bytes:
    """CRC-32C (RFC 3720, B.4), turned and shifted as TFRecord has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(number: int) -> bytes:
    number &= 0xFFFFFFFFFFFFFFFF
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def _integer(field: int, number: int) -> bytes:
    return bytes([field << 3]) + _varint(number)


def _bytes(field: int, data: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(data)) + data


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())


def _float(field: int, number: float) -> bytes:
    try:
        return bytes([field << 3 | 5]) + struct.pack("<f", number)
    except OverflowError:
        return bytes([field << 3 | 5]) + struct.pack("<f", float("inf" if number > 0 else "-inf"))
