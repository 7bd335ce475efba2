"""Noticing that the kernel ended a process of a container for want of memory.

Only that one process is gone then; the command may well go on, with half of its work not done.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ame import process

_EVERY = 0.02
"""Seconds between two looks for a file."""


class Watch(Protocol):
    """Notices that a process of one container ran out of memory."""

    def follow(self, act: Callable[[], None]) -> None:
        """Calls `act` when it happens. Returns after that, or when the watch is closed."""

    def close(self) -> None:
        """Ends the watch. Idempotent."""


class EventWatch:
    """Listens to what the engine tells of a container: a client of Docker that prints events."""

    def __init__(self, listener: process.Child) -> None:
        self._listener = listener

    def follow(self, act: Callable[[], None]) -> None:
        """Calls `act` when the engine tells of it."""
        process.pump(self._listener, lambda _: act())
        self._listener.wait()

    def close(self) -> None:
        """Ends the client."""
        self._listener.end(0)


class FileWatch:
    """Looks for the file that Podman's monitor makes then, for Podman tells no such event."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._closed = threading.Event()

    def follow(self, act: Callable[[], None]) -> None:
        """Calls `act` when the file is there."""
        while not self._closed.wait(_EVERY):
            if self._file.exists():
                act()
                return

    def close(self) -> None:
        """Looks no more."""
        self._closed.set()
