"""What a run is made of, and what that reports. Times are aware, in UTC."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ame.runs.run import Run
from ame.runs.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command of a run. A plain task has one; a pipeline has many."""

    run: str
    name: str
    """Unique within the run: the path of names from the outermost pipeline, joined by `/`."""
    index: int
    """Its place in the order of the file, from 0."""
    needs: tuple[str, ...] = ()
    """Names of the steps that must succeed first."""
    state: State = State.PENDING
    reason: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    limits: str = ""
    """How its resources are held, in words: `memory by cgroup v2, cpu by cgroup v2`."""
    key: str = ""
    """Digest of all that its result depends on, for reuse; empty when not cached."""
    outputs: str = ""
    """Digest of the manifest of files that it made or changed; empty until it succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a step."""

    run: str
    step: str
    number: int
    """From 1."""
    state: State = State.RUNNING
    reason: str = ""
    started: datetime
    ended: datetime | None = None
    exit_code: int | None = None
    """What the command exited with; minus the signal's number when a signal ended it."""
    process: str = ""
    """The command's process, as `process.Identity` writes itself."""
    peak_memory: int | None = None
    """Bytes, where it could be measured."""
    cpu_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number that a step reported."""

    run: str
    step: str
    name: str
    value: float
    at: datetime
    iteration: int | None = None
    """The training step, epoch or round that it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One file that a run saved."""

    run: str
    step: str
    path: str
    """Relative to the project, with `/`."""
    digest: str
    """Of the content, as the blob store names it."""
    size: int
    """Bytes."""
    mode: int = 0o644


Record = Run | Step | Attempt | Metric | Artifact
"""What a store keeps of a run."""


def latest(artifacts: Iterable[Artifact], steps: Iterable[Step]) -> tuple[Artifact, ...]:
    """Of each path what the last of these steps has saved, in the order of the paths."""
    order = {step.name: step.index for step in steps}
    saved = [each for each in artifacts if each.step in order]
    saved.sort(key=lambda each: order[each.step])
    last = {each.path: each for each in saved}
    return tuple(last[path] for path in sorted(last))
