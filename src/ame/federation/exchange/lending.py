"""Memory for replies: a worker lends it to the process that leads, which gives it back.

What was written before costs a third of new memory to write, and half to read: its pages are there.
"""

from __future__ import annotations

import itertools
import mmap
import os
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from ame.federation.exchange import memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ame.federation.exchange import codec

LARGEST = 64 << 20
"""Bytes of a reply whose memory is not used again, so that no worker keeps that much."""
SPARE = 64 << 20
"""Bytes, for each worker, of memory that is kept to be used again."""
PIECES = 64
"""How much of a worker's memory is lent at a time: each takes a descriptor. What is more is copied,
as where somebody keeps the replies of very many sites."""


class Lender:
    """A worker's memory."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._lent: dict[int, int | mmap.mmap] = {}
        """A descriptor, or a mapping once it came back."""
        self._free: dict[int, mmap.mmap] = {}

    def write(self, encoded: codec.Encoded) -> tuple[int, int]:
        """The number of memory that holds the arrays now, and its descriptor if it is new, or -1.

        The descriptor of number 0 is the caller's: that memory is not given back.
        """
        if encoded.size > LARGEST:
            return 0, memory.keep(encoded)
        # The last that came back is the likeliest to be in the processor's cache.
        for number, there in reversed(self._free.items()):
            if encoded.size <= len(there) <= 2 * encoded.size:
                encoded.write(there)
                self._lent[number] = self._free.pop(number)
                return number, -1
        number = next(self._numbers)
        descriptor = self._lent[number] = memory.keep(encoded)
        return number, descriptor

    def take_back(self, kept: Iterable[int], dropped: Iterable[int]) -> None:
        """Nobody reads that memory any more; some of it is to be kept."""
        for number in kept:
            there = self._lent.pop(number)
            self._free[number] = there if isinstance(there, mmap.mmap) else _mapped(there)
        for number in dropped:
            there = self._lent.pop(number)
            if not isinstance(there, mmap.mmap):
                os.close(there)


class Borrowed:
    """The memory of one worker's replies, as the process that leads has it."""

    def __init__(self) -> None:
        self._there: dict[int, mmap.mmap] = {}
        self._read: dict[int, weakref.ref[Any]] = {}
        self._back: deque[int] = deque()
        self._copied: list[int] = []
        self._spare = 0

    def view(self, number: int, size: int, descriptor: int | None = None) -> codec.Buffer:
        """Its first bytes. When nothing that is made of them is left, it is given back."""
        if descriptor is None:
            there = self._there[number]
            self._spare -= len(there)
        elif not number:
            return _mapped(descriptor)
        elif len(self._there) >= PIECES:
            self._copied.append(number)
            return _copied(descriptor, size)
        else:
            there = self._there[number] = _mapped(descriptor)
        whole = np.frombuffer(there, np.uint8, size)
        self._read[number] = weakref.ref(whole, lambda _: self._back.append(number))
        return whole.data

    def give_back(self) -> tuple[list[int], list[int]] | None:
        """What is read no more, to be kept and to be dropped; None if there is nothing."""
        if not (self._back or self._copied):
            return None
        kept: list[int] = []
        dropped, self._copied = self._copied, []
        while self._back:
            number = self._back.popleft()
            del self._read[number]
            size = len(self._there[number])
            if self._spare + size <= SPARE:
                self._spare += size
                kept.append(number)
            else:
                del self._there[number]
                dropped.append(number)
        return kept, dropped


def _copied(descriptor: int, size: int) -> bytearray:
    """The first bytes; the descriptor is used up."""
    made = bytearray(size)
    try:
        os.preadv(descriptor, [made], 0)
    finally:
        os.close(descriptor)
    return made


def _mapped(descriptor: int) -> mmap.mmap:
    """All of it; the descriptor is used up."""
    try:
        return mmap.mmap(descriptor, 0)
    finally:
        os.close(descriptor)
