"""Files of records, as TensorFlow writes them: length, checksum, data, checksum.

Source: `record_writer.h` of TensorFlow; checksums are masked CRC-32C.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO, Final

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

HEAD: Final = struct.Struct("<QI")
TAIL: Final = struct.Struct("<I")
MASK: Final = 0xA282EAD8


def masked(data: bytes) -> int:
    """The masked CRC-32C of data."""
    import google_crc32c

    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF


def write(file: BinaryIO, records: Iterable[bytes]) -> int:
    """Writes records one after another, and returns how many."""
    count = 0
    for record in records:
        length = struct.pack("<Q", len(record))
        file.write(length + TAIL.pack(masked(length)) + record + TAIL.pack(masked(record)))
        count += 1
    return count


def read(path: Path) -> Iterator[bytes]:
    """The records of a file in their order.

    Raises:
        errors.RecordsDamaged: it is no such file, is cut off, or a checksum is wrong.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        for at, length in _heads(file, path):
            data = file.read(length)
            tail = file.read(TAIL.size)
            if len(tail) < TAIL.size:
                raise errors.RecordsDamaged(path, at, "it is cut off")
            if TAIL.unpack(tail)[0] != masked(data):
                raise errors.RecordsDamaged(path, at, "a checksum is wrong")
            yield data


def count(path: Path) -> int:
    """How many records a file has; their data is not read. Raises as `read` does."""
    found = 0
    size = path.stat().st_size
    with path.open("rb") as file:
        for at, length in _heads(file, path):
            if at + HEAD.size + length + TAIL.size > size:
                raise errors.RecordsDamaged(path, at, "it is cut off")
            file.seek(length + TAIL.size, 1)
            found += 1
    return found


def _heads(file: BinaryIO, path: Path) -> Iterator[tuple[int, int]]:
    """Where each record begins, and its length; who asks moves behind its data."""
    size = path.stat().st_size
    while head := file.read(HEAD.size):
        at = file.tell() - len(head)
        if len(head) < HEAD.size:
            raise errors.RecordsDamaged(path, at, "it is cut off")
        length, crc = HEAD.unpack(head)
        if crc != masked(head[:8]):
            raise errors.RecordsDamaged(path, at, "a checksum is wrong")
        if length > size:
            raise errors.RecordsDamaged(path, at, "it is cut off")
        yield at, length
