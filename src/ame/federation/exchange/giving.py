"""What a worker is handed once for many of its sites, each of which may write to what it gets.

To map it anew for a site makes the kernel put in a page at a time what the site reads, and copy it
a page at a time where the site writes. To copy all of it into memory that other sites are done with
costs half of the one, and an eighth of the other.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ame.federation.exchange import codec

ROOM = 256 << 20
"""Bytes of copies that the sites of a worker hold at a time; what is more is mapped, and costs no
memory where it is not written to."""


class Body:
    """The arrays of a value, in memory whose descriptor is used up here."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._whole: np.ndarray[Any, Any] | None = None

    def own(self, room: Room) -> codec.Buffer:
        """It all, for one site alone."""
        there = room.take(self._size)
        if there is None:
            either = mmap.PROT_READ | mmap.PROT_WRITE
            return mmap.mmap(self._descriptor, self._size, mmap.MAP_PRIVATE, either)
        if self._whole is None:
            mapped = mmap.mmap(self._descriptor, self._size, prot=mmap.PROT_READ)
            self._whole = np.frombuffer(mapped, np.uint8)
        there[:] = self._whole
        return there.data

    def close(self) -> None:
        """No site gets it any more."""
        os.close(self._descriptor)


class Room:
    """For copies; it knows which of them are still held."""

    def __init__(self, size: int = ROOM) -> None:
        self._free = size
        self._held: dict[int, weakref.ref[Any]] = {}
        self._back: deque[tuple[int, int]] = deque()
        """What was let go of, which any thread may do."""
        self._count = 0

    def take(self, size: int) -> np.ndarray[Any, Any] | None:
        """Bytes that count until nothing is left that is made of them; None if there is no room."""
        while self._back:
            number, free = self._back.popleft()
            del self._held[number]
            self._free += free
        if size > self._free:
            return None
        made = np.empty(size, np.uint8)
        self._free -= size
        self._count += 1
        noted = (self._count, size)
        self._held[self._count] = weakref.ref(made, lambda _: self._back.append(noted))
        return made
