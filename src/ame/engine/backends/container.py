"""A place where a step's command can run: a container of the image that its executor names."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from ame import process, project
from ame.engine import executors
from ame.engine.backends import containers, images
from ame.engine.backends.places import Child, Follow, variables_of
from ame.engine.settings import Settings
from ame.engine.steps import variables


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
        self._last = ExitStack()
        """What is held until the command has ended."""

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
            mounts = tuple(containers.Mount(path=path) for path in written)
            return follow(self._contain(command, process.Limits(), mounts))

        self._image = self._engine.fetch(executor.image, run=run, folder=self._home)
        store = variables.own_store(Settings.read(self._home), self._home)
        environments = images.Environments(
            self._home / "images",
            self._image,
            inside=inside,
            environ=os.environ,
            site=self._site,
            store=store,
        )
        self._last.callback(environments.close)
        written = [environments.folder] if store is None else [environments.folder, store.parent]
        self._mounts += (
            containers.Mount(path=environments.folder, read_only=True),
            containers.Mount(path=self._site, read_only=True),
        )
        with ExitStack() as failed:
            failed.callback(self._last.close)
            ready = images.prepare(
                executor,
                folder=folder,
                arguments=arguments,
                environments=environments,
                run=run,
                note=note,
            )
            failed.pop_all()
        return ready

    def start(
        self,
        ready: executors.Ready,
        *,
        folder: Path,
        own: Mapping[str, str],
        limits: process.Limits,
    ) -> Child:
        """As promised by `Place`."""
        whole = variables_of({}, own, ready)
        command = process.Command(argv=ready.argv, folder=folder, variables=whole)
        return self._contain(command, limits, self._mounts, after=self._last.close)

    def _contain(
        self,
        command: process.Command,
        limits: process.Limits,
        mounts: tuple[containers.Mount, ...],
        after: Callable[[], None] = lambda: None,
    ) -> Child:
        assert self._image is not None
        return self._engine.start(
            self._supervisor,
            command,
            limits,
            self._image,
            run=self._labels["run"],
            step=self._labels["step"],
            owner=self._labels["owner"],
            mounts=mounts,
            gpus=self._gpus,
            after=after,
        )
