"""Visits of devices, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ame import errors

if TYPE_CHECKING:
    from ame.storage.databases import Rows


class Shown(NamedTuple):
    """A visit as a device's token tells of it."""

    id: str
    task: str = ""
    """The number of the one task that the token is about, of several that were had at once."""

    @property
    def own(self) -> str:
        """What the end of the token's session is noted under."""
        return f"{self.id}~{self.task}" if self.task else self.id

    @classmethod
    def read(cls, about: str) -> Shown:
        """What a token is about."""
        fresh, _, begun = about.rpartition(".")
        fresh, _, task = fresh.partition("~")
        return cls(id=f"{fresh}.{begun}", task=task)

    def of(self, task: int) -> str:
        """What the token of one of several tasks is about."""
        fresh, _, begun = self.id.rpartition(".")
        return f"{fresh}~{task}.{begun}"

    @property
    def begun(self) -> float:
        """When the visit began, in seconds since the epoch."""
        return float(self.id.rpartition(".")[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One visit of a device."""

    id: str
    population: str
    ended: bool
    version: str
    refused: str
    """Why it was given no task."""
    at: float


def put_session(
    rows: Rows,
    number: str,
    population: str,
    *,
    version: str,
    refused: str = "",
    now: float,
    anew: bool = False,
) -> bool:
    """Notes a visit, or what became of it; where `anew`, only if nothing is known of it yet.

    False where nothing was noted.
    """
    known = "NOTHING" if anew else "UPDATE SET refused = excluded.refused"
    made = rows.execute(
        "INSERT INTO sessions (id, population, version, refused, at) VALUES (?, ?, ?, ?, ?)"
        f" ON CONFLICT (id) DO {known} RETURNING id",
        (number, population, version, refused, now),
    )
    return bool(made)


def session(rows: Rows, number: str) -> Session | None:
    """One visit; none where nothing is known of it yet."""
    found = rows.execute(
        "SELECT id, population, ended, version, refused, at FROM sessions WHERE id = ?", (number,)
    )
    for row in found:
        return Session(
            id=row[0],
            population=row[1],
            ended=bool(row[2]),
            version=row[3],
            refused=row[4],
            at=row[5],
        )
    return None


def check_session(rows: Rows, shown: Shown) -> None:
    """Sees that a visit goes on.

    Raises:
        errors.SessionEnded: it is over.
    """
    ended = rows.execute("SELECT 1 FROM sessions WHERE id = ? AND ended = 1", (shown.own,))
    if ended:
        raise errors.SessionEnded


def end_session(rows: Rows, number: str, population: str, *, now: float) -> None:
    """A visit is over; its device has to begin another one."""
    put_session(rows, number, population, version="", now=now)
    rows.execute("UPDATE sessions SET ended = 1 WHERE id = ?", (number,))
