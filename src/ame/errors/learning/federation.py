"""What goes wrong while a federated job runs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ame.errors.tree import (
    Cancelled,
    Conflict,
    Damaged,
    Failed,
    Invalid,
    NotFound,
    Unavailable,
    Unsupported,
)

if TYPE_CHECKING:
    from pathlib import Path


class ComponentFailed(Failed):
    """A part of a job raised an error of its own, on the server or on a site."""

    def __init__(self, *, component: str, doing: str, what: str, place: str, trace: str) -> None:
        self.component = component
        self.doing = doing
        self.what = what
        self.place = place
        self.trace = trace
        """Its own traceback."""
        self.how = f"{component} failed while {doing}: {what}"
        super().__init__(f"{self.how} ({place})" if place else self.how)


class JobPanicked(Failed):
    """A part of a job said that it cannot go on."""

    def __init__(self, *, component: str, reason: str, side: str) -> None:
        self.component = component
        self.reason = reason
        self.side = side
        super().__init__(f"{component} on {side} ended the job: {reason}")


class TooFewResults(Failed):
    """So many sites failed at a task that the job cannot go on."""

    def __init__(
        self,
        *,
        task: str,
        at: int | None,
        needed: int,
        given: int,
        lost: Mapping[str, str],
        mandatory: bool = False,
    ) -> None:
        """`at`: the round; `lost`: why each site failed, by site; `mandatory`: the last one was."""
        self.task = task
        self.at = at
        self.needed = needed
        self.given = given
        self.lost = dict(lost)
        when = f" of round {at}" if at is not None else ""
        whys = "".join(f"\n  {site}: {why}" for site, why in self.lost.items())
        most = f"at most {given} usable result{'s' * (given != 1)}" if given else "no usable result"
        has = f"can have {most}, and needs {needed}"
        remedy = "let the job go on with fewer by `min_clients`"
        if mandatory:
            has = f"lacks the result of {next(reversed(self.lost))}, which is mandatory"
            remedy = "leave the site out of `mandatory_clients`"
        super().__init__(f"task `{task}`{when} {has}:{whys}\nmend what fails, or {remedy}")


class RecipeFailed(Failed, RuntimeError):
    """A recipe's job did not come to its end; why has been told."""

    def __init__(self, job: str, place: str) -> None:
        self.job = job
        self.place = place
        super().__init__(f"job `{job}` failed; what there is of it lies in {place}")


class RunOver(Cancelled):
    """Something was asked of a run that is ending."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the run is over: {why}")


class ComponentUnknown(NotFound, ValueError):
    """A job has no component of that id, or of that kind."""

    def __init__(self, name: str, known: Sequence[str], wanted: str = "component") -> None:
        self.name = name
        self.known = tuple(known)
        shown = ", ".join(f"`{each}`" for each in known) or "none"
        super().__init__(
            f"there is no {wanted} `{name}`; there are {shown}: give it that "
            f"id, `job.to(…, id={name!r})`, or name one that is there"
        )


class IdTaken(Conflict, ValueError):
    """Two components of one id."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"there is a component `{name}` already: give this one another id")


class SourceMissing(NotFound, ValueError):
    """A file that a job is to begin with is not there."""

    def __init__(self, component: str, file: "Path") -> None:
        self.component = component
        self.file = file
        super().__init__(
            f"{component}: there is no file {file} to begin with; give its whole path, or one in "
            "the job's own code"
        )


class SourceUnusable(Damaged, ValueError):
    """A file that a job is to begin with holds no weights, or not those of its model."""

    def __init__(self, component: str, file: "Path", why: str) -> None:
        self.component = component
        self.file = file
        self.why = why
        super().__init__(f"{component}: {file} holds no weights that can be used: {why}")


class ModelUnfit(Invalid, TypeError):
    """What a persistor was given is no model of its framework."""

    def __init__(self, component: str, wanted: str, given: object) -> None:
        self.component = component
        self.wanted = wanted
        self.given = type(given).__name__
        super().__init__(f"{component} needs {wanted} and was given a {self.given}")


class JobMissing(NotFound):
    """A script was run for its job, and ran none."""

    def __init__(self, script: "Path") -> None:
        self.script = script
        super().__init__(
            f"{script} ended without running a job: it must call `job.simulator_run(…)`, "
            'also where it asks for `__name__ == "__main__"`'
        )


class NotAFedJob(Conflict):
    """A run of another kind cannot be continued as a federated job."""

    def __init__(self, run: str, kind: str) -> None:
        self.run = run
        self.kind = kind
        super().__init__(f"`{run}` is a {kind}: `ame {kind} run --resume {run}` continues it")


class EngineMissing(Unavailable):
    """What is to do a job is not installed."""

    def __init__(self, engine: str, remedy: str) -> None:
        self.engine = engine
        super().__init__(f"`--engine {engine}`: {remedy}")


class EngineFailed(Failed):
    """Another engine has not done a job."""

    def __init__(self, engine: str, why: str, log: "Path") -> None:
        self.engine = engine
        self.why = why
        self.log = log
        super().__init__(f"{engine} has not done the job: {why}; it said why in {log}")


class PackageMissing(Unsupported):
    """A package that a component of a job writes by is not installed."""

    def __init__(self, package: str, component: str) -> None:
        self.package = package
        self.component = component
        super().__init__(
            f"{component} needs `{package}`, which is not installed: run `pip install {package}`, "
            "or leave the component out; metrics are in the run without it"
        )
