"""Noticing that the kernel ended a process of a container for want of memory.

Only that one process is gone then; the command may well go on, with half of its work not done.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ame import process

_AT_FIRST = 0.005
"""Seconds between two looks for a counter: a command may be over its memory at once, and gone."""
_EVERY = 0.02
"""Seconds between two looks at a counter."""


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


class CounterWatch:
    """Looks at the kernel's own counter, for Podman, which tells no such event."""

    def __init__(self, pid_file: Path) -> None:
        """`pid_file` holds the number of the container's first process, once it runs."""
        self._pid_file = pid_file
        self._closed = threading.Event()

    def follow(self, act: Callable[[], None]) -> None:
        """Calls `act` when the counter has left 0."""
        counter: Path | None = None
        while not self._closed.wait(_EVERY if counter else _AT_FIRST):
            try:
                counter = counter or _counter(int(self._pid_file.read_text()))
                counted = dict(line.split() for line in counter.read_text().splitlines())
            except (OSError, ValueError):
                continue
            if int(counted.get("oom_kill", "0")):
                act()
                return

    def close(self) -> None:
        """Looks no more."""
        self._closed.set()


def _counter(pid: int) -> Path:
    """The file in which the kernel counts, for the control group that a process is in."""
    groups = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    for _, controllers, path in groups:
        if "memory" in controllers.split(","):
            return Path(f"/sys/fs/cgroup/memory{path}/memory.oom_control")
    path = next(path for _, controllers, path in groups if not controllers)
    return Path(f"/sys/fs/cgroup{path}/memory.events")
