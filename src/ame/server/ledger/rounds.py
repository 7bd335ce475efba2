"""Rounds, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ame import errors
from ame.server.ledger.changes import note
from ame.server.rounds import Round, RoundStatus
from ame.server.tasks import TaskStatus
from ame.server.visits.assignments import AssignmentStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.storage.databases import Rows

COLUMNS: Final = (
    "population, task, number, status, aggregation, base, evaluated, goal, capacity, active,"
    " accepted, failed, checkpoint, result, fence, opened, ended, reason"
)
_ROUND: Final = f"SELECT {COLUMNS} FROM rounds"


def rounds(rows: Rows, population: str, number: int) -> list[Round]:
    """All rounds of a task, in their order."""
    found = rows.execute(
        f"{_ROUND} WHERE population = ? AND task = ? ORDER BY number", (population, number)
    )
    return [read(row) for row in found]


def telling(rows: Rows, population: str, number: int) -> list[Round]:
    """The rounds that tell what is due about a task, in their order.

    Those under way, those that failed, the last one, and the one with the newest result. What it
    costs does not grow with the rounds that are over.
    """
    found = {
        each.number: each
        for where in (
            "status < 50",
            "status > 101",
            "status = 50 ORDER BY number DESC LIMIT 1",
            "TRUE ORDER BY number DESC LIMIT 1",
        )
        for row in rows.execute(
            f"{_ROUND} WHERE population = ? AND task = ? AND {where}", (population, number)
        )
        for each in [read(row)]
    }
    return [found[each] for each in sorted(found)]


def collecting(rows: Rows, population: str, number: int) -> list[Round]:
    """A task's rounds that collect, in their order."""
    found = rows.execute(
        f"{_ROUND} WHERE population = ? AND task = ? AND status = 0 ORDER BY number",
        (population, number),
    )
    return [read(row) for row in found]


def ripe(rows: Rows, now: float) -> list[tuple[str, int]]:
    """Population and number of the tasks with a round to be ended: full, or its ender is silent."""
    found = (
        *rows.execute("SELECT population, task FROM rounds WHERE status = 0 AND accepted >= goal"),
        *rows.execute(
            "SELECT population, task FROM rounds WHERE status IN (1, 4) AND held < ?", (now,)
        ),
    )
    return [(row[0], row[1]) for row in found]


def round_of(rows: Rows, aggregation: str) -> Round:
    """The round that devices know by this id.

    Raises:
        errors.AggregationUnknown: there is none.
    """
    found = rows.execute(f"{_ROUND} WHERE aggregation = ?", (aggregation,))
    if not found:
        raise errors.AggregationUnknown(aggregation)
    return read(found[0])


def round_numbered(rows: Rows, population: str, number: int, round_: int) -> Round:
    """A task's round by its number, which is one that there is."""
    [row] = rows.execute(
        f"{_ROUND} WHERE population = ? AND task = ? AND number = ?", (population, number, round_)
    )
    return read(row)


def result(rows: Rows, population: str, number: int, round_: int) -> str:
    """The digest of what a round has come to.

    Raises:
        errors.RoundUnfinished: it is not over, has failed, or there is none.
    """
    found = rows.execute(
        "SELECT result FROM rounds"
        " WHERE population = ? AND task = ? AND number = ? AND status = 50",
        (population, number, round_),
    )
    if not found:
        raise errors.RoundUnfinished(f"{population}/{number}", round_)
    return str(found[0][0])


def newest_result(rows: Rows, population: str, number: int) -> str:
    """The digest of what a task has come to; empty before its first round is over."""
    found = rows.execute(
        "SELECT result FROM rounds WHERE population = ? AND task = ? AND status = 50"
        " ORDER BY ended DESC, number DESC LIMIT 1",
        (population, number),
    )
    return str(found[0][0]) if found else ""


def begin_round(rows: Rows, begun: Round) -> bool:
    """Opens a round; false where somebody else has opened that number, or the task is over."""
    going_on = rows.execute(
        "SELECT 1 FROM tasks WHERE population = ? AND id = ? AND status = ? {lock}",
        (begun.population, begun.task, TaskStatus.OPEN.value),
    )
    if not going_on:
        return False
    made = rows.execute(
        "INSERT INTO rounds (population, task, number, status, aggregation, base, evaluated, goal,"
        " capacity, checkpoint, opened) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING RETURNING number",
        (
            begun.population,
            begun.task,
            begun.number,
            begun.status.value,
            begun.aggregation,
            begun.base,
            begun.evaluated,
            begun.goal,
            begun.capacity,
            begun.checkpoint,
            begun.opened,
        ),
    )
    if made:
        note(rows, begun.key, begun.status, "", begun.opened)
    return bool(made)


