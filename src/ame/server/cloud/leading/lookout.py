"""Which managers of a database live. What is left of one that does not is given up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ame.server.cloud import ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from ame.server.cloud.ledger import Service
    from ame.storage.databases import Database, Rows

BEAT: Final = 10.0
"""Seconds after which a manager says again that it lives."""
LOST: Final = 60.0
"""Seconds of another's silence after which it is taken for dead."""


class Lookout:
    """Says that this manager lives, and watches the others: clocks need not agree."""

    def __init__(
        self, database: Database, machine: str, clock: Callable[[], float], lost: float = LOST
    ) -> None:
        self._database = database
        self._machine = machine
        self._clock = clock
        self._lost = lost
        self._said: float | None = None
        self._others: dict[str, tuple[float, float]] = {}
        """By machine: what it said last, and when that was first read here."""

    async def look(self) -> list[Service]:
        """The services of managers that were silent for too long; they hold nothing any more.

        Each is told once, to one of the managers.

        Raises:
            errors.DatabaseUnusable: the database cannot be reached. The others, whose word does
                not come through either, are given all their time again.
        """
        others, self._others = self._others, {}
        now = time.monotonic()
        if self._said is None or now - self._said >= BEAT:
            await self._database.do(self._say)
            self._said = now
        heard = await self._database.read(_said)
        for machine, said in heard.items():
            known, since = others.get(machine, (said, now))
            others[machine] = (said, since if known == said else now)
        self._others = {machine: others[machine] for machine in heard if machine != self._machine}
        silent = [
            (machine, said)
            for machine, (said, since) in self._others.items()
            if now - since >= self._lost
        ]
        if not silent:
            return []
        return await self._database.do(lambda rows: _given_up(rows, silent))

    def _say(self, rows: Rows) -> None:
        rows.execute(
            "INSERT INTO cloud_managers (machine, seen) VALUES (?, ?)"
            " ON CONFLICT (machine) DO UPDATE SET seen = excluded.seen",
            (self._machine, self._clock()),
        )


def _said(rows: Rows) -> dict[str, float]:
    return dict(rows.execute("SELECT machine, seen FROM cloud_managers"))


def _given_up(rows: Rows, silent: list[tuple[str, float]]) -> list[Service]:
    """Removes those that have not spoken since, with their services."""
    found: list[Service] = []
    for machine, said in silent:
        gone = rows.execute(
            "DELETE FROM cloud_managers WHERE machine = ? AND seen = ? RETURNING machine",
            (machine, said),
        )
        if gone:
            found += ledger.services(rows, machine)
    for service in found:
        ledger.end_service(rows, service.run)
    return found
