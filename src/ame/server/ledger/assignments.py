"""Assignments, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ame import errors
from ame.server.rounds import RoundStatus
from ame.server.visits.assignments import AssignmentStatus, End

if TYPE_CHECKING:
    from ame.server.rounds import Round
    from ame.storage.databases import Rows

COLUMNS: Final = (
    "id, population, task, round, session, status, opened, digest, place, weight, computed, reason"
)
_ASSIGNMENT: Final = f"SELECT {COLUMNS} FROM assignments"
_NAMED: Final = (
    "SELECT 1 FROM rounds WHERE aggregation = ? AND population = assignments.population"
    " AND task = assignments.task AND number = assignments.round"
)
OF_ROUND: Final = f"EXISTS ({_NAMED})"
"""That an assignment belongs to the round that its device names."""
OF_OPEN_ROUND: Final = f"EXISTS ({_NAMED} AND status = 0)"
"""The same, where contributions to it are still taken."""


class Assignment(NamedTuple):
    """One device's share of a round, as it is kept."""

    id: str
    population: str
    task: int
    round: int
    session: str
    status: AssignmentStatus
    opened: int = 0
    """How often its device was told where to upload."""
    digest: str = ""
    """Of what it uploaded."""
    place: int | None = None
    """Its contribution's place among those of the round, from 1."""
    weight: float | None = None
    computed: float | None = None
    """How many seconds its device took to compute it, where it said so."""
    reason: str = ""
    """Why it ended, where more is known than its status says."""


def assignment(rows: Rows, number: str) -> Assignment:
    """One assignment, kept from other writers until the transaction's end.

    Raises:
        errors.AssignmentUnknown: there is none.
    """
    return _only(rows.execute(f"{_ASSIGNMENT} WHERE id = ? {{lock}}", (number,)))


def locked(rows: Rows, numbers: list[str]) -> dict[str, Assignment]:
    """Those of these assignments that there are, kept from others as `assignment` does."""
    found = rows.execute(f"{_ASSIGNMENT} WHERE id {{among}} ORDER BY id {{lock}}", (numbers,))
    return {row[0]: read(row) for row in found}


def assignments_of(rows: Rows, session: str) -> list[Assignment]:
    """What a session has been given, in order."""
    found = rows.execute(f"{_ASSIGNMENT} WHERE session = ? ORDER BY made, id", (session,))
    return [read(row) for row in found]


def seen(rows: Rows, number: str, aggregation: str | None = None) -> Assignment:
    """One assignment, as it is now.

    Raises:
        errors.AssignmentUnknown: there is none, or it belongs to another round.
    """
    found = _only(rows.execute(f"{_ASSIGNMENT} WHERE id = ?", (number,)))
    if aggregation is not None:
        check_round(rows, found, aggregation)
    return found


def check_round(rows: Rows, found: Assignment, aggregation: str) -> None:
    """Sees that an assignment belongs to the round that the device names.

    Raises:
        errors.AssignmentUnknown: it does not.
    """
    own = rows.execute(
        "SELECT 1 FROM rounds WHERE aggregation = ? AND population = ? AND task = ? AND number = ?",
        (aggregation, found.population, found.task, found.round),
    )
    if not own:
        raise errors.AssignmentUnknown


def unneeded(rows: Rows, number: str, aggregation: str = "") -> errors.ContributionUnneeded | None:
    """What the device of an assignment hears whose round is over without its contribution.

    None where that is not so, or the assignment is of another round than the one that is named.
    """
    found = rows.execute(
        "SELECT r.status, r.reason FROM assignments a JOIN rounds r"
        " ON r.population = a.population AND r.task = a.task AND r.number = a.round"
        " WHERE a.id = ? AND a.place IS NULL AND r.status > 0 AND ? IN ('', r.aggregation)",
        (number, aggregation),
    )
    if not found:
        return None
    status, reason = found[0]
    return errors.ContributionUnneeded(
        reason if status == RoundStatus.CANCELED else "its round is over"
    )


def content_of(rows: Rows, number: str) -> bytes | None:
    """The bytes of an upload that are kept here."""
    found = rows.execute("SELECT content FROM uploads WHERE assignment = ?", (number,))
    return bytes(found[0][0]) if found else None


def end_assignment(rows: Rows, ended: Assignment, end: End) -> bool:
    """Ends an assignment that is under way without a contribution; false where it is not."""
    done = rows.execute(
        "UPDATE assignments SET status = ?, reason = ? WHERE id = ? AND status < 2 RETURNING id",
        (end.status.value, end.reason, ended.id),
    )
    if done:
        rows.execute(
            "UPDATE rounds SET active = active - 1, failed = failed + 1"
            " WHERE population = ? AND task = ? AND number = ?",
            (ended.population, ended.task, ended.round),
        )
    return bool(done)


def completed_locally(rows: Rows, found: Assignment, due: float, took: float = 0.0) -> None:
    """Notes that a device has computed its share; it has until `due` to upload it.

    `took` is how many seconds it says to have taken; 0 where it says nothing.
    """
    if took > 0:
        rows.execute("UPDATE assignments SET computed = ? WHERE id = ?", (took, found.id))
    rows.execute(
        "UPDATE assignments SET status = 1, due = ? WHERE id = ? AND status = 0", (due, found.id)
    )


def late(rows: Rows, now: float) -> bool:
    """Whether the time of some assignment is over."""
    return bool(
        rows.execute("SELECT 1 FROM assignments WHERE status < 2 AND due < ? LIMIT 1", (now,))
    )


def expire(rows: Rows, now: float, *, most: int = 1000) -> int:
    """Ends the assignments whose time is over, and returns how many."""
    found = rows.execute(
        f"{_ASSIGNMENT} WHERE status < 2 AND due < ? ORDER BY due LIMIT {most}", (now,)
    )
    late = [read(row) for row in found]
    return sum(end_assignment(rows, each, End(each.status.timeout)) for each in late)


def contributions(
    rows: Rows, ended: Round, *, after: int = 0, most: int = 1000
) -> list[Assignment]:
    """A round's contributions in the order of their places, behind `after`."""
    found = rows.execute(
        f"{_ASSIGNMENT} WHERE population = ? AND task = ? AND round = ? AND place > ?"
        f" ORDER BY place LIMIT {most}",
        (ended.population, ended.task, ended.number, after),
    )
    return [read(row) for row in found]


def contents(rows: Rows, ended: Round, first: int, last: int) -> dict[int, bytes]:
    """Of a round's contributions those that are kept here, by their places from first to last."""
    found = rows.execute(
        "SELECT place, content FROM assignments JOIN uploads ON assignment = id"
        " WHERE population = ? AND task = ? AND round = ? AND place BETWEEN ? AND ?",
        (ended.population, ended.task, ended.number, first, last),
    )
    return {place: bytes(content) for place, content in found}


def _only(found: list[tuple[Any, ...]]) -> Assignment:
    if not found:
        raise errors.AssignmentUnknown
    return read(found[0])


def read(row: tuple[Any, ...]) -> Assignment:
    """The assignment that a row of `COLUMNS` is."""
    return Assignment._make((*row[:5], AssignmentStatus(row[5]), *row[6:]))
