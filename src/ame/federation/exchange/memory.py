"""The arrays of a value in memory that is handed to other processes, which map it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import numpy as np

from ame.federation.exchange import codec

if TYPE_CHECKING:
    from collections.abc import Iterator

_PADDING = memoryview(bytes(codec.ALIGNED))
_AT_ONCE = 1 << 30
"""Bytes, and pieces, that the kernel writes at a time."""
_PIECES = 1000


def keep(encoded: codec.Encoded) -> int:
    """A descriptor of memory in which the arrays lie as `Encoded.write` puts them; the caller's.

    To have the kernel write them takes half of writing to a new mapping.

    Raises:
        OSError: there is no room.

    """
    memory = os.memfd_create("arrays", os.MFD_CLOEXEC)
    try:
        os.ftruncate(memory, encoded.size)
        offset = 0
        for pieces in _pieces(encoded):
            _write(memory, pieces, offset)
            offset += sum(map(len, pieces))
    except BaseException:
        os.close(memory)
        raise
    return memory


def _write(memory: int, pieces: list[memoryview], offset: int) -> None:
    if os.pwritev(memory, pieces, offset) < sum(map(len, pieces)):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _pieces(encoded: codec.Encoded) -> Iterator[list[memoryview]]:
    """All bytes in order, as many as are written at a time."""
    pieces: list[memoryview] = []
    size = offset = 0
    for array in encoded.arrays:
        raw = array.reshape(-1).view(np.uint8).data
        after = codec.after(offset, len(raw))
        parts = [raw[at : at + _AT_ONCE] for at in range(0, len(raw), _AT_ONCE)]
        for part in (*parts, _PADDING[: after - offset - len(raw)]):
            if len(pieces) == _PIECES or size + len(part) > _AT_ONCE:
                yield pieces
                pieces, size = [], 0
            if part:
                pieces.append(part)
                size += len(part)
        offset = after
    if pieces:
        yield pieces
