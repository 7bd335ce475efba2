"""What a process has written to of memory that it maps privately.

The kernel tells it of all pages, and since Linux 6.7 by `PAGEMAP_SCAN` of the first, which takes a
third of the time: see its documentation, `admin-guide/mm/pagemap`, and `linux/fs.h`.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct

import numpy as np

_TOLD = "/proc/self/pagemap"
_SCAN = 0xC0606610
_OF_FILE, _PRESENT, _SWAPPED = 4, 8, 16
_ASKED = struct.Struct("12Q")
_UPPER = 61
"""Above this bit it says of a page that it is of a file (1), swapped (2), present (4)."""


class Pages:
    """Those of this process."""

    def __init__(self) -> None:
        """Opens what tells of them.

        Raises:
            OSError: there is nothing, or this process may not know.
        """
        self._file = os.open(_TOLD, os.O_RDONLY | os.O_CLOEXEC)
        self._found = np.zeros(3, np.uint64)
        self._scans = True

    def written(self, address: int, size: int) -> bool:
        """Whether a page there is not the mapped file's any more, but the process's own."""
        start = address // mmap.PAGESIZE * mmap.PAGESIZE
        end = -(-(address + size) // mmap.PAGESIZE) * mmap.PAGESIZE
        if self._scans:
            try:
                return self._scan(start, end)
            except OSError:
                self._scans = False
        return self._read(start, end)

    def close(self) -> None:
        """Nothing is asked any more."""
        os.close(self._file)

    def _scan(self, start: int, end: int) -> bool:
        there = _PRESENT | _SWAPPED
        asked = _ASKED.pack(
            _ASKED.size, 0, start, end, 0, self._found.ctypes.data, 1, 1,
            _OF_FILE, _OF_FILE, there, there,
        )  # fmt: skip
        count: int = fcntl.ioctl(self._file, _SCAN, bytearray(asked))
        return count > 0

    def _read(self, start: int, end: int) -> bool:
        count = (end - start) // mmap.PAGESIZE
        said = os.pread(self._file, 8 * count, start // mmap.PAGESIZE * 8)
        known = np.frombuffer(said, np.uint64) >> _UPPER
        return len(known) < count or bool(((known > 1) & (known % 2 == 0)).any())
