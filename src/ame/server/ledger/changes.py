"""What a task and its rounds went through."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enum import IntEnum

    from ame.storage.databases import Rows


def changes(rows: Rows, population: str, number: int) -> list[tuple[int, int, str, float]]:
    """Round (0 for the task itself), status, reason and time of all that a task went through."""
    return [
        (row[0], row[1], row[2], row[3])
        for row in rows.execute(
            "SELECT round, status, reason, at FROM changes WHERE population = ? AND task = ?"
            " ORDER BY at, round",
            (population, number),
        )
    ]


def touched(rows: Rows, population: str, since: int) -> list[int]:
    """The tasks of a population that have changed since it had this revision."""
    found = rows.execute(
        "SELECT DISTINCT task FROM changes WHERE population = ? AND revision > ?",
        (population, since),
    )
    return [row[0] for row in found]


def note(rows: Rows, of: tuple[str, int, int], status: IntEnum, reason: str, now: float) -> None:
    """Notes a change of population, task and round; of the task itself where the round is 0.

    Its population is kept from other writers until the transaction's end, so that revisions come
    to be seen in their order.
    """
    [(revision,)] = rows.execute(
        "UPDATE populations SET revision = revision + 1 WHERE name = ? RETURNING revision", (of[0],)
    )
    rows.execute(
        "INSERT INTO changes (population, task, round, status, reason, at, revision)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*of, status.value, reason, now, revision),
    )
