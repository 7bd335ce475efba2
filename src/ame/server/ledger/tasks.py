"""Tasks, as rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ame import errors
from ame.protocol.pb import odp_task
from ame.server.ledger.changes import note
from ame.server.tasks import Task, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.storage.databases import Rows

_TASK: Final = "SELECT population, id, status, paused, proto, settings, reason, created FROM tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A task with what the server alone knows of it."""

    task: Task
    settings: Mapping[str, Any]


def create_task(rows: Rows, proto: odp_task.Task, settings: Mapping[str, Any], now: float) -> Task:
    """A new task of its population, under the next number there."""
    [(last,)] = rows.execute(
        "SELECT COALESCE(MAX(id), 0) FROM tasks WHERE population = ?", (proto.population_name,)
    )
    task = Task(population=proto.population_name, id=last + 1, proto=proto, created=now)
    rows.execute(
        "INSERT INTO tasks (population, id, status, proto, settings, created)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            task.population,
            task.id,
            task.status.value,
            proto.SerializeToString(),
            json.dumps(settings),
            now,
        ),
    )
    note(rows, (task.population, task.id, 0), task.status, "", now)
    return task


def task(rows: Rows, population: str, number: int) -> Kept:
    """One task.

    Raises:
        errors.FleetTaskUnknown: there is none.
    """
    found = rows.execute(f"{_TASK} WHERE population = ? AND id = ?", (population, number))
    if not found:
        raise errors.FleetTaskUnknown(population, str(number))
    return _kept(found[0])


def ended(rows: Rows, population: str, number: int) -> bool:
    """Whether a task is over; one that there is not is not."""
    found = rows.execute(
        "SELECT status FROM tasks WHERE population = ? AND id = ?", (population, number)
    )
    return bool(found) and TaskStatus(found[0][0]).final


def tasks(rows: Rows, population: str | None = None) -> list[Kept]:
    """All tasks, or a population's, in their order."""
    where, values = ("WHERE population = ?", (population,)) if population else ("", ())
    return [_kept(row) for row in rows.execute(f"{_TASK} {where} ORDER BY population, id", values)]


def running(rows: Rows, population: str) -> list[Kept]:
    """The tasks of a population that are created or open."""
    where = "WHERE population = ? AND status IN (1, 3)"
    return [_kept(row) for row in rows.execute(f"{_TASK} {where}", (population,))]


def move_task(rows: Rows, task: Task, to: TaskStatus, reason: str, now: float) -> bool:
    """Puts a task into another state; false where somebody else has moved it meanwhile."""
    moved = task.moved(to, reason)
    changed = rows.execute(
        "UPDATE tasks SET status = ?, reason = ? WHERE population = ? AND id = ? AND status = ?"
        " RETURNING id",
        (moved.status.value, reason, task.population, task.id, task.status.value),
    )
    if changed:
        note(rows, (task.population, task.id, 0), to, reason, now)
    return bool(changed)


def pause_task(rows: Rows, task: Task, paused: bool, now: float) -> None:
    """Whether a task gets new rounds and devices."""
    rows.execute(
        "UPDATE tasks SET paused = ? WHERE population = ? AND id = ?",
        (int(paused), task.population, task.id),
    )
    note(rows, (task.population, task.id, 0), task.status, "paused" if paused else "resumed", now)


def set_settings(rows: Rows, kept: Kept, said: Mapping[str, Any], now: float) -> None:
    """Something more that the server alone knows of a task."""
    task = kept.task
    rows.execute(
        "UPDATE tasks SET settings = ? WHERE population = ? AND id = ?",
        (json.dumps({**kept.settings, **said}), task.population, task.id),
    )
    given = ", ".join(said)
    note(rows, (task.population, task.id, 0), task.status, f"given: {given}", now)


def _kept(row: tuple[Any, ...]) -> Kept:
    population, number, status, paused, proto, settings, reason, created = row
    return Kept(
        task=Task(
            population=population,
            id=number,
            status=TaskStatus(status),
            paused=bool(paused),
            proto=odp_task.Task.FromString(bytes(proto)),
            reason=reason,
            created=created,
        ),
        settings=json.loads(settings),
    )
