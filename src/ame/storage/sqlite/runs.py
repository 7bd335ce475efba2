"""Runs in a SQLite file."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from ame import errors, runs
from ame.storage.sqlite import rows, search
from ame.storage.sqlite.connections import MIGRATIONS, Connections

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ame.storage.sqlite import datasets
    from ame.storage.sqlite.bound import Connection

_R = TypeVar("_R")

_SLOTS = 1 << rows.SLOTS
_LAST = (1 << 63) - 1
_REMOVED_AT_ONCE = 200
_COMPARED = 5000
"""How many names of tasks a misspelt one is compared with."""

_UPDATE_RUN = """
    UPDATE run SET task = ?, project = ?, kind = ?, state = ?, reason = ?, started = ?, ended = ?,
        owner = ?, folder = ?, "commit" = ?, dirty = ?, arguments = ?, resumes = ?
    WHERE name = ?
"""
_INSERT_RUN = """
    INSERT INTO run (task, project, kind, state, reason, started, ended,
        owner, folder, "commit", dirty, arguments, resumes, name, folded, rest, id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_FORGET = """
    INSERT INTO search (search, rowid, rest) SELECT 'delete', id, rest FROM run WHERE id = ?
"""
_FREE_ID = "SELECT ifnull(max(id) + 1, ?1) FROM run WHERE id >= ?1 AND id < ?2"
_RUN = """
    SELECT run.id, name, task, project, kind, state, reason, started, ended,
        owner, folder, "commit", dirty, arguments, resumes, spec.text
    FROM run LEFT JOIN spec ON spec.run = run.id
"""
_WRITE_STEP = """
    INSERT OR REPLACE INTO step (run, name, "index", needs, state, reason, started, ended,
        limits, key, outputs)
    SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM run WHERE name = ?
"""
_STEP = 'SELECT name, "index", needs, state, reason, started, ended, limits, key, outputs FROM step'
_WRITE_ATTEMPT = """
    INSERT OR REPLACE INTO attempt (run, step, number, state, reason, started, ended,
        exit_code, process, peak_memory, cpu_seconds)
    SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM run WHERE name = ?
"""
_ATTEMPTS = """
    SELECT step, number, state, reason, started, ended, exit_code, process, peak_memory, cpu_seconds
    FROM attempt WHERE run = (SELECT id FROM run WHERE name = ?) ORDER BY started, step, number
"""
_WRITE_METRIC = """
    INSERT INTO metric (run, step, name, value, at, iteration, number)
    SELECT id, ?, ?, ?, ?, ?, (SELECT ifnull(max(number), 0) + 1 FROM metric WHERE run = run.id)
    FROM run WHERE name = ?
"""
_METRICS = """
    SELECT step, name, value, at, iteration
    FROM metric WHERE run = (SELECT id FROM run WHERE name = ?) ORDER BY number
"""
_WRITE_ARTIFACT = """
    INSERT OR REPLACE INTO artifact (run, path, step, digest, size, mode)
    SELECT id, ?, ?, ?, ?, ? FROM run WHERE name = ?
"""
_ARTIFACTS = """
    SELECT path, step, digest, size, mode
    FROM artifact WHERE run = (SELECT id FROM run WHERE name = ?) ORDER BY path, step
"""
_SAVED = """
    SELECT 1 FROM artifact JOIN run ON run.id = artifact.run
    WHERE digest = ? AND path = ? AND project = ? LIMIT 1
"""
_WRITE: dict[str, tuple[str, Callable[[Any], rows.Row]]] = {
    "Step": (_WRITE_STEP, rows.step_row),
    "Attempt": (_WRITE_ATTEMPT, rows.attempt_row),
    "Metric": (_WRITE_METRIC, rows.metric_row),
    "Artifact": (_WRITE_ARTIFACT, rows.artifact_row),
}
"""By the names of the records' classes, which a list of runs does not need."""


class Database:
    """The runs of one state folder. It promises what `runs.Store` and `Connections` do.

    `datasets` are the data sets kept beside them, as `runs.datasets.Datasets`.
    """

    def __init__(self, path: Path, *, full: bool = False) -> None:
        """`full` syncs the disk at every save, so that a loss of power loses nothing either."""
        self._file = Connections(path, MIGRATIONS / "runs", full=full)

    @cached_property
    def datasets(self) -> datasets.Table:
        from ame.storage.sqlite import datasets

        return datasets.Table(self._file)

    def save(self, *records: runs.Record) -> None:
        with self._file.write() as connection:
            for record in records:
                if isinstance(record, runs.Run):
                    _save_run(connection, record)
            for record in records:
                if not isinstance(record, runs.Run):
                    statement, row_of = _WRITE[type(record).__name__]
                    if not connection.execute(statement, (*row_of(record), record.run)).rowcount:
                        raise errors.RunNotFound(record.run)

    def find(self, name: str) -> runs.Run:
        with self._file.read() as connection:
            row = connection.execute(f"{_RUN} WHERE name = ?", (name,)).fetchone()
        if row is not None:
            return rows.run_of(row)
        page = self.page(runs.Filter(task=name), limit=1)
        if page.runs:
            return page.runs[0]
        raise errors.RunNotFound(name, self._nearest(name))

    def page(
        self, where: runs.Filter, *, limit: int, after: runs.Cursor | None = None
    ) -> runs.Page:
        with self._file.read() as connection:
            last = _LAST if after is None else _place(connection, after)
            ids = search.newest(connection, where, last, limit + 1)
            found = [
                connection.execute(f"{_RUN} WHERE run.id = ?", (id_,)).fetchone() for id_ in ids
            ]
        shown = tuple(rows.run_of(row) for row in found[:limit] if row is not None)
        if len(found) <= limit or not shown:
            return runs.Page(runs=shown, after=None)
        end = shown[-1]
        return runs.Page(runs=shown, after=runs.Cursor(created=end.created, name=end.name))

    def unfinished(self) -> tuple[runs.Run, ...]:
        with self._file.read() as connection:
            found = connection.execute(
                f"{_RUN} WHERE state IN ('Pending', 'Running') ORDER BY run.id DESC"
            ).fetchall()
        return tuple(map(rows.run_of, found))

    def steps(self, run: str) -> tuple[runs.Step, ...]:
        query = f'{_STEP} WHERE run = (SELECT id FROM run WHERE name = ?) ORDER BY "index", name'
        return self._of_run(run, query, rows.step_of)

    def attempts(self, run: str) -> tuple[runs.Attempt, ...]:
        return self._of_run(run, _ATTEMPTS, rows.attempt_of)

    def metrics(self, run: str) -> tuple[runs.Metric, ...]:
        return self._of_run(run, _METRICS, rows.metric_of)

    def artifacts(self, run: str) -> tuple[runs.Artifact, ...]:
        return self._of_run(run, _ARTIFACTS, rows.artifact_of)

    def saved(self, project: str, path: str, digest: str) -> bool:
        with self._file.read() as connection:
            row = connection.execute(_SAVED, (digest, os.fsencode(path), project)).fetchone()
        return row is not None

    def digests(self) -> tuple[set[str], set[str]]:
        with self._file.read() as connection:
            artifacts = connection.execute("SELECT DISTINCT digest FROM artifact").fetchall()
            outputs = connection.execute(
                "SELECT DISTINCT outputs FROM step WHERE outputs != ''"
            ).fetchall()
        return {row[0] for row in artifacts}, {row[0] for row in outputs}

    def artifacts_of(self, project: str, task: str) -> frozenset[tuple[str, str]]:
        with self._file.read() as connection:
            found = connection.execute(
                "SELECT DISTINCT path, digest FROM run JOIN artifact ON artifact.run = run.id"
                " WHERE project = ? AND task = ?",
                (project, task),
            ).fetchall()
        return frozenset((os.fsdecode(path), digest) for path, digest in found)

    def reusable(self, key: str) -> runs.Step | None:
        query = f"""
            {_STEP.replace("SELECT", "SELECT (SELECT run.name FROM run WHERE run.id = run),")}
            WHERE key = ? AND key != '' AND outputs != '' AND state = 'Succeeded'
            ORDER BY ended DESC, run DESC LIMIT 1
        """
        with self._file.read() as connection:
            row = connection.execute(query, (key,)).fetchone()
        return None if row is None else rows.step_of(row[0], row[1:])

    def remove(self, names: Sequence[str]) -> None:
        """Two hundred at a time, so that other writers get their turn between them."""
        for start in range(0, len(names), _REMOVED_AT_ONCE):
            with self._file.write() as connection:
                for name in names[start : start + _REMOVED_AT_ONCE]:
                    _remove(connection, name)

    def close(self) -> None:
        self._file.close()

    def _of_run(
        self, run: str, query: str, value_of: Callable[[str, rows.Row], _R]
    ) -> tuple[_R, ...]:
        with self._file.read() as connection:
            found = connection.execute(query, (run,)).fetchall()
        return tuple(value_of(run, row) for row in found)

    def _nearest(self, name: str) -> list[str]:
        """Names of tasks and of the newest runs that are like `name`."""
        from difflib import get_close_matches

        with self._file.read() as connection:
            newest = connection.execute(
                "SELECT name FROM run ORDER BY id DESC LIMIT ?", (_COMPARED,)
            )
            known = [*search.tasks(connection, limit=_COMPARED), *(name for (name,) in newest)]
            return get_close_matches(name, dict.fromkeys(known))


def _save_run(connection: Connection, run: runs.Run) -> None:
    row = rows.run_row(run)
    first = rows.ticks(run.created) << rows.SLOTS
    place = connection.execute("SELECT id, task FROM run WHERE name = ?", (run.name,)).fetchone()
    if place is None:
        (id_,) = connection.execute(_FREE_ID, (first, first + _SLOTS)).fetchone()
        folded, rest = search.fold(run.name), search.rest(run.name, run.task)
        connection.execute(_INSERT_RUN, (*row, run.name, folded, rest, id_))
        connection.execute("INSERT INTO search (rowid, rest) VALUES (?, ?)", (id_, rest))
    else:
        id_, task = place
        if id_ >> rows.SLOTS != first >> rows.SLOTS:
            raise errors.RunConflict(run.name)
        connection.execute(_UPDATE_RUN, (*row, run.name))
        if task != run.task:
            _search_by_all(connection, id_)
    connection.execute(
        "INSERT INTO spec (run, text) VALUES (?, ?) "
        "ON CONFLICT DO UPDATE SET text = excluded.text WHERE text != excluded.text",
        (id_, run.spec),
    )


def _search_by_all(connection: Connection, id_: int) -> None:
    """Has all of a run's name in the search index: its task is another than when it was named."""
    connection.execute(_FORGET, (id_,))
    connection.execute("UPDATE run SET rest = folded WHERE id = ?", (id_,))
    connection.execute(
        "INSERT INTO search (rowid, rest) SELECT id, rest FROM run WHERE id = ?", (id_,)
    )


def _place(connection: Connection, after: runs.Cursor) -> int:
    """The id below which the next page lies, also when the run itself is gone by now."""
    row = connection.execute("SELECT id FROM run WHERE name = ?", (after.name,)).fetchone()
    place: int = rows.ticks(after.created) << rows.SLOTS if row is None else row[0]
    return place


def _remove(connection: Connection, name: str) -> None:
    row = connection.execute("SELECT id FROM run WHERE name = ?", (name,)).fetchone()
    if row is None:
        return
    connection.execute(_FORGET, row)
    for table in ("spec", "step", "attempt", "metric", "artifact"):
        connection.execute(f"DELETE FROM {table} WHERE run = ?", row)
    connection.execute("DELETE FROM run WHERE id = ?", row)
