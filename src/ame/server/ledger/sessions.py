"""Visits of devices, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ame.storage.databases import Rows


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
    rows: Rows, number: str, population: str, *, version: str, refused: str = "", now: float
) -> None:
    """Notes a visit, or what became of it."""
    rows.execute(
        "INSERT INTO sessions (id, population, version, refused, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET refused = excluded.refused",
        (number, population, version, refused, now),
    )


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


def end_session(rows: Rows, number: str, population: str, *, now: float) -> None:
    """A visit is over; its device has to begin another one."""
    put_session(rows, number, population, version="", now=now)
    rows.execute("UPDATE sessions SET ended = 1 WHERE id = ?", (number,))
