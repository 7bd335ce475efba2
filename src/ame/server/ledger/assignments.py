"""Assignments, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ame import errors
from ame.server.ledger import rounds
from ame.server.visits.assignments import AssignmentStatus

if TYPE_CHECKING:
    from ame.server.rounds import Round
    from ame.storage.databases import Rows

COLUMNS: Final = (
    "id, population, task, round, session, status, opened, digest, place, weight, computed"
)
_ASSIGNMENT: Final = f"SELECT {COLUMNS} FROM assignments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
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


def join(
    rows: Rows,
    aggregation: str,
    *,
    assignment: str,
    session: str,
    due: float,
    now: float,
) -> tuple[Assignment, Round] | None:
    """Gives a device a share of a round; none where the round takes no more."""
    joined = rows.execute(
        "UPDATE rounds SET active = active + 1 WHERE aggregation = ? AND status = 0"
        f" AND accepted + active < capacity RETURNING {rounds.COLUMNS}",
        (aggregation,),
    )
    if not joined:
        return None
    joined_round = rounds.read(joined[0])
    rows.execute(
        "INSERT INTO assignments (id, population, task, round, session, status, due, made)"
        " VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
        (
            assignment,
            joined_round.population,
            joined_round.task,
            joined_round.number,
            session,
            due,
            now,
        ),
    )
    made = Assignment(
        id=assignment,
        population=joined_round.population,
        task=joined_round.task,
        round=joined_round.number,
        session=session,
        status=AssignmentStatus.ASSIGNED,
    )
    return made, joined_round


def assignment(rows: Rows, number: str) -> Assignment:
    """One assignment, kept from other writers until the transaction's end.

    Raises:
        errors.AssignmentUnknown: there is none.
    """
    return _only(rows.execute(f"{_ASSIGNMENT} WHERE id = ? {{lock}}", (number,)))


def assignments_of(rows: Rows, session: str) -> list[Assignment]:
    """What a session has been given, in order."""
    found = rows.execute(f"{_ASSIGNMENT} WHERE session = ? ORDER BY made, id", (session,))
    return [_assignment(row) for row in found]


def open_upload(rows: Rows, number: str, *, opened: int, due: float) -> Assignment:
    """Lets a device upload. Each number of openings is good once, and none after the upload.

    Raises:
        errors.AssignmentUnknown: it has been let already, or has ended, or there is none.
    """
    found = rows.execute(
        "UPDATE assignments SET opened = opened + 1, due = ?, status = 1"
        f" WHERE id = ? AND opened = ? AND digest = '' AND status < 2 RETURNING {COLUMNS}",
        (due, number, opened),
    )
    return _only(found)


def open_again(rows: Rows, number: str) -> None:
    """Lets a device upload that has been let before: its address is what shows who it is."""
    rows.execute("UPDATE assignments SET opened = 1 WHERE id = ? AND status < 2", (number,))


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
    own = rounds.round_numbered(rows, found.population, found.task, found.round)
    if own.aggregation != aggregation:
        raise errors.AssignmentUnknown


def uploaded(rows: Rows, number: str, digest: str) -> None:
    """Notes what a device has uploaded.

    Raises:
        errors.AssignmentEnded: it was not asked to, or not any more.
    """
    noted = rows.execute(
        "UPDATE assignments SET digest = ? WHERE id = ? AND opened > 0 AND status < 2 RETURNING id",
        (digest, number),
    )
    if not noted:
        raise errors.AssignmentEnded("nothing is to be uploaded")


def accept(rows: Rows, number: str, *, digest: str, weight: float) -> int:
    """Takes a contribution in, once, and returns its place among those of its round.

    A second time it returns the same place.

    Raises:
        errors.AssignmentUnknown: there is no such assignment.
        errors.AssignmentEnded: the device was too late, has failed, or the round is over.
    """
    found = assignment(rows, number)
    if found.status is AssignmentStatus.UPLOAD_COMPLETED and found.place is not None:
        return found.place
    if not found.status.active:
        raise errors.AssignmentEnded(found.status.name)
    counted = rows.execute(
        "UPDATE rounds SET accepted = accepted + 1, active = active - 1"
        " WHERE population = ? AND task = ? AND number = ? AND status = 0 RETURNING accepted",
        (found.population, found.task, found.round),
    )
    if not counted:
        raise errors.AssignmentEnded("its round is over")
    place = int(counted[0][0])
    rows.execute(
        "UPDATE assignments SET status = 2, digest = ?, place = ?, weight = ? WHERE id = ?",
        (digest, place, weight, number),
    )
    return place


def end_assignment(rows: Rows, ended: Assignment, to: AssignmentStatus) -> bool:
    """Ends an assignment that is under way without a contribution; false where it is not."""
    done = rows.execute(
        "UPDATE assignments SET status = ? WHERE id = ? AND status < 2 RETURNING id",
        (to.value, ended.id),
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
    late = [_assignment(row) for row in found]
    return sum(end_assignment(rows, each, each.status.timeout) for each in late)


def contributions(
    rows: Rows, ended: Round, *, after: int = 0, most: int = 1000
) -> list[Assignment]:
    """A round's contributions in the order of their places, behind `after`."""
    found = rows.execute(
        f"{_ASSIGNMENT} WHERE population = ? AND task = ? AND round = ? AND place > ?"
        f" ORDER BY place LIMIT {most}",
        (ended.population, ended.task, ended.number, after),
    )
    return [_assignment(row) for row in found]


def _only(found: list[tuple[Any, ...]]) -> Assignment:
    if not found:
        raise errors.AssignmentUnknown
    return _assignment(found[0])


def _assignment(row: tuple[Any, ...]) -> Assignment:
    number, population, task, round_, session, status, opened, digest, place, weight, took = row
    return Assignment(
        id=number,
        population=population,
        task=task,
        round=round_,
        session=session,
        status=AssignmentStatus(status),
        opened=opened,
        digest=digest,
        place=place,
        weight=weight,
        computed=took,
    )
