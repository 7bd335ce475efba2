"""Limits held without the kernel's help: by looking at the tree, stopping it, measuring a folder.

No look takes more than a twentieth of the time, however large the tree or the folder.
"""

import os
import time
from collections.abc import Iterator
from signal import SIGCONT, SIGSTOP

from ame.process import tree

EVERY = 0.1
"""Seconds between two looks."""
_SHARE = 20
_PAGE = os.sysconf("SC_PAGE_SIZE")
_FILES = 2000
"""How many files are measured before other events are seen to."""


class Use:
    """What a tree uses of memory and CPU, and the pauses that keep it within its CPUs."""

    def __init__(self, root: int, *, memory: int | None, cpu: float | None, now: float) -> None:
        """`root` is the process below which the tree is, itself left out."""
        self._root = root
        self._memory = memory
        self._cpu = cpu
        self._seconds = 0.0
        self._since = now
        self._credit = 0.0
        self._stopped = False
        self.peak = 0
        looks = memory is not None or cpu is not None
        self._swap = looks and _machine_swaps()
        self.next = now + EVERY if looks else float("inf")

    def look(self, reaped: float, now: float) -> bool:
        """Looks once; whether the tree is over its memory. `reaped`: CPU seconds of the dead."""
        entries = tree.below(self._root)
        used = sum(entry.pages for entry in entries) * _PAGE
        if self._swap:
            used += sum(_sizes(f"/proc/{entry.pid}/status", b"VmSwap:") for entry in entries)
        if self._memory is not None and used > self._memory:
            # Pages that several processes share were counted for each: now exactly.
            used = sum(_proportional(entry) for entry in entries)
        self.peak = max(self.peak, used)
        over = self._memory is not None and used > self._memory
        if self._cpu is not None and not over:
            self._pace(entries, reaped + sum(entry.seconds for entry in entries), now)
        self.next = now + max(EVERY, _SHARE * (time.monotonic() - now))
        return over

    def release(self) -> None:
        """Lets go of the tree: it runs, and is looked at no more."""
        self.next = float("inf")
        if self._stopped:
            self._stopped = False
            tree.signal(tree.below(self._root), SIGCONT)

    def _pace(self, entries: list[tree.Entry], seconds: float, now: float) -> None:
        assert self._cpu is not None
        spent, self._seconds = max(seconds - self._seconds, 0.0), max(seconds, self._seconds)
        self._credit += self._cpu * (now - self._since) - spent
        self._credit = min(self._credit, self._cpu * EVERY)
        self._since = now
        if self._credit < 0:
            self._stopped = True
            tree.signal(entries, SIGSTOP)
        elif self._stopped:
            self._stopped = False
            tree.signal(entries, SIGCONT)


class Size:
    """What a folder takes on the disk, measured over and over, a part at a time."""

    def __init__(self, folder: bytes, most: int, *, now: float) -> None:
        self._folder = folder
        self._most = most
        self._walk: Iterator[int] | None = None
        self._began = now
        self.next = now + EVERY

    def look(self, now: float) -> bool:
        """Measures on for a while; whether the folder was found to be over its limit."""
        if self._walk is None:
            self._walk = _measure(self._folder)
            self._began = now
        for size in self._walk:
            self.next = now
            return size > self._most
        self._walk = None
        self.next = now + max(EVERY, _SHARE * (time.monotonic() - self._began))
        return False

    def over(self) -> bool:
        """Measures all of it now; whether it is over its limit."""
        return any(size > self._most for size in _measure(self._folder))


def _measure(folder: bytes) -> Iterator[int]:
    """Bytes on the disk under a folder: the sum so far, every so many files, and at the end."""
    total = seen = 0
    linked: set[tuple[int, int]] = set()
    ahead = [folder]
    while ahead:
        try:
            entries = list(os.scandir(ahead.pop()))
        except OSError:  # gone or closed meanwhile; the disk's own faults meet the step itself
            continue
        for entry in entries:
            try:
                stat = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    ahead.append(entry.path)
            except OSError:
                continue
            seen += 1
            if stat.st_nlink == 1 or (stat.st_dev, stat.st_ino) not in linked:
                total += stat.st_blocks * 512
            if stat.st_nlink > 1:
                linked.add((stat.st_dev, stat.st_ino))
            if seen % _FILES == 0:
                yield total
    yield total


def _proportional(entry: tree.Entry) -> int:
    """Bytes of a process in memory and in swap, its share of what it shares."""
    rollup = f"/proc/{entry.pid}/smaps_rollup"
    return _sizes(rollup, b"Pss:", b"SwapPss:")


def _sizes(path: str, *names: bytes) -> int:
    """The sum in bytes of the named lines of a file of /proc that counts in KiB."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return sum(int(line.split()[1]) for line in file if line.startswith(names)) * 1024
    except tree.GONE:
        return 0


def _machine_swaps() -> bool:
    with open("/proc/swaps", "rb") as file:  # noqa: PTH123
        return len(file.readlines()) > 1
