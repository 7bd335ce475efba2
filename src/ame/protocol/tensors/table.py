"""Sorted tables: the file format under a version 1 checkpoint.

Source: LevelDB's `table_format.md`, with TensorFlow's block size. Blocks are not compressed, as
TensorFlow writes checkpoints.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import google_crc32c

from ame import errors
from ame.protocol.tensors import wire

MAGIC = 0xDB4775248B80FB57
FOOTER = 48
TRAILER = 5
BLOCK = 256 * 1024
ALONE = 2 * BLOCK
"""Bytes from which a value begins a block."""
RESTART = 16
Content = list["bytes | memoryview"]


def read(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values, in the order of the keys; the values are views into `data`.

    Raises:
        errors.TensorsMalformed: it is no such table, is cut off, or fails a checksum.
    """
    if len(data) < FOOTER or struct.unpack("<Q", data[-8:])[0] != MAGIC:
        raise errors.TensorsMalformed("a checkpoint without the mark of its end", len(data))
    for handle in _handles(data)[1:]:
        yield from _entries(_block(data, handle))


def summed(data: memoryview) -> list[tuple[int, int]]:
    """Where the parts of a table that can be read begin and end that have a checksum behind them.

    Raises:
        errors.TensorsMalformed: its index cannot be read.
    """
    return [(start, start + size + 1) for start, size in _handles(data)]


def check(data: bytes, start: int, end: int) -> None:
    """Sees that such a part is as it was written.

    Raises:
        errors.TensorsMalformed: it fails its checksum.
    """
    said = int.from_bytes(data[end : end + 4], "little")
    if _masked(google_crc32c.value(data[start:end])) != said:
        raise errors.TensorsMalformed("a block that fails its checksum", start)


def _handles(data: memoryview) -> list[tuple[int, int]]:
    """Start and size of the index, then of each block."""
    _, at = _handle(data, len(data) - FOOTER)
    index, _ = _handle(data, at)
    return [index, *(_handle(value, 0)[0] for _, value in _entries(_block(data, index)))]


def _handle(data: memoryview, at: int) -> tuple[tuple[int, int], int]:
    start, at = wire.varint(data, at)
    size, at = wire.varint(data, at)
    return (start, size), at


def _block(data: memoryview, handle: tuple[int, int]) -> memoryview:
    start, size = handle
    if start + size + TRAILER > len(data) - FOOTER or size < 4:
        raise errors.TensorsMalformed("a block that lies outside the file", start)
    kind, summed = struct.unpack("<BI", data[start + size : start + size + TRAILER])
    if _masked(google_crc32c.value(bytes(data[start : start + size + 1]))) != summed:
        raise errors.TensorsMalformed("a block that fails its checksum", start)
    if kind:
        raise errors.TensorsMalformed("a compressed block", start)
    return data[start : start + size]


def _masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    end = len(block) - 4 - 4 * struct.unpack("<I", block[-4:])[0]
    if end < 0:
        raise errors.TensorsMalformed("a block whose restarts lie outside it", 0)
    key = b""
    at = 0
    while at < end:
        shared, at = wire.varint(block, at)
        own, at = wire.varint(block, at)
        size, at = wire.varint(block, at)
        if shared > len(key) or at + own + size > end:
            raise errors.TensorsMalformed("an entry that lies outside its block", at)
        key = key[:shared] + bytes(block[at : at + own])
        yield key, block[at + own : at + own + size]
        at += own + size


def write(file: BinaryIO, items: Iterable[tuple[bytes, Content]]) -> None:
    """Writes keys, in their order, with the parts of their values."""
    index = _Block(restart=1)
    block = _Block()
    at = 0
    for key, content in items:
        if block.parts and (block.size >= BLOCK or sum(len(part) for part in content) >= ALONE):
            index.add(_between(block.last, key), [_put_handle(at, block.size_whole)])
            at += block.end(file)
            block = _Block()
        block.add(key, content)
    index.add(_after(block.last), [_put_handle(at, block.size_whole)])
    at += block.end(file)
    meta = _put_handle(at, (empty := _Block()).size_whole)
    at += empty.end(file)
    handles = meta + _put_handle(at, index.size_whole)
    index.end(file)
    file.write(handles.ljust(FOOTER - 8, b"\0") + struct.pack("<Q", MAGIC))


def _put_handle(start: int, size: int) -> bytes:
    return wire.put_varint(start) + wire.put_varint(size)


class _Block:
    """A block that is being filled."""

    def __init__(self, *, restart: int = RESTART) -> None:
        self.parts: Content = []
        self.last = b""
        self.size = 0
        self._every = restart
        self._since = 0
        self._restarts = [0]

    @property
    def size_whole(self) -> int:
        """Bytes with the restarts, without the trailer."""
        return self.size + 4 * len(self._restarts) + 4

    def add(self, key: bytes, content: Content) -> None:
        shared = 0
        if self._since == self._every:
            self._restarts.append(self.size)
            self._since = 0
        elif self.parts:
            shared = _shared(self.last, key)
        size = sum(len(part) for part in content)
        head = b"".join(map(wire.put_varint, (shared, len(key) - shared, size))) + key[shared:]
        self.parts += [head, *content]
        self.size += len(head) + size
        self.last = key
        self._since += 1

    def end(self, file: BinaryIO) -> int:
        """Writes it all, and returns how many bytes that was."""
        tail = struct.pack(f"<{len(self._restarts) + 1}IB", *self._restarts, len(self._restarts), 0)
        crc = 0
        for part in (*self.parts, tail):
            crc = google_crc32c.extend(crc, bytes(part))
            file.write(part)
        file.write(struct.pack("<I", _masked(crc)))
        return self.size_whole + TRAILER


def _shared(a: bytes, b: bytes) -> int:
    for place, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return place
    return min(len(a), len(b))


def _between(last: bytes, following: bytes) -> bytes:
    """A short key from `last` on, before `following`."""
    place = _shared(last, following)
    if place < min(len(last), len(following)):
        byte = last[place]
        if byte < 0xFF and byte + 1 < following[place]:
            return last[:place] + bytes([byte + 1])
    return last


def _after(last: bytes) -> bytes:
    """A short key from `last` on."""
    for place, byte in enumerate(last):
        if byte != 0xFF:
            return last[:place] + bytes([byte + 1])
    return last
