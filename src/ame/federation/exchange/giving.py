"""What a worker is handed once for many of its sites, each of which may write to what it gets.

Sites map a sheet: memory of the worker's own, which is there once for all that only read. The
kernel takes as long to make a mapping as to copy all that it shows; so one that comes back as it
was goes out again, and a sheet is written anew for a later round, once nobody has a mapping of it.
Of what a site writes to, the kernel makes copies, page by page, at eight times the cost of a whole
one: when it is seen that a site did, all get whole ones.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ame.federation.exchange.pages import Pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from ame.federation.exchange import codec

ROOM = 256 << 20
"""Bytes of sheets, and of copies that the sites of a worker hold, at a time. What is more is mapped
where it came in, and costs no memory where it is not written to."""
MAPPINGS = 1 << 13
"""How many sites may have mappings of a sheet; a process may have eight times as many."""
_BOTH = mmap.PROT_READ | mmap.PROT_WRITE


class Body:
    """The arrays of a value, in memory whose descriptor is used up here."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._sheet: Sheet | None = None
        self._whole: np.ndarray[Any, Any] | None = None

    def own(self, room: Room) -> codec.Buffer:
        """It all, for one site alone."""
        room.tidy()
        if self._sheet is None:
            self._sheet = room.sheet(self._descriptor, self._size)
        mine = room.mapping(self._sheet) if self._sheet is not None else None
        if mine is not None:
            return mine
        there = room.take(self._size)
        if there is None:
            return mmap.mmap(self._descriptor, self._size, mmap.MAP_PRIVATE, _BOTH)
        if self._whole is None:
            mapped = mmap.mmap(self._descriptor, self._size, prot=mmap.PROT_READ)
            self._whole = np.frombuffer(mapped, np.uint8)
        np.frombuffer(there, np.uint8)[:] = self._whole
        return there

    def close(self) -> None:
        """No site gets it any more."""
        os.close(self._descriptor)
        if self._sheet is not None:
            self._sheet.shown = False


class Sheet:
    """Memory that many sites map, each for itself."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.shown = True
        """Whether sites may still come for what it holds."""
        self.out = 0
        """How many of them have a mapping."""
        self.forked = False
        """Whether a process that came of this one may have mappings, and nobody knows how long."""
        self._free: list[mmap.mmap] = []
        self._descriptor = os.memfd_create("sheet", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        os.ftruncate(self._descriptor, size)
        self._whole = mmap.mmap(self._descriptor, size)

    @property
    def idle(self) -> bool:
        """Whether nobody needs what it holds."""
        return not (self.shown or self.out)

    def fill(self, descriptor: int) -> None:
        """Holds what that memory does."""
        os.preadv(descriptor, [self._whole], 0)
        self.shown = True

    def mapping(self) -> mmap.mmap | None:
        """One for a site; None if there are too many."""
        if self.out >= MAPPINGS:
            return None
        self.out += 1
        if self._free:
            return self._free.pop()
        return mmap.mmap(self._descriptor, self.size, mmap.MAP_PRIVATE, _BOTH)

    def back(self, mapping: mmap.mmap, *, written: bool) -> None:
        """A site has one no more."""
        self.out -= 1
        if not written:
            self._free.append(mapping)


class Room:
    """Memory for what sites are given; it knows what of it is still held."""

    def __init__(self, size: int = ROOM) -> None:
        self._free = size
        self._sheets: list[Sheet] = []
        self._held: dict[int, weakref.ref[Any]] = {}
        self._back: deque[tuple[int, Callable[[], None]]] = deque()
        """What was let go of, which any thread may do, and what is to be done then."""
        self._count = 0
        self._pages: Pages | None = None
        """None where sites are given copies."""
        try:
            self._pages = Pages()
        except OSError:
            return
        forking = weakref.WeakMethod(self._forking)
        os.register_at_fork(before=lambda: (note := forking()) and note())

    def tidy(self) -> None:
        """Sees to what was let go of."""
        while self._back:
            number, deed = self._back.popleft()
            del self._held[number]
            deed()

    def take(self, size: int) -> codec.Buffer | None:
        """Memory for a copy; None if there is no room."""
        if size > self._free:
            return None
        self._free -= size
        return self._hold(np.empty(size, np.uint8), partial(self._regain, size))

    def sheet(self, descriptor: int, size: int) -> Sheet | None:
        """One that holds what that memory does; None if there is to be none."""
        idle = [each for each in self._sheets if each.idle]
        if self._pages is not None:
            for each in idle:
                if each.size == size and not each.forked:
                    each.fill(descriptor)
                    return each
        for each in idle:
            self._sheets.remove(each)
            self._regain(each.size)
        if self._pages is None or size > self._free:
            return None
        made = Sheet(size)
        made.fill(descriptor)
        self._sheets.append(made)
        self._free -= size
        return made

    def mapping(self, sheet: Sheet) -> codec.Buffer | None:
        """What a sheet holds, for one site; None if too many have it, or sites write to it."""
        mapping = sheet.mapping() if self._pages is not None else None
        if mapping is None:
            return None
        whole = np.frombuffer(mapping, np.uint8)
        return self._hold(whole, partial(self._take_back, sheet, mapping))

    def _hold(self, made: np.ndarray[Any, Any], deed: Callable[[], None]) -> codec.Buffer:
        """Its bytes. When nothing is left that is made of them, something is to be done."""
        self._count += 1
        noted = (self._count, deed)
        self._held[self._count] = weakref.ref(made, lambda _: self._back.append(noted))
        return made.data

    def _take_back(self, sheet: Sheet, mapping: mmap.mmap) -> None:
        """Takes a mapping back. After one that was written to no site gets any more."""
        written = True
        if self._pages is not None:
            address = np.frombuffer(mapping, np.uint8).ctypes.data
            written = self._pages.written(address, sheet.size)
            if written:
                self._pages.close()
                self._pages = None
        sheet.back(mapping, written=written)

    def _regain(self, size: int) -> None:
        self._free += size

    def _forking(self) -> None:
        for each in self._sheets:
            each.forked = True
