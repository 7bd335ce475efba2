"""Places where a step's command can run, and the first of them: this machine itself."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from ame import process, project
from ame.engine import executors
from ame.engine.environments import Environments


class Child(Protocol):
    """A command that was started; `process.Child` says what each part promises."""

    @property
    def identity(self) -> process.Identity:
        """Its process on this machine, or one that lives as long."""

    @property
    def output(self) -> BinaryIO:
        """What it prints."""

    @property
    def limited(self) -> str:
        """How its limits are held, in words."""

    @property
    def grouped(self) -> bool:
        """Whether all of it is found again by a control group, should ame be killed."""

    def ended(self) -> bool:
        """Whether `wait` would return at once."""

    def wait(self, timeout: float | None = None) -> process.Exit:
        """How it ended, once it and all that it started is gone."""

    def end(self, grace: float = 5.0, cause: process.Cause = process.Cause.ASKED) -> None:
        """Ends it and all that it started."""


Follow = Callable[[Child], process.Exit]
"""Takes a child's output into the step's log and waits for its end."""


class Place(Protocol):
    """Where the commands of one attempt run."""

    def prepare(
        self,
        executor: project.Executor,
        *,
        folder: Path,
        arguments: tuple[str, ...],
        follow: Follow,
        note: Callable[[str], None],
    ) -> executors.Ready:
        """Makes or finds what the command needs. Raises as `executors.prepare` does."""

    def start(
        self,
        ready: executors.Ready,
        *,
        folder: Path,
        own: Mapping[str, str],
        limits: process.Limits,
    ) -> Child:
        """Starts the command in the workspace `folder`; `own` are the variables of the step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """This machine: commands inherit the environment that ame was started in."""

    supervisor: process.Supervisor
    environments: Environments
    inherited: Mapping[str, str]

    def prepare(
        self,
        executor: project.Executor,
        *,
        folder: Path,
        arguments: tuple[str, ...],
        follow: Follow,
        note: Callable[[str], None],
    ) -> executors.Ready:
        """As promised by `Place`."""
        return executors.prepare(
            executor,
            folder=folder,
            arguments=arguments,
            environments=self.environments,
            run=lambda command: follow(self.supervisor.start(command)),
            note=note,
        )

    def start(
        self,
        ready: executors.Ready,
        *,
        folder: Path,
        own: Mapping[str, str],
        limits: process.Limits,
    ) -> process.Child:
        """As promised by `Place`."""
        variables = variables_of(self.inherited, own, ready)
        command = process.Command(argv=ready.argv, folder=folder, variables=variables)
        return self.supervisor.start(command, limits)


def variables_of(
    inherited: Mapping[str, str], own: Mapping[str, str], ready: executors.Ready
) -> dict[str, str]:
    """The whole environment of a command. Paths of its Python come before those of the task.

    Python is asked to print at once, so that logs are live, and complete where memory is short.
    """
    joined = {
        name: os.pathsep.join((ready.variables[name], own[name]))
        for name in ("PATH", "PYTHONPATH")
        if name in own and name in ready.variables
    }
    whole = {**inherited, **ready.defaults, **own, **ready.variables, **joined}
    return {"PYTHONUNBUFFERED": "1", **whole}
