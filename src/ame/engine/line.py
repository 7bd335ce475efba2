"""The line in which a run's steps wait for what they need of the machine."""

import itertools
from collections import deque
from collections.abc import Set
from datetime import UTC, datetime
from threading import Event
from time import monotonic

from ame.runs import leases

_AT_ONCE = 64
"""Steps that one run has going at the same time, at most."""
_MOMENT = 0.02
"""Seconds after which it is asked again whether another run waits: many steps are over sooner."""
Served = tuple[str, leases.Lease]
"""A step that may begin, and what it holds from now on."""


class Line:
    """The steps of one run that are ready, each until it gets its lease.

    Only `wait` may be called by several threads at once.
    """

    def __init__(self, kept: leases.Leases, *, holder: str) -> None:
        """`holder`: who takes leases, as `leases.Leases` knows it."""
        self._leases = kept
        self._holder = holder
        self._came = itertools.count()
        self._ready: dict[leases.Claim, deque[tuple[int, str]]] = {}
        """Who waits, by what they ask for; each with its place in the order."""
        self._served: list[Served] = []
        self._held = 0
        self._alone_until = 0.0
        """Until when it is taken that no other run waits."""
        self._spare: leases.Lease | None = None
        """What a step that has just ended has held."""
        self._awaited: leases.Claim | None = None
        """What is waited for among all runs; the first step that asks for that much will get it."""
        self._enough = Event()
        """Set when that is not needed any more."""

    @property
    def held(self) -> int:
        """How many steps have a lease."""
        return self._held

    def join(self, step: str, claim: leases.Claim) -> None:
        """Puts a step at the end."""
        self._ready.setdefault(claim, deque()).append((next(self._came), step))

    def give_back(self, lease: leases.Lease) -> None:
        """Takes what a step has held; `serve` says who gets it."""
        self._held -= 1
        self._spare = lease

    def serve(self) -> list[Served]:
        """The steps that may begin now, in order.

        What was given back goes to the next of the line, if it asks for the same and no other run
        waits; else it is released.
        """
        if self._spare is not None:
            self._pass_on(self._spare)
            self._spare = None
        refused = {self._awaited}
        while self._held < _AT_ONCE and (claim := self._first(but=refused)) is not None:
            lease = self._leases.take(claim, holder=self._holder, now=_now())
            if lease is None:
                refused.add(claim)
            else:
                self._give(lease)
        if self._awaited is not None and self._awaited not in self._ready:
            self._enough.set()
        served, self._served = self._served, []
        return served

    def lacking(self) -> leases.Claim | None:
        """What a thread is to `wait` for from now on; None if one does, or if nobody waits."""
        if self._awaited is not None or self._held >= _AT_ONCE:
            return None
        self._awaited = self._first()
        self._enough.clear()
        return self._awaited

    def wait(self, claim: leases.Claim) -> leases.Lease | None:
        """Waits in the line of all runs on this machine; None if it is not needed any more."""
        return self._leases.wait(claim, holder=self._holder, now=_now(), cancel=self._enough)

    def arrived(self, lease: leases.Lease | None) -> None:
        """Takes what `wait` has returned."""
        self._awaited = None
        if lease is not None and lease.claim in self._ready:
            self._give(lease)
        elif lease is not None:
            self._leases.release(lease, now=_now())

    def close(self) -> list[str]:
        """Sends home all that wait; returns them in order."""
        self._enough.set()
        waiting = sorted(place for steps in self._ready.values() for place in steps)
        self._ready.clear()
        return [step for _, step in waiting]

    def _pass_on(self, lease: leases.Lease) -> None:
        next_ = self._awaited in {None, lease.claim} and self._first() == lease.claim
        if next_ and not self._others_wait():
            self._give(lease)
        else:
            self._leases.release(lease, now=_now())

    def _others_wait(self) -> bool:
        """Whether another run waits, as it was known a moment ago."""
        if monotonic() < self._alone_until:
            return False
        if self._leases.awaited(but=self._holder):
            return True
        self._alone_until = monotonic() + _MOMENT
        return False

    def _first(self, *, but: Set[leases.Claim | None] = frozenset()) -> leases.Claim | None:
        """Of the claims of those who wait, the one that came first."""
        ready = [claim for claim in self._ready if claim not in but]
        return min(ready, key=lambda claim: self._ready[claim][0], default=None)

    def _give(self, lease: leases.Lease) -> None:
        """To the first of the steps that ask for that much."""
        waiting = self._ready[lease.claim]
        _, step = waiting.popleft()
        if not waiting:
            del self._ready[lease.claim]
        self._served.append((step, lease))
        self._held += 1


def _now() -> datetime:
    return datetime.now(UTC)
