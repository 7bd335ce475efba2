"""One thread that hears what all services say, and keeps it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING

from ame import errors, process
from ame.daemon.records import Record, Seen, heard, told
from ame.daemon.reports import messages
from ame.daemon.services.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ame.daemon.services.journal import Record as Said
    from ame.daemon.services.supervisor import Follower, Supervised

LOG = logging.getLogger("ame.cloud")
RETRY = 1.0
"""Seconds after which it is tried again to keep what could not be kept."""


@dataclass(slots=True, kw_only=True)
class Followed:
    """A process that is listened to."""

    supervised: Supervised
    record: Record
    follower: Follower | None = None
    unkept: list[Said] = field(default_factory=list)
    """What was said and could not be kept yet."""

    @property
    def kept(self) -> int:
        """Up to which message all is kept."""
        raise NotImplementedError

    def keep(self, said: Sequence[Said]) -> None:
        """Keeps what was said. In the thread that hears."""
        raise NotImplementedError

    def end(self) -> None:
        """All that was said is kept, and nothing more comes. In the thread that hears."""
        raise NotImplementedError


@dataclass(slots=True, kw_only=True)
class Attempt(Followed):
    """An attempt of a service."""

    ended: Callable[[Seen], None]
    """Called once, in the thread that hears, when all that was said is kept."""
    finishing: Callable[[], None]
    """Called when it says that it has finished or failed: it may be ended then."""
    triggered: Callable[[int, messages.Triggered], None]
    """Called for each trigger, with the number of its message."""
    seen: Seen = field(default_factory=Seen)

    @property
    def kept(self) -> int:
        """See `Followed`."""
        return self.record.read

    def keep(self, said: Sequence[Said]) -> None:
        """See `Followed`."""
        lost = said[-1].number - self.record.read - len(said)
        note = [_let_go(lost)] if lost else []
        seen, batch = heard(self.seen, [*note, *(each.message for each in said)])
        for each in said:
            if isinstance(each.message, messages.Triggered):
                self.triggered(each.number, each.message)
        self.record.take(batch, said[-1].number)
        finishing = seen.over and not self.seen.over
        self.seen = seen
        if finishing:
            self.finishing()

    def end(self) -> None:
        """See `Followed`."""
        self.ended(self.seen)


def _let_go(lines: int) -> messages.Log:
    return messages.Log(stream="stdout", line=f"… {lines:,} lines came too fast, and were let go")


@dataclass(slots=True, kw_only=True)
class Trigger(Followed):
    """Code that a service asked for; what it says goes into the service's log."""

    key: str
    name: str
    ended: Callable[[], None]

    @property
    def kept(self) -> int:
        """See `Followed`."""
        return self.record.triggers.get(self.key, ("", 0))[1]

    def keep(self, said: Sequence[Said]) -> None:
        """See `Followed`."""
        lines = told(self.name, [each.message for each in said])
        self.record.add(lines, self.key, self.name, said[-1].number)

    def end(self) -> None:
        """See `Followed`."""
        self.record.add((), self.key)
        self.ended()


class Hearing:
    """Follows many services at once."""

    def __init__(self, folder: Path) -> None:
        """`folder` is for a file that wakes the thread."""
        folder.mkdir(parents=True, exist_ok=True)
        self._wake = folder / "wake"
        self._wake.touch()
        self._new: SimpleQueue[tuple[str, Followed]] = SimpleQueue()
        self._heard: dict[str, Followed] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._listen, name="hears services", daemon=True)
        self._thread.start()

    def add(self, name: str, followed: Followed) -> None:
        """Follows a process from behind what is kept of it, under a name of its own."""
        self._new.put((name, followed))
        self._rouse()

    def close(self) -> None:
        """Hears no more; what is said meanwhile is heard by the next one."""
        self._closing = True
        self._rouse()
        self._thread.join()

    def _rouse(self) -> None:
        self._wake.write_bytes(b".")

    def _listen(self) -> None:
        with Watch() as watch:
            watch.add("", self._wake, process.own_identity())
            while not self._closing:
                names = watch.wait(RETRY if any(each.unkept for each in self._all()) else None)
                names |= {run for run, each in self._heard.items() if each.unkept}
                while not self._new.empty():
                    run, added = self._new.get()
                    added.follower = added.supervised.follow(added.kept)
                    added.follower.join(watch, run)
                    self._heard[run] = added
                    names.add(run)
                for run in names & self._heard.keys():
                    self._hear(run, watch)

    def _all(self) -> list[Followed]:
        return list(self._heard.values())

    def _hear(self, run: str, watch: Watch) -> None:
        listened = self._heard[run]
        assert listened.follower is not None
        try:
            listened.unkept += listened.follower.new()
            if listened.unkept:
                listened.keep(listened.unkept)
                listened.unkept = []
        except (errors.Error, OSError):  # of this service alone, and tried again
            LOG.exception("what %s said could not be kept", run)
        if listened.follower.ended and not listened.unkept:
            watch.remove(run)
            del self._heard[run]
            listened.end()
