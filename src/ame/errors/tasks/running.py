"""A run, or what came of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ame.errors.tree import Conflict, Failed, NotFound, Unavailable

if TYPE_CHECKING:
    from pathlib import Path


class RunNotFound(NotFound):
    """No run and no task has that name."""

    def __init__(self, name: str, nearest: Sequence[str] = ()) -> None:
        self.name = name
        self.nearest = tuple(nearest)
        hint = f"; did you mean {' or '.join(f'`{near}`' for near in nearest)}?" if nearest else ""
        super().__init__(f"no run is called `{name}`{hint or '; `ame task list` shows all'}")


class RunConflict(Conflict):
    """A run of that name is kept that was created at another time: it is another run."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"another run is called `{name}` already: give this one another name")


class RunUnfinished(Conflict):
    """A run is still going."""

    def __init__(self, name: str, state: str) -> None:
        self.name = name
        self.state = state
        super().__init__(f"`{name}` is {state}: end it first with `ame task cancel {name}`")


class ResumeRefused(Conflict):
    """A run of one task cannot be continued as another task."""

    def __init__(self, run: str, task: str, wanted: str) -> None:
        self.run = run
        self.task = task
        self.wanted = wanted
        super().__init__(
            f"`{run}` is a run of `{task}`, so it cannot be continued as `{wanted}`: "
            f"leave the name out"
        )


class ResumedElsewhere(Conflict):
    """A run that is none of a task of `ame.yml` is continued by another command, if at all."""

    def __init__(self, run: str, kind: str) -> None:
        self.run = run
        self.kind = kind
        how = "`ame fed run --resume` continues it" if kind == "fedjob" else "begin it anew"
        super().__init__(f"`{run}` is a run of kind `{kind}`, none of a task of `ame.yml`: {how}")


class NotApproved(Conflict):
    """Something that cannot be undone was asked for, and nobody can be asked back."""

    def __init__(self, deed: str, option: str) -> None:
        self.deed = deed
        self.option = option
        super().__init__(f"{deed} is not approved: add `{option}`")


class ClaimTooLarge(Unavailable):
    """More was asked for than the machine ever has."""

    def __init__(self, short: Sequence[tuple[str, str, str]]) -> None:
        """`short`: what there is too little of, how much was asked for, how much there is."""
        self.short = tuple(short)
        parts = [f"{name} {asked}, of which it has {has}" for name, asked, has in short]
        super().__init__(f"this machine cannot give {'; '.join(parts)}: ask for less")


class TooLarge(Unavailable):
    """A task asks for more than this machine will ever have."""

    def __init__(self, short: Mapping[str, Sequence[str]]) -> None:
        self.short = dict(short)
        """For each step, what is short, in words."""
        lines = [f"  {step}: {what}" for step, lacking in short.items() for what in lacking]
        super().__init__(
            "this machine is too small for the task:\n"
            + "\n".join(lines)
            + "\nrun it with `--fit` to give it what the machine has, or ask for less"
        )


class TimedOut(Failed):
    """A command took longer than its task allows."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"timed out after {seconds:g} s")


class StepsConflict(Failed):
    """Two steps that ran beside each other wrote one path differently."""

    def __init__(self, path: str, step: str, other: str) -> None:
        self.path = path
        self.step = step
        self.other = other
        super().__init__(
            f"`{step}` and `{other}` ran beside each other and wrote `{path}` differently: "
            "let them write to different paths, or run one after the other"
        )


class ArtifactMissing(Failed):
    """A task did not make what it is to save."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"artifact `{path}` was not made: no file is there")


class ArtifactNotFound(NotFound):
    """A run has saved no such file."""

    def __init__(self, path: str, run: str, saved: Sequence[str]) -> None:
        self.path = path
        self.run = run
        from difflib import get_close_matches

        near = get_close_matches(path, saved, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"`ame artifact list {run}` shows all"
        super().__init__(f"`{run}` has saved no `{path}`; {hint}")


class FileThere(Conflict):
    """A file would be overwritten."""

    def __init__(self, path: "Path") -> None:
        self.path = path
        super().__init__(f"{path} is there already: name another place, or add `--force`")


class DatasetEmpty(Failed):
    """What makes a data set left nothing at its path."""

    def __init__(self, dataset: str, path: str) -> None:
        self.dataset = dataset
        self.path = path
        super().__init__(f"data set `{dataset}`: its task left no file at `{path}`")


class DatasetNotKept(NotFound):
    """No data set of that name has been made on this machine."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no data set `{name}` is kept here; `ame ds list` shows those that are")


class MlflowUnread(Unavailable):
    """What MLflow has kept cannot be read."""

    def __init__(self, uri: str, why: str) -> None:
        self.uri = uri
        self.why = why
        super().__init__(f"the metrics in {uri} could not be read: {why}")
