"""Places where a step's command can run: this machine itself, or a container on it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from ame import process, project
from ame.engine import executors
from ame.engine.backends import containers, images
from ame.engine.environments import Environments


class Child(Protocol):
    """A command that was started; `process.Child` says what each part promises."""

    @property
    def output(self) -> BinaryIO:
        """What it prints."""

    @property
    def limited(self) -> str:
        """How its limits are held, in words."""

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
        variables = _variables(self.inherited, own, ready)
        command = process.Command(argv=ready.argv, folder=folder, variables=variables)
        return self.supervisor.start(command, limits)


class Container:
    """Containers of the image that the executor names, for one step of one run."""

    def __init__(
        self,
        engine: containers.Engine,
        supervisor: process.Supervisor,
        *,
        home: Path,
        site: Path,
        labels: Mapping[str, str],
        mounts: tuple[Path, ...],
        gpus: tuple[str, ...],
    ) -> None:
        """`labels`: the `run`, the `step`, and the `owner` that leads it. `mounts`: what the
        command sees of this machine beside its workspace.
        """
        self._engine = engine
        self._supervisor = supervisor
        self._home = home
        self._site = site
        self._labels = labels
        self._mounts = tuple(containers.Mount(path=path) for path in mounts)
        self._gpus = gpus
        self._image: containers.Image | None = None

    def prepare(
        self,
        executor: project.Executor,
        *,
        folder: Path,
        arguments: tuple[str, ...],
        follow: Follow,
        note: Callable[[str], None],
    ) -> executors.Ready:
        """As promised by `Place`; fetches the image where it is missing."""

        def run(command: process.Command) -> process.Exit:
            return follow(self._supervisor.start(command))

        def inside(command: process.Command) -> process.Exit:
            return follow(self._contain(command, process.Limits()))

        self._image = self._engine.fetch(executor.image, run=run, folder=self._home)
        environments = images.Environments(
            self._home / "images", self._image, inside=inside, environ=os.environ, site=self._site
        )
        self._mounts += (
            containers.Mount(path=environments.folder),
            containers.Mount(path=self._site, read_only=True),
        )
        return images.prepare(
            executor,
            folder=folder,
            arguments=arguments,
            environments=environments,
            run=run,
            note=note,
        )

    def start(
        self,
        ready: executors.Ready,
        *,
        folder: Path,
        own: Mapping[str, str],
        limits: process.Limits,
    ) -> Child:
        """As promised by `Place`."""
        variables = _variables({}, own, ready)
        command = process.Command(argv=ready.argv, folder=folder, variables=variables)
        return self._contain(command, limits)

    def _contain(self, command: process.Command, limits: process.Limits) -> Child:
        assert self._image is not None
        return self._engine.start(
            self._supervisor,
            command,
            limits,
            self._image,
            run=self._labels["run"],
            step=self._labels["step"],
            owner=self._labels["owner"],
            mounts=self._mounts,
            gpus=self._gpus,
        )


def _variables(
    inherited: Mapping[str, str], own: Mapping[str, str], ready: executors.Ready
) -> dict[str, str]:
    """The whole environment of a command. Paths of its Python come before those of the task."""
    joined = {
        name: os.pathsep.join((ready.variables[name], own[name]))
        for name in ("PATH", "PYTHONPATH")
        if name in own and name in ready.variables
    }
    return {**inherited, **ready.defaults, **own, **ready.variables, **joined}
