"""One doing of a task. Times are aware, in UTC."""

from dataclasses import dataclass
from datetime import datetime

from ame.runs.state import State

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""As many as a byte may choose from without favour: 32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One doing of a task of any kind."""

    name: str
    """Unique among all runs: the task's name, a dash, a few random letters."""
    task: str
    project: str
    kind: str = "task"
    """What was done: `task`, or `fedjob`; later packages add theirs."""
    state: State = State.PENDING
    reason: str = ""
    """Why it is in this state, where the state alone does not say: `train failed`, `lost`."""
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    owner: str = ""
    """The process that leads it, as `process.Identity` writes itself."""
    folder: str = ""
    """The project's folder on this machine."""
    commit: str = ""
    """The git commit that the project stood at; empty outside git."""
    dirty: bool = False
    """Whether the work tree differed from that commit."""
    arguments: tuple[str, ...] = ()
    """What followed `--` on the command line."""
    resumes: str = ""
    """The name of the run that this one continues."""
    spec: str = ""
    """What was run, as JSON: enough to view it and to resume it after the file has changed."""


def name(task: str, chance: bytes) -> str:
    """A name for a run of that task; six random bytes tell it from all others."""
    return f"{task}-{''.join(_LETTERS[byte % 32] for byte in chance)}"
