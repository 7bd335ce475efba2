"""Leases on this machine in a SQLite file, for all processes of its user."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event, Lock
from time import monotonic
from typing import Any

from ame.runs import leases
from ame.storage.sqlite.bound import Connection
from ame.storage.sqlite.connections import MIGRATIONS, Connections

_POLL = 0.01
"""Seconds between two looks at what other processes did."""
_FOLLOW = 0.03
"""Seconds after which a waiting thread sees that none of its process looks any more."""
_DEAD = 1.0
"""Seconds between two looks for holders that have died."""
_CONSIDERED = 100
"""How many of those who wait may be served at a time."""


class _Waiter:
    """A thread that waits, and what it got."""

    def __init__(self) -> None:
        self.woken = Event()
        self.lease: leases.Lease | None = None


class Database:
    """Leases kept in a file. It promises what `leases.Leases` and `Connections` do.

    A process that releases gives to those who wait, in the same transaction. Of the threads of a
    process that wait, one looks every 10 ms whether another process gave them something.
    """

    def __init__(
        self, path: Path, capacity: leases.Capacity, *, alive: Callable[[str], bool]
    ) -> None:
        """`alive` tells whether a holder still is."""
        self._file = Connections(path, MIGRATIONS / "leases")
        self._capacity = capacity
        self._alive = alive
        self._waiters: dict[int, _Waiter] = {}
        self._looking = Lock()
        self._buried = 0.0

    def take(self, claim: leases.Claim, *, holder: str, now: datetime) -> leases.Lease | None:
        self._capacity.check(claim)
        lease = self._try(claim, holder, now)
        if lease is None and self._bury(now):
            lease = self._try(claim, holder, now)
        return lease

    def wait(
        self,
        claim: leases.Claim,
        *,
        holder: str,
        now: datetime,
        timeout: float | None = None,
        cancel: Event | None = None,
    ) -> leases.Lease | None:
        self._capacity.check(claim)
        start = monotonic()
        waiter = _Waiter()
        with self._file.write() as connection:
            number = _ask(connection, claim, holder, now)
            self._waiters[number] = waiter
            given = _grant(connection, self._capacity, now)
        self._wake(given)
        try:
            while not waiter.woken.is_set():
                passed = monotonic() - start
                if (timeout is not None and passed >= timeout) or (cancel and cancel.is_set()):
                    break
                self._look(waiter, now + timedelta(seconds=passed))
        finally:
            del self._waiters[number]
            if waiter.lease is None:
                self._withdraw(number, now)
        return waiter.lease

    def release(self, lease: leases.Lease, *, now: datetime) -> None:
        self._withdraw(lease.number, now)

    def awaited(self, *, but: str) -> bool:
        query = "SELECT 1 FROM lease WHERE ids IS NULL AND holder != ? LIMIT 1"
        with self._file.read() as connection:
            return connection.execute(query, (but,)).fetchone() is not None

    def held(self) -> tuple[leases.Lease, ...]:
        with self._file.read() as connection:
            found = connection.execute(f"{_LEASE} WHERE ids IS NOT NULL ORDER BY number").fetchall()
        return tuple(map(_lease_of, found))

    def close(self) -> None:
        self._file.close()

    def _try(self, claim: leases.Claim, holder: str, now: datetime) -> leases.Lease | None:
        with self._file.write() as connection:
            number = _ask(connection, claim, holder, now)
            given = _grant(connection, self._capacity, now)
            if number not in given:
                connection.execute("DELETE FROM lease WHERE number = ?", (number,))
        self._wake(given)
        return given.get(number)

    def _withdraw(self, number: int, now: datetime) -> None:
        with self._file.write() as connection:
            connection.execute("DELETE FROM lease WHERE number = ?", (number,))
            given = _grant(connection, self._capacity, now)
        self._wake(given)

    def _wake(self, given: dict[int, leases.Lease]) -> None:
        for number, lease in given.items():
            waiter = self._waiters.get(number)
            if waiter is not None:
                waiter.lease = lease
                waiter.woken.set()

    def _look(self, waiter: _Waiter, now: datetime) -> None:
        """Waits a little; one thread of the process sees for all whether others gave something."""
        if not self._looking.acquire(blocking=False):
            waiter.woken.wait(_FOLLOW)
            return
        try:
            if not waiter.woken.wait(_POLL):
                with self._file.read() as connection:
                    since = f"{_LEASE} WHERE number >= ? AND ids IS NOT NULL"
                    found = connection.execute(since, (min(self._waiters),)).fetchall()
                self._wake({row[0]: _lease_of(row) for row in found})
            if monotonic() - self._buried >= _DEAD:
                self._buried = monotonic()
                self._bury(now)
        finally:
            self._looking.release()

    def _bury(self, now: datetime) -> bool:
        """Drops what the dead hold and wait for. Whether there was any."""
        with self._file.read() as connection:
            holders = connection.execute("SELECT DISTINCT holder FROM lease").fetchall()
        dead = [(holder,) for (holder,) in holders if not self._alive(holder)]
        if dead:
            with self._file.write() as connection:
                connection.executemany("DELETE FROM lease WHERE holder = ?", dead)
                given = _grant(connection, self._capacity, now)
            self._wake(given)
        return bool(dead)


_LEASE = "SELECT number, holder, cpu, memory, storage, gpus, ids, since FROM lease"


def _ask(connection: Connection, claim: leases.Claim, holder: str, now: datetime) -> int:
    """Puts the claim at the end of the queue; returns its number."""
    number = connection.execute(
        "INSERT INTO lease (holder, since, cpu, memory, storage, gpus) VALUES (?, ?, ?, ?, ?, ?)",
        (holder, now.timestamp(), str(claim.cpu), claim.memory, claim.storage, claim.gpus),
    ).lastrowid
    assert number is not None
    return number


def _grant(
    connection: Connection, capacity: leases.Capacity, now: datetime
) -> dict[int, leases.Lease]:
    """Gives what can be given to those who wait."""
    found = connection.execute(
        f"{_LEASE} WHERE ids IS NOT NULL OR number IN "
        "(SELECT number FROM lease WHERE ids IS NULL ORDER BY number LIMIT ?) ORDER BY number",
        (_CONSIDERED,),
    ).fetchall()
    held = [_lease_of(row) for row in found if row[6] is not None]
    asked = [
        leases.Asked(
            number=row[0],
            holder=row[1],
            claim=_claim_of(row),
            since=datetime.fromtimestamp(row[7], UTC),
        )
        for row in found
        if row[6] is None
    ]
    given = leases.grant(capacity, held, asked, now=now)
    connection.executemany(
        "UPDATE lease SET ids = ? WHERE number = ?",
        [(json.dumps(lease.gpus), lease.number) for lease in given],
    )
    return {lease.number: lease for lease in given}


def _lease_of(row: Sequence[Any]) -> leases.Lease:
    return leases.Lease(
        number=row[0], holder=row[1], claim=_claim_of(row), gpus=tuple(json.loads(row[6]))
    )


def _claim_of(row: Sequence[Any]) -> leases.Claim:
    return leases.Claim(cpu=Decimal(row[2]), memory=row[3], storage=row[4], gpus=row[5])