def take_end(rows: Rows, ended: Round, *, now: float, until: float) -> Round | None:
    """Takes on to end a full round, or one whose ender has been silent; none where another has it.

    From now on nothing more is accepted. The fence of the round that is returned goes with what
    its ender writes.
    """
    taken = rows.execute(
        "UPDATE rounds SET status = CASE WHEN status = 0 THEN 1 ELSE status END,"
        " fence = fence + 1, held = ? WHERE population = ? AND task = ? AND number = ?"
        " AND ((status = 0 AND accepted >= goal) OR (status IN (1, 4) AND held < ?))"
        f" RETURNING {COLUMNS}",
        (until, ended.population, ended.task, ended.number, now),
    )
    if not taken:
        return None
    made = read(taken[0])
    note(rows, made.key, made.status, "", now)
    return made


def begin_apply(rows: Rows, ended: Round, *, now: float) -> bool:
    """Notes that all of a round is aggregated; false where another server has taken it over."""
    moved = rows.execute(
        "UPDATE rounds SET status = 4 WHERE population = ? AND task = ? AND number = ?"
        " AND fence = ? AND status IN (1, 4) RETURNING number",
        (*ended.key, ended.fence),
    )
    if moved and ended.status is not RoundStatus.APPLYING:
        note(rows, ended.key, RoundStatus.APPLYING, "", now)
    return bool(moved)


def finish_round(
    rows: Rows,
    ended: Round,
    to: RoundStatus,
    *,
    result: str = "",
    metrics: Mapping[str, float] | None = None,
    reason: str = "",
    now: float,
) -> bool:
    """Ends a round for good; false where another server has taken it over."""
    done = rows.execute(
        "UPDATE rounds SET status = ?, result = ?, reason = ?, ended = ?"
        " WHERE population = ? AND task = ? AND number = ? AND fence = ? AND status < 50"
        " RETURNING number",
        (
            to.value,
            result,
            reason,
            now,
            ended.population,
            ended.task,
            ended.number,
            ended.fence,
        ),
    )
    if not done:
        return False
    for name, value in (metrics or {}).items():
        rows.execute(
            "INSERT INTO fleet_metrics (population, task, round, name, value, at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (ended.population, ended.task, ended.number, name, value, now),
        )
    note(rows, ended.key, to, reason, now)
    return True


def cancel_rounds(rows: Rows, population: str, number: int, *, reason: str, now: float) -> None:
    """Ends a task's rounds that are under way, with nothing, and all that devices have of them."""
    for each in telling(rows, population, number):
        if each.status.active:
            gone = rows.execute(
                "UPDATE assignments SET status = ?, reason = ?"
                " WHERE population = ? AND task = ? AND round = ? AND status < 2 RETURNING id",
                (AssignmentStatus.CANCELED.value, reason, *each.key),
            )
            rows.execute(
                "UPDATE rounds SET active = active - ?"
                " WHERE population = ? AND task = ? AND number = ?",
                (len(gone), *each.key),
            )
            finish_round(rows, each, RoundStatus.CANCELED, reason=reason, now=now)


def metrics(rows: Rows, population: str, number: int) -> list[tuple[int, str, float]]:
    """Round, name and value of a task's metrics, by round and name."""
    return [
        (row[0], row[1], row[2])
        for row in rows.execute(
            "SELECT round, name, value FROM fleet_metrics WHERE population = ? AND task = ?"
            " ORDER BY round, name",
            (population, number),
        )
    ]


def read(row: tuple[Any, ...]) -> Round:
    """The round that a row of `COLUMNS` is."""
    (
        population, task, number, status, aggregation, base, evaluated, goal, capacity, active,
        accepted, failed, checkpoint, result, fence, opened, ended, reason,
    ) = row  # fmt: skip
    return Round(
        population=population,
        task=task,
        number=number,
        status=RoundStatus(status),
        aggregation=aggregation,
        base=base,
        evaluated=evaluated,
        goal=goal,
        capacity=capacity,
        active=active,
        accepted=accepted,
        failed=failed,
        checkpoint=checkpoint,
        result=result,
        fence=fence,
        opened=opened,
        ended=ended,
        reason=reason,
    )
