"""The answers of calls, kept in one transaction with what the calls changed."""

from collections.abc import Callable
from time import time
from typing import Any

from ame.storage.databases import Database, Rows

KEPT_SECONDS = 7 * 86400
_EVERY = 1000
"""After so many calls, old answers are deleted."""


class Answers:
    """They lie in the database of what is changed, one of the schema `cloud`.

    A call is remembered for a week.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time) -> None:
        self._database = database
        self._clock = clock
        self._since = 0

    async def once(self, call: str, work: Callable[[Any], bytes]) -> bytes:
        """Does the work on `Rows` and keeps its answer, in one transaction; or returns that kept.

        Of two that come with the same call, in whatever processes, one does the work and both
        get its answer. An error of the work undoes it, is raised here, and nothing is kept.

        Raises:
            errors.DatabaseUnusable: the database cannot be reached or written.
        """
        now = self._clock()
        self._since += 1
        if self._since >= _EVERY:
            self._since = 0
            await self._database.do(lambda rows: _forget(rows, now - KEPT_SECONDS))
        return await self._database.do(lambda rows: _once(rows, call, work, now))


def _once(rows: Rows, call: str, work: Callable[[Any], bytes], now: float) -> bytes:
    """The row is taken first: another transaction with the same call waits for the end of this."""
    taken = rows.execute(
        "INSERT INTO answer VALUES (?, '', ?) ON CONFLICT DO NOTHING RETURNING call", (call, now)
    )
    if not taken:
        ((kept,),) = rows.execute("SELECT body FROM answer WHERE call = ?", (call,))
        return str(kept).encode()
    answer = work(rows)
    rows.execute("UPDATE answer SET body = ? WHERE call = ?", (answer.decode(), call))
    return answer


def _forget(rows: Rows, before: float) -> None:
    rows.execute("DELETE FROM answer WHERE at < ?", (before,))
