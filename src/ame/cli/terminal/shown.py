"""How values are shown: tables for people, JSON for programs."""

from __future__ import annotations

import errno
import json
import os
import sys
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import click

from ame import runs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from ame.engine.home import Home
    from ame.engine.start import Finished
    from ame.runs import datasets

_LAST_LINES = 10
_NAMED = 20
_COLOURS = {
    runs.State.RUNNING: "blue",
    runs.State.SUCCEEDED: "green",
    runs.State.FAILED: "red",
    runs.State.CANCELLED: "yellow",
}


@contextmanager
def while_it_is_read() -> Iterator[None]:
    """Gives up printing when nobody reads any more; what was done counts all the same."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in {errno.EPIPE, errno.EIO}:
            raise
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def as_json(value: object) -> str:
    """Indented for a terminal, on one line otherwise."""
    return json.dumps(value, indent=2 if sys.stdout.isatty() else None, default=_plain)


def print_list(found: Collection[object], form: str, text: str, *, none: str) -> None:
    """Prints what was found, as JSON or as this text: whatever `form` says.

    Where nothing was found, people are told so beside it: `none` says it, and what one could do.
    """
    if form == "json":
        click.echo(as_json(found))
        return
    if text:
        click.echo(text)
    if not found:
        click.echo(none, err=True)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the last one is not padded."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        " ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def size(count: int) -> str:
    """Bytes as a person reads them: `71 B`, `52 kB`, `1.3 GB`."""
    amount, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.{0 if amount >= 10 or units[0] == 'B' else 1}f} {units[0]}"


def moment(at: datetime) -> str:
    """In the time of this place, to the second."""
    return at.astimezone().isoformat(sep=" ", timespec="seconds")


def fields(record: runs.Record | datasets.Dataset) -> dict[str, object]:
    """A record's fields by name, but for what only ame reads."""
    return {
        name: getattr(record, name) for name in record.__slots__ if name not in {"spec", "owner"}
    }


def whole(run: runs.Run, store: runs.Store) -> dict[str, object]:
    """A run with its steps, their attempts, and what they reported and saved."""
    attempts = store.attempts(run.name)
    steps = [
        {
            **fields(step),
            "attempts": [fields(each) for each in attempts if each.step == step.name],
        }
        for step in store.steps(run.name)
    ]
    return {
        **fields(run),
        "steps": steps,
        "metrics": [fields(metric) for metric in store.metrics(run.name)],
        "artifacts": [fields(artifact) for artifact in store.artifacts(run.name)],
    }


def finished(end: Finished, store: runs.Store) -> dict[str, object]:
    """What came of a run."""
    brought = {"written": end.returned.written, "kept": end.returned.kept}
    return {**whole(end.run, store), "returned": brought}


def print_end(end: Finished, home: Home, *, tails: bool) -> None:
    """What a person wants to see last: why it failed, what was measured, what was saved.

    `tails`: whether the last lines of a step that failed have not been shown yet.
    """
    run = end.run
    if run.state is runs.State.FAILED and tails:
        _print_failures(run, home)
    measured = metrics(home.store.metrics(run.name), home.store.steps(run.name))
    if measured:
        click.echo(f"\n{measured}")
    written = end.returned.written
    if written:
        click.echo("\nArtifacts, saved and brought back:")
        for path in written[:_NAMED]:
            click.echo(f"  {path}")
        if len(written) > _NAMED:
            more = len(written) - _NAMED
            click.echo(f"  and {more} more: `ame artifact list {run.name}`")
    for path in end.returned.kept:
        click.echo(
            f"kept your own {path}; `ame artifact get {run.name} {path} -o FILE` gives the run's"
        )
    state = click.style(str(run.state), fg=_COLOURS.get(run.state))
    reason = f" ({run.reason})" if run.reason else ""
    click.echo(f"\n{run.name} {state}{reason}")
    if run.state is runs.State.FAILED:
        click.echo(
            f"`ame task logs {run.name}` shows all logs; once it is mended, "
            f"`ame task run --resume {run.name}` continues"
        )


def _print_failures(run: runs.Run, home: Home) -> None:
    steps = home.store.steps(run.name)
    reasons = {step.name: step.reason for step in steps}
    for step, lines in last_lines(steps, home.folder / "runs" / run.name):
        click.echo(f"\n{click.style(step, fg='red')}: {reasons[step]}", err=True)
        for line in lines:
            click.echo(f"  {line}", err=True)


def last_lines(steps: Sequence[runs.Step], folder: Path) -> Iterator[tuple[str, list[str]]]:
    """For each step that has failed, by name, what it has printed last beside its reason."""
    from ame.engine.reports import log

    for step in steps:
        if step.state is runs.State.FAILED:
            lines = log.tail(folder / str(step.index), _LAST_LINES)
            yield step.name, [line for line in lines if line != f"{log.OWN}{step.reason}"]


def metrics(measured: Sequence[runs.Metric], steps: Sequence[runs.Step]) -> str:
    """A table: a row for each step, a column for each metric's last value."""
    reporting = {metric.step for metric in measured}
    last: dict[str, dict[str, float]] = {step.name: {} for step in steps if step.name in reporting}
    names: dict[str, None] = {}
    for metric in measured:
        last[metric.step][metric.name] = metric.value
        names.setdefault(metric.name)
    if not last:
        return ""
    rows = [
        (step, *(f"{values[name]:.6g}" if name in values else "" for name in names))
        for step, values in last.items()
    ]
    return table(("Step", *names), rows)
