"""Assignments, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ame import errors
from ame.server.ledger import rounds
from ame.server.visits.assignments import AssignmentStatus

if TYPE_CHECKING:
    from ame.server.ledger.sessions import Shown
    from ame.server.rounds import Round
    from ame.storage.databases import Rows

COLUMNS: Final = (
    "id, population, task, round, session, status, opened, digest, place, weight, computed"
)
_ASSIGNMENT: Final = f"SELECT {COLUMNS} FROM assignments"
_OF_ROUND: Final = (
    "EXISTS (SELECT 1 FROM rounds WHERE aggregation = ? AND population = assignments.population"
    " AND task = assignments.task AND number = assignments.round)"
)


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


def open_upload(rows: Rows, number: str, *, aggregation: str, opened: int, due: float) -> None:
    """Lets a device upload. Each number of openings is good once, and none after the upload.

    Raises:
        errors.AssignmentUnknown: it has been let already, or has ended; or there is none, or it
            belongs to another round.
    """
    found = rows.execute(
        "UPDATE assignments SET opened = opened + 1, due = ?, status = 1"
        f" WHERE id = ? AND opened = ? AND digest = '' AND status < 2 AND {_OF_ROUND} RETURNING id",
        (due, number, opened, aggregation),
    )
    if not found:
        raise errors.AssignmentUnknown


def complete_and_open(
    rows: Rows, number: str, *, population: str, task: int, aggregation: str, due: float
) -> Assignment:
    """Notes that a device has computed its share, and lets it upload, however often it asks.

    Raises:
        errors.AssignmentUnknown: there is none of this task and round that is under way.
    """
    found = rows.execute(
        "UPDATE assignments SET due = CASE status WHEN 0 THEN ? ELSE due END, status = 1,"
        " opened = 1 WHERE id = ? AND population = ? AND task = ? AND status < 2"
        f" AND {_OF_ROUND} RETURNING {COLUMNS}",
        (due, number, population, task, aggregation),
    )
    return _only(found)


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


def uploaded(rows: Rows, number: str, digest: str, content: bytes | None = None) -> Assignment:
    """Notes what a device has uploaded; `content` is kept here, where it is not kept elsewhere.

    Raises:
        errors.AssignmentEnded: it was not asked to, or not any more.
    """
    noted = rows.execute(
        "UPDATE assignments SET digest = ? WHERE id = ? AND opened > 0 AND status < 2"
        f" RETURNING {COLUMNS}",
        (digest, number),
    )
    if not noted:
        raise errors.AssignmentEnded("nothing is to be uploaded")
    if content is not None:
        put_content(rows, number, content)
    return _assignment(noted[0])


def put_content(rows: Rows, number: str, content: bytes) -> None:
    """Keeps the bytes of an upload."""
    rows.execute(
        "INSERT INTO uploads (assignment, content) VALUES (?, ?)"
        " ON CONFLICT (assignment) DO UPDATE SET content = excluded.content",
        (number, content),
    )


def content_of(rows: Rows, number: str) -> bytes | None:
    """The bytes of an upload that are kept here."""
    found = rows.execute("SELECT content FROM uploads WHERE assignment = ?", (number,))
    return bytes(found[0][0]) if found else None


def accept(
    rows: Rows,
    number: str,
    aggregation: str = "",
    *,
    digest: str,
    weight: float,
    content: bytes | None = None,
) -> int | None:
    """Takes a contribution in, once, and returns its place among those of its round.

    A second time it returns the same place. None where the device has uploaded something else
    meanwhile. `content` is kept here, where it is not kept yet. `aggregation` is the round that the
    device names, if it does.

    Raises:
        errors.AssignmentUnknown: there is no such assignment, or it is of another round.
        errors.AssignmentEnded: the device was too late, has failed, or the round is over.
    """
    found = assignment(rows, number)
    if aggregation:
        check_round(rows, found, aggregation)
    if found.status is AssignmentStatus.UPLOAD_COMPLETED and found.place is not None:
        return found.place
    if not found.status.active:
        raise errors.AssignmentEnded(found.status.name)
    if found.digest not in {"", digest}:
        return None
    counted = rows.execute(
        "UPDATE rounds SET accepted = accepted + 1, active = active - 1"
        " WHERE population = ? AND task = ? AND number = ? AND status = 0 RETURNING accepted",
        (found.population, found.task, found.round),
    )
    if not counted:
        raise errors.AssignmentEnded("its round is over")
    place = int(counted[0][0])
    if content is not None:
        put_content(rows, number, content)
    rows.execute(
        "UPDATE assignments SET status = 2, digest = ?, place = ?, weight = ? WHERE id = ?",
        (digest, place, weight, number),
    )
    return place


def complete(
    rows: Rows, shown: Shown, *, task: str, aggregation: str, due: float, took: float
) -> bool:
    """Notes that the device of a session has computed its share; it has until `due` to upload it.

    `task` and `aggregation` are what it names, or empty. False where nothing was to be noted of
    that. `took` is how many seconds it says to have taken, or 0.
    """
    asked: dict[str, object] = {}
    if task or shown.task:
        asked["task = ?"] = int(task or shown.task)
    if aggregation:
        asked[_OF_ROUND] = aggregation
    noted = rows.execute(
        "UPDATE assignments SET status = 1, due = ?, computed = COALESCE(?, computed)"
        " WHERE session = ? AND status = 0"
        " AND NOT EXISTS (SELECT 1 FROM sessions WHERE id = ? AND ended = 1)"
        f"{''.join(f' AND {each}' for each in asked)} RETURNING id",
        (due, took or None, shown.id, shown.own, *asked.values()),
    )
    return bool(noted)


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
