"""Federated jobs: what is said of them, what they carry, the folders that hold them.

Those that also are errors of Python's own are what scripts written for NVFLARE may catch.
"""

from collections.abc import Sequence

from ame.errors.tree import Conflict, Denied, Invalid, NotFound, Unsupported


class JobInvalid(Invalid, ValueError):
    """A call that defines a federated job says something that cannot be."""


class JobTypeInvalid(Invalid, TypeError):
    """A call that defines a federated job is given a value of the wrong type."""

    def __init__(self, argument: str, wanted: str, given: object) -> None:
        self.argument = argument
        self.given = given
        super().__init__(f"`{argument}` must be {wanted}, not {type(given).__name__} {given!r}")


class ArgumentUnfit(Invalid, TypeError, ValueError):
    """An argument of a component cannot travel with the job."""

    def __init__(self, component: str, argument: str, why: str, remedy: str) -> None:
        self.component = component
        self.argument = argument
        super().__init__(f"argument `{argument}` of `{component}` {why}; {remedy}")


class CallUnfit(Invalid, TypeError):
    """A job's own file calls something with an argument that it does not take, or without one."""

    def __init__(self, place: str, called: str, argument: str, why: str) -> None:
        """`argument`: its name; empty for one too many."""
        self.place = place
        self.called = called
        self.argument = argument
        super().__init__(f"{place}: `{called}` {why}")


class ClassUnfit(Invalid, ValueError):
    """A class cannot travel with the job."""

    def __init__(self, component: str, why: str, remedy: str) -> None:
        self.component = component
        super().__init__(f"class `{component}` {why}; {remedy}")


class JobConflict(Conflict, RuntimeError):
    """Two parts of a job contradict each other."""


class ResourceMissing(NotFound, RuntimeError, ValueError):
    """A script or a folder that the job is to carry is not there."""


class SiteUnknown(NotFound, ValueError):
    """The job says nothing of this site."""

    def __init__(self, site: str, known: Sequence[str]) -> None:
        self.site = site
        self.known = known
        super().__init__(
            f"the job says nothing of site `{site}`; it knows {', '.join(known) or 'none'}; "
            "add what it does with `job.to(…)`, or with `job.to_clients(…)` for all"
        )


class SitesUnclear(Invalid, ValueError):
    """Which sites take part is not said, or said twice and differently."""


class ClassRefused(Denied, ValueError):
    """A job names a class that is neither one of `ame` nor one of the job's own code."""

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        super().__init__(
            f"class `{path}` is refused: {why}; a job runs classes of `ame`, those of NVFLARE "
            "that `ame` serves, and those of its own code"
        )


class JobFolderInvalid(Invalid, ValueError):
    """A job folder is not one of NVFLARE's, or is damaged."""

    def __init__(self, place: str, why: str) -> None:
        self.place = place
        super().__init__(f"{place}: {why}")


class JobFolderUnsafe(Denied, ValueError):
    """A job folder leads out of itself."""

    def __init__(self, place: str, why: str) -> None:
        self.place = place
        super().__init__(f"{place}: {why}; nothing of the job was run")


class NotExportable(Unsupported, ValueError):
    """NVFLARE has no counterpart of this part of the job."""

    def __init__(self, part: str, version: str, why: str) -> None:
        self.part = part
        self.version = version
        super().__init__(f"`{part}` cannot be exported for NVFLARE {version}: {why}")


class NameNotServed(Unsupported, ImportError):
    """A script imports a name of NVFLARE that `ame` does not serve."""

    def __init__(self, wanted: str, nearest: Sequence[str], why: str = "") -> None:
        """`why`: if that is on purpose, and what to do instead."""
        self.wanted = wanted
        self.nearest = nearest
        self.why = why
        near = f"; nearest are {', '.join(f'`{each}`' for each in nearest)}" if nearest else ""
        super().__init__(
            f"`{wanted}` is not served by `ame`{f': {why}' if why else near}; with NVFLARE "
            "installed, `--engine nvflare` runs the job on it"
        )
