"""Records as rows of the database, and back, each in the order of its statement in `sqlite`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from ame import runs

Row = Sequence[Any]  # what sqlite3 gives: int, float, str, bytes or None

SLOTS = 10
"""Bits by which a run's id exceeds its microsecond of creation."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def ticks(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def moment(number: int) -> datetime:
    """The time that `ticks` made the number of."""
    return _EPOCH + timedelta(microseconds=number)


def run_row(run: runs.Run) -> Row:
    return (
        run.task,
        run.project,
        run.kind,
        run.state.value,
        _text(run.reason),
        _ticks(run.started),
        _ticks(run.ended),
        run.owner,
        os.fsencode(run.folder),
        run.commit,
        run.dirty,
        _list(run.arguments),
        run.resumes,
    )


def run_of(row: Row) -> runs.Run:
    """From the id, the name, the columns of `run_row`, and the text of the spec or NULL."""
    return runs.Run(
        name=row[1],
        task=row[2],
        project=row[3],
        kind=row[4],
        state=runs.State(row[5]),
        reason=row[6],
        created=moment(row[0] >> SLOTS),
        started=_moment(row[7]),
        ended=_moment(row[8]),
        owner=row[9],
        folder=os.fsdecode(row[10]),
        commit=row[11],
        dirty=bool(row[12]),
        arguments=_strings(row[13]),
        resumes=row[14],
        spec=row[15] or "",
    )


def step_row(step: runs.Step) -> Row:
    return (
        step.name,
        step.index,
        _list(step.needs),
        step.state.value,
        _text(step.reason),
        _ticks(step.started),
        _ticks(step.ended),
        step.limits,
        step.key,
        step.outputs,
    )


def step_of(run: str, row: Row) -> runs.Step:
    return runs.Step(
        run=run,
        name=row[0],
        index=row[1],
        needs=_strings(row[2]),
        state=runs.State(row[3]),
        reason=row[4],
        started=_moment(row[5]),
        ended=_moment(row[6]),
        limits=row[7],
        key=row[8],
        outputs=row[9],
    )


def attempt_row(attempt: runs.Attempt) -> Row:
    return (
        attempt.step,
        attempt.number,
        attempt.state.value,
        _text(attempt.reason),
        ticks(attempt.started),
        _ticks(attempt.ended),
        attempt.exit_code,
        attempt.process,
        attempt.peak_memory,
        attempt.cpu_seconds,
    )


def attempt_of(run: str, row: Row) -> runs.Attempt:
    return runs.Attempt(
        run=run,
        step=row[0],
        number=row[1],
        state=runs.State(row[2]),
        reason=row[3],
        started=moment(row[4]),
        ended=_moment(row[5]),
        exit_code=row[6],
        process=row[7],
        peak_memory=row[8],
        cpu_seconds=row[9],
    )


def metric_row(metric: runs.Metric) -> Row:
    return (metric.step, metric.name, metric.value, ticks(metric.at), metric.iteration)


def metric_of(run: str, row: Row) -> runs.Metric:
    """A value that is NULL was not a number: SQLite keeps none of that kind."""
    return runs.Metric(
        run=run,
        step=row[0],
        name=row[1],
        value=float("nan") if row[2] is None else row[2],
        at=moment(row[3]),
        iteration=row[4],
    )


def artifact_row(artifact: runs.Artifact) -> Row:
    return (
        os.fsencode(artifact.path),
        artifact.step,
        artifact.digest,
        artifact.size,
        artifact.mode,
    )


def artifact_of(run: str, row: Row) -> runs.Artifact:
    return runs.Artifact(
        run=run, path=os.fsdecode(row[0]), step=row[1], digest=row[2], size=row[3], mode=row[4]
    )


def _ticks(at: datetime | None) -> int | None:
    return None if at is None else ticks(at)


def _moment(number: int | None) -> datetime | None:
    return None if number is None else moment(number)


def _text(words: str) -> str:
    """A reason may quote a file name that is no Unicode: its odd bytes are written out."""
    return words if words.isascii() else words.encode(errors="backslashreplace").decode()


@lru_cache(maxsize=1024)  # what a step needs is written at each of its moves
def _list(strings: tuple[str, ...]) -> str:
    return json.dumps(strings) if strings else ""


def _strings(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text else ()
