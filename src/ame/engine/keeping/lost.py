"""Runs whose leader is gone: found, marked as failed, and what they left running ended."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ame import runs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

REASON = "lost: the process that led it is gone"


def mark(store: runs.Store, home: Path) -> tuple[runs.Run, ...]:
    """Brings the store in line with what is true; returns the runs that were found lost.

    What such a run still has going is ended, and its workspaces are removed. Its logs stay.
    """
    found: list[runs.Run] = []
    for left in store.unfinished():
        if alive(left.owner):
            continue
        from ame import process

        attempts = (each for each in store.attempts(left.name) if not each.state.final)
        leaders = (process.Identity.parse(each.process) for each in attempts if each.process)
        process.sweep(marker(left.name), *leaders)
        # It may have ended, and its leader with it, since it was read.
        run = store.find(left.name)
        if run.state.final:
            continue
        found.append(end(run, store, state=runs.State.FAILED, reason=REASON))
        clear(home / "runs" / run.name)
    if any('"image":' in run.spec for run in found):
        from ame.engine.backends import containers

        containers.sweep(os.environ, alive)
    return tuple(found)


def end(run: runs.Run, store: runs.Store, *, state: runs.State, reason: str) -> runs.Run:
    """Saves a run that has ended before its time, with all of it that had not ended."""
    now = datetime.now(UTC)
    ended = replace(run, state=state, reason=reason, ended=now)
    attempts = [
        replace(each, state=state, reason=reason, ended=now)
        for each in store.attempts(run.name)
        if not each.state.final
    ]
    steps = _ended_steps(store.steps(run.name), state, reason, now)
    store.save(ended, *steps, *attempts)
    return ended


def alive(owner: str) -> bool:
    """Whether the process that leads a run still is, given as it writes its identity."""
    from ame import process  # not before there is a run to ask about: lists are to be quick

    return process.alive(process.Identity.parse(owner))


def marker(run: str) -> str:
    """By which the processes of a run are found again, whatever has become of ame itself."""
    return f"AME_RUN={run}"


def clear(folder: Path) -> None:
    """Removes the workspaces of a run; its logs stay."""
    from ame.engine.workspace.folder import remove

    remove(folder / "work")


def _ended_steps(
    steps: Iterable[runs.Step], state: runs.State, reason: str, now: datetime
) -> list[runs.Step]:
    running = [step.name for step in steps if step.state is runs.State.RUNNING]
    because = f"{', '.join(running)} failed" if running and state is runs.State.FAILED else reason
    ended: list[runs.Step] = []
    for step in steps:
        if step.state is runs.State.RUNNING:
            ended.append(replace(step, state=state, reason=reason, ended=now))
        elif step.state is runs.State.PENDING:
            cancelled = runs.State.CANCELLED
            ended.append(replace(step, state=cancelled, reason=because, ended=now))
    return ended
