"""Services that outlive who starts them: started, found again, followed and stopped.

Each has a supervisor, a small process that is the parent of the child. What it knows is in the
service's folder: who it is, and a journal of all that has come of the child. So whoever starts a
service may be killed, and another finds it by its folder.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import ame
from ame import errors, process
from ame.daemon.reports.messages import Ended
from ame.daemon.services import supervising
from ame.daemon.services.journal import NAME, Journal, Reader, Record, last
from ame.daemon.services.service import Service, marker
from ame.daemon.services.watch import Watch

_BOOT = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from ame.daemon.services import supervising
supervising.main()
"""
_PATIENCE = 60.0
"""Seconds in which a supervisor that was killed is to be gone."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A service, for good: `str` and `parse` are inverse."""

    identity: process.Identity
    """Of the supervisor."""
    folder: Path

    def __str__(self) -> str:
        return f"{self.identity} {self.folder}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The reference that was written.

        Raises:
            errors.NotAnIdentity: it is none.

        """
        identity, _, folder = text.partition(" ")
        return cls(process.Identity.parse(identity), Path(folder))


def start(service: Service) -> Ref:
    """Starts a service, with a supervisor of its own.

    Raises:
        errors.ServiceRunning: one runs in its folder.
        errors.ServiceKept: its folder keeps what an earlier one has said.
        errors.ServiceUnstarted: the program cannot be run, or the machine has no room.

    """
    folder = service.folder.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = find(folder)
    if there is not None:
        raise (errors.ServiceRunning if there.alive else errors.ServiceKept)(folder)
    started = subprocess.run(program(), input=service.write(), capture_output=True, check=False)
    said, _, rest = started.stdout.decode().partition(" ")
    if said != "started":
        why = rest or started.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise errors.ServiceUnstarted(folder, why or "its supervisor was killed")
    return Ref(process.Identity.parse(rest), folder)


def program() -> list[str]:
    """What starts a supervisor, which reads from standard input what it is to keep."""
    # Nothing but the standard library and what stands beside this file: quick, and small.
    return [sys.executable, "-I", "-S", "-c", _BOOT, str(Path(ame.__file__).parent.parent)]


def find(where: Ref | Path) -> "Supervised | None":
    """The service that was started there, whether it still runs or not; None when none was."""
    folder = where.folder if isinstance(where, Ref) else where.absolute()
    try:
        identity = process.Identity.parse((folder / supervising.IDENTITY).read_text("ascii"))
    except FileNotFoundError:
        return None
    ref = Ref(identity, folder)
    return Supervised(ref) if where in (ref, folder) else None


class Supervised:
    """A service that was started."""

    def __init__(self, ref: Ref) -> None:
        self.ref = ref
        self._journal = ref.folder / NAME

    @property
    def alive(self) -> bool:
        """Whether its supervisor runs; when it does not, the child does not either, or soon."""
        return process.alive(self.ref.identity)

    def ended(self) -> Ended | None:
        """How it ended; None while it goes."""
        if not self.alive:
            self._bury()
        message = last(self._journal)
        return message if isinstance(message, Ended) else None

    def messages(self, after: int = 0) -> Iterator[Record]:
        """All records behind that number, as they come; the last is an `Ended`, always."""
        follower = self.follow(after)
        with Watch() as watch:
            follower.join(watch, "")
            while True:
                yield from follower.new()
                if follower.ended:
                    return
                watch.wait()

    def follow(self, after: int = 0) -> "Follower":
        """For who follows several services at once, with one `Watch`."""
        return Follower(self, after)

    def ask(self) -> None:
        """Asks the supervisor to stop the child: TERM, and KILL after the service's grace."""
        self._signal(signal.SIGTERM)

    def stop(self, within: float = 60.0) -> Ended:
        """Stops the child and all that it started, and waits until they are gone.

        A supervisor that has not done so within so many seconds, since it is halted itself, is
        killed; the service is `lost` then, and its child ended all the same.
        """
        self.ask()
        end = time.monotonic() + within
        with Watch() as watch:
            watch.add("", self.ref.folder, self.ref.identity)
            while self.alive:
                watch.wait(max(end - time.monotonic(), 0.1))
                if time.monotonic() > end:
                    self._signal(signal.SIGKILL)
        ended = self.ended()
        assert ended is not None
        return ended

    def _signal(self, number: signal.Signals) -> None:
        """Sends a signal to the supervisor and to no other process that has its number now."""
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(self.ref.identity.pid)
            try:
                if self.alive:
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)

    def _bury(self) -> None:
        """Ends what a supervisor that was killed left running, and writes that it is lost."""
        folder = self.ref.folder
        end = time.monotonic() + _PATIENCE
        while (held := supervising.lock(folder)) is None:
            if time.monotonic() > end:
                raise errors.ServiceRunning(folder)
            time.sleep(0.01)  # another is about to do the same
        try:
            if isinstance(last(self._journal), Ended):
                return
            process.sweep(marker(folder))
            lost = Ended(code=None, cause="lost", at=datetime.now(UTC))
            with Journal(self._journal) as journal:
                journal.append([(lost.at.timestamp(), lost)])
        finally:
            os.close(held)


class Follower:
    """The records of one service, in order, each once."""

    def __init__(self, supervised: Supervised, after: int) -> None:
        self._supervised = supervised
        self._reader = Reader(supervised.ref.folder / NAME, after)
        self.ended = False
        """Whether the `Ended` was among those that were given."""

    def join(self, watch: Watch, name: str) -> None:
        """Has `watch` tell by that name when there may be something new."""
        ref = self._supervised.ref
        watch.add(name, ref.folder, ref.identity)

    def new(self) -> list[Record]:
        """What has come since; waits for nothing.

        When the supervisor was killed, ends what it left running, and an `Ended` that says `lost`
        is among them.
        """
        gone = not self._supervised.alive
        records = list(self._reader.read())
        if gone and not self._ends(records):
            self._supervised.ended()
            records += self._reader.read()
        self.ended = self.ended or self._ends(records)
        return records

    def _ends(self, records: list[Record]) -> bool:
        return self.ended or bool(records and isinstance(records[-1].message, Ended))
