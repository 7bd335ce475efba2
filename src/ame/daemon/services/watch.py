"""Waiting until files are written to, or processes end: many of both at once, without looking."""

import ctypes
import os
import select
from pathlib import Path
from typing import Self

from ame import process

_IN_MODIFY = 0x2
_PIECE = 1 << 16


class Watch:
    """Tells of pairs of a file or a folder and the process that writes there which have changed.

    The kernel tells: the files by inotify, the processes by their descriptors.
    """

    def __init__(self) -> None:
        """Raises OSError when the kernel gives no more of either."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._inotify = self._call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._inotify, select.POLLIN)
        self._files: dict[int, str] = {}
        self._processes: dict[int, str] = {}
        self._gone: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Watches no more."""
        for descriptor in (self._inotify, *self._processes):
            os.close(descriptor)
        self._processes.clear()

    def add(self, name: str, place: Path, identity: process.Identity) -> None:
        """Watches these two under that name."""
        watched = self._call("inotify_add_watch", self._inotify, os.fsencode(place), _IN_MODIFY)
        self._files[watched] = name
        try:
            descriptor = os.pidfd_open(identity.pid)
        except ProcessLookupError:
            self._gone.add(name)
            return
        if not process.alive(identity):  # another has its number
            os.close(descriptor)
            self._gone.add(name)
            return
        self._processes[descriptor] = name
        self._poll.register(descriptor, select.POLLIN)

    def remove(self, name: str) -> None:
        """Watches those two no more."""
        self._gone.discard(name)
        for watched in [each for each, owner in self._files.items() if owner == name]:
            del self._files[watched]
            self._libc.inotify_rm_watch(self._inotify, watched)
        for descriptor in [each for each, owner in self._processes.items() if owner == name]:
            self._drop(descriptor)

    def wait(self, timeout: float | None = None) -> set[str]:
        """The names of those that have changed since the last call, or do within so many seconds.

        The end of a process is told once.
        """
        changed, self._gone = self._gone, set()
        pause = 0.0 if changed else timeout
        for descriptor, _ in self._poll.poll(None if pause is None else pause * 1000):
            if descriptor == self._inotify:
                changed |= self._written()
            else:
                changed.add(self._processes[descriptor])
                self._drop(descriptor)
        return changed

    def _written(self) -> set[str]:
        events = os.read(self._inotify, _PIECE)
        found: set[str] = set()
        at = 0
        while at < len(events):
            watched = int.from_bytes(events[at : at + 4], "little", signed=True)
            named = int.from_bytes(events[at + 12 : at + 16], "little")
            at += 16 + named
            if watched == -1:  # there were more than the kernel keeps
                return set(self._files.values())
            if watched in self._files:
                found.add(self._files[watched])
        return found

    def _drop(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        del self._processes[descriptor]
        os.close(descriptor)

    def _call(self, name: str, *arguments: object) -> int:
        result: int = getattr(self._libc, name)(*arguments)
        if result < 0:
            raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
        return result
