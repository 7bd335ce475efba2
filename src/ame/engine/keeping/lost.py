"""Runs whose leader is gone: found, marked as failed, and what they left running ended."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ame import process, runs

REASON = "lost: the process that led it is gone"


def mark(store: runs.Store, home: Path) -> tuple[runs.Run, ...]:
    """Brings the store in line with what is true; returns the runs that were found lost.

    What such a run still has going is ended, and its workspaces are removed. Its logs stay.
    """
    found: list[runs.Run] = []
    for left in store.unfinished():
        if alive(left.owner):
            continue
        process.sweep(marker(left.name))
        now = datetime.now(UTC)
        steps = store.steps(left.name)
        run = replace(left, state=runs.State.FAILED, reason=REASON, ended=now)
        store.save(
            run,
            *_ended_steps(steps, now),
            *(
                replace(each, state=runs.State.FAILED, reason=REASON, ended=now)
                for each in store.attempts(run.name)
                if not each.state.final
            ),
        )
        clear(home / "runs" / run.name)
        found.append(run)
    if any('"image":' in run.spec for run in found):
        from ame.engine.backends import containers

        containers.sweep(os.environ, alive)
    return tuple(found)


def alive(owner: str) -> bool:
    """Whether the process that leads a run still is, given as it writes its identity."""
    return process.alive(process.Identity.parse(owner))


def marker(run: str) -> str:
    """By which the processes of a run are found again, whatever has become of ame itself."""
    return f"AME_RUN={run}"


def clear(folder: Path) -> None:
    """Removes the workspaces of a run; its logs stay."""
    for workspace in folder.glob("*/work"):
        shutil.rmtree(workspace, ignore_errors=True)


def _ended_steps(steps: Iterable[runs.Step], now: datetime) -> list[runs.Step]:
    running = [step.name for step in steps if step.state is runs.State.RUNNING]
    ended: list[runs.Step] = []
    for step in steps:
        if step.state is runs.State.RUNNING:
            ended.append(replace(step, state=runs.State.FAILED, reason=REASON, ended=now))
        elif step.state is runs.State.PENDING:
            reason = f"{', '.join(running)} failed" if running else REASON
            ended.append(replace(step, state=runs.State.CANCELLED, reason=reason, ended=now))
    return ended
