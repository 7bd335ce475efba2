"""What goes wrong while a federated job runs."""

from collections.abc import Mapping, Sequence

from ame.errors.tree import Cancelled, Conflict, Failed, NotFound


class ComponentFailed(Failed):
    """A part of a job raised an error of its own, on the server or on a site."""

    def __init__(self, *, component: str, doing: str, what: str, place: str, trace: str) -> None:
        self.component = component
        self.doing = doing
        self.what = what
        self.place = place
        self.trace = trace
        """Its own traceback."""
        where = f" ({place})" if place else ""
        super().__init__(f"{component} failed while {doing}: {what}{where}")


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
        self, *, task: str, at: int | None, needed: int, given: int, lost: Mapping[str, str]
    ) -> None:
        """`at`: the round; `lost`: why each site failed, by site."""
        self.task = task
        self.at = at
        self.needed = needed
        self.given = given
        self.lost = dict(lost)
        when = f" of round {at}" if at is not None else ""
        whys = "".join(f"\n  {site}: {why}" for site, why in self.lost.items())
        super().__init__(
            f"task `{task}`{when} has {given} usable results, and needs {needed}:{whys}\n"
            "mend what fails, or let the job go on with fewer by `min_clients`"
        )


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
            f"there is no {wanted} `{name}`; there are {shown}: add it with `job.to(…)`"
        )


class IdTaken(Conflict, ValueError):
    """Two components of one id."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"there is a component `{name}` already: give this one another id")
