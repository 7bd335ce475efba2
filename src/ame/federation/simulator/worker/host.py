"""The sites of a worker: each made when its first order comes, in a world of its own."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation import build
from ame.federation.exchange.sites import Lost, Why
from ame.federation.run.ledger import Ledger
from ame.federation.run.losses import why_failed
from ame.federation.run.site import Site
from ame.federation.simulator import parts
from ame.federation.simulator import setup as setups
from ame.federation.simulator.preload import SCRIPT
from ame.federation.simulator.worker import executors, generators, world
from ame.federation.spec.analytics import ANALYTIC_EVENT_TYPE
from ame.process import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ame.federation.client import Record
    from ame.federation.client.executor import ScriptExecutor
    from ame.federation.exchange.sites import Message, Order, Reply
    from ame.federation.program import App, Part
    from ame.federation.run.site import SiteParts
    from ame.federation.simulator.setup import Setup
    from ame.federation.simulator.worker.script import Launch
    from ame.federation.spec.executor import Executor


class Hosts:
    """All sites of a worker."""

    def __init__(
        self,
        setup: Setup,
        process: world.Process,
        launch: Launch,
        post: Any,
        *,
        isolated: bool = False,
    ) -> None:
        self.isolated = isolated
        self.setup = setup
        self.process = process
        self.launch = launch
        self.post = post
        self.ledger = Ledger(setups.spent(setup.workspace))
        self.says: dict[int, ScriptExecutor | None] = {}
        """What scripts are to be, by their parts, where that is the same for every site."""
        self._hosts: dict[str, Host] = {}
        self._supervisor: Supervisor | None = None
        self._crowd: Crowd | None = None
        self._codes: dict[str, build.Code] = {}

    def of(self, site: str) -> Host:
        """The site, made if it is not there; one of a crowd is made anew each time.

        Raises:
            Exception: whatever the job's own code raises when its parts are made.

        """
        host = self._hosts.get(site)
        if host is not None:
            return host
        if self.setup.crowd and not runs_script(self.setup.program.app(site)):
            if self._crowd is None:
                self._crowd = Crowd(self.setup, self.process)
            return Host(self, site, self._crowd)
        host = self._hosts[site] = Host(self, site)
        return host

    def code_of(self, site: str, app: App) -> build.Code:
        """Where the classes of a site are found; of sites with the same files, one."""
        folder = self.setup.code_of(site)
        if folder not in self._codes:
            packages = self.setup.program.packages
            made = CrowdCode if self.setup.crowd and not runs_script(app) else build.Code
            self._codes[folder] = made(Path(folder), files=app.files, packages=packages)
        return self._codes[folder]

    def supervisor(self) -> Supervisor:
        """What starts scripts as processes of their own, and ends them when this process does."""
        if self._supervisor is None:
            self._supervisor = Supervisor()
        return self._supervisor

    def forget(self, site: str) -> None:
        """It goes on elsewhere."""
        del self._hosts[site]

    def all(self) -> Iterator[tuple[str, Host]]:
        """Those that are there, in the order in which they were made."""
        yield from self._hosts.items()


class CrowdCode(build.Code):
    """Finds each class once: a crowd shares its modules."""

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, **more)
        self._found: dict[str, type[Any]] = {}

    def find(self, path: str) -> type[Any]:
        """See `build.Code`."""
        if path not in self._found:
            self._found[path] = super().find(path)
        return self._found[path]


class Crowd(world.World):
    """The one world of a great many sites without scripts; each has only its generators' seed."""

    def __init__(self, setup: Setup, process: world.Process) -> None:
        path = [setup.code, *setup.path]
        super().__init__(process, folder=setup.workspace, log="", path=path, seed=setup.seed)


def runs_script(app: App) -> bool:
    """Whether a site has a script, so that it must stay."""
    return any(routed.executor.path == SCRIPT for routed in app.executors)


class Host:
    """One site: what does its orders, and the world it does them in.

    One of a crowd is made for one order or message, and has no folder unless it prints.
    """

    def __init__(self, hosts: Hosts, site: str, crowd: Crowd | None = None) -> None:
        self._crowd = crowd
        self.hosts = hosts
        self.site = site
        self.app = hosts.setup.program.app(site)
        self.places = setups.Places(hosts.setup.workspace, site)
        self.scripts: list[executors.InTurn] = []
        self.custom = hosts.setup.code_of(site)
        self._variables: dict[str, object] = {}
        if crowd is None:
            self._make_folder()
            self.custom = self.places.custom
        self.world = crowd or self.new_world()
        hosts.process.switch(self.world)
        self._site = Site(
            self._parts(),
            name=site,
            job=setups.JOB,
            root=self.places.folder,
            sites=hosts.setup.sites if self.app.components else (),
            post=hosts.post,
        )
        self._site.engine.keep = self._keep
        self._site.engine.ledger = hosts.ledger
        self._site.engine.alone = hosts.setup.alone
        self._told: deque[Record] = deque()
        self._site.begin()

    @property
    def of_crowd(self) -> bool:
        """Whether it is made anew for each order."""
        return self._crowd is not None

    @property
    def has_script(self) -> bool:
        """Whether it runs a script."""
        return bool(self.scripts)

    def has_tail(self) -> bool:
        """Whether something is still to be done once the order has its reply."""
        return bool(self.scripts or self._site.deeds)

    def perform(self, order: Order) -> Reply | Lost:
        """Does an order. Raises nothing."""
        self.hosts.process.switch(self.world)
        if self._crowd is not None:
            seed = self.hosts.setup.seed
            generators.begin_all(generators.seed_of(seed, self.site, order.number))
        outcome = self._site.perform(order)
        try:
            self._tell()
        except errors.ComponentFailed as error:
            return Lost(
                number=order.number, site=order.site, task=order.task, why=why_failed(error)
            )
        return outcome

    def rest(self) -> Why | None:
        """Lets its scripts go on until they wait; what became of them, if they failed now."""
        for script in self.scripts:
            if failed := script.rest():
                return failed
        self.hosts.process.switch(self.world)
        try:
            self._tell()
            self._site.work()
            if self._crowd is not None:
                self._site.end()
                self._site.let_go()
        except errors.ComponentFailed as error:
            return why_failed(error)
        return None

    def hear(self, message: Message) -> Message | None:
        """Hears a message; what it answers."""
        self.hosts.process.switch(self.world)
        answer = self._site.hear(message)
        self._site.work()
        return answer

    def finish(self, aborted: str) -> Why | None:
        """The run is over: its scripts go on to their ends, and its parts hear of it."""
        found = None
        for script in self.scripts:
            found = script.finish(aborted) or found
        self.hosts.process.switch(self.world)
        try:
            self._tell()
            self._site.end()
        except errors.ComponentFailed as error:
            found = why_failed(error)
        return found

    def printed(self) -> int:
        """Bytes in its log."""
        output = self.hosts.process.output
        if self._crowd is None:
            return output.size()
        if not (said := output.spooled()):
            return 0
        Path(self.places.folder).mkdir(exist_ok=True)
        with Path(self.places.log).open("ab") as log:
            log.write(said)
            return log.tell()

    def new_world(self) -> world.World:
        """A world for this site."""
        process, setup = self.hosts.process, self.hosts.setup
        path = [self.custom, *setup.path]
        return world.World(
            process,
            folder=self.places.folder,
            log=self.places.log,
            path=path,
            seed=generators.seed_of(setup.seed, self.site, setup.first),
        )

    def is_first(self, executor: executors.InTurn) -> bool:
        """Whether it is the first of the site's scripts, which lives in the site's own world."""
        return self.scripts[0] is executor

    def record(self, record: Record) -> None:
        """Takes what a script has recorded. The site's parts hear it once the script rests."""
        self._keep(record)
        self._told.append(record)

    @property
    def says(self) -> dict[int, ScriptExecutor | None]:
        """What scripts are to be, where that is the same for every site of this process."""
        return self.hosts.says

    def supervisor(self) -> Supervisor:
        """What starts scripts as processes of their own."""
        return self.hosts.supervisor()

    @property
    def process(self) -> world.Process:
        """The one it shares with the others."""
        return self.hosts.process

    @property
    def launch(self) -> Launch:
        """Has a script run."""
        return self.hosts.launch

    @property
    def temporary(self) -> str:
        """A folder that goes with the run."""
        return self.hosts.setup.temporary

    def variables(self) -> dict[str, object]:
        """What `{NAME}` stands for."""
        if not self._variables:
            self._variables = self.places.variables(self.app)
            self._variables["JOB_CUSTOM_DIR"] = self.custom
        return self._variables

    def _keep(self, record: Record) -> None:
        self.hosts.post.record(self.site, record)

    def _tell(self) -> None:
        """Lets the site's parts hear what its scripts have recorded, if any of them would."""
        heard = self._site.engine.heard(ANALYTIC_EVENT_TYPE)
        while self._told:
            record = self._told.popleft()
            if heard:
                self._site.tell(record)

    def _make_folder(self) -> None:
        places, code = self.places, self.hosts.setup.code_of(self.site)
        for folder in (places.folder, places.job, places.app):
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder)  # noqa: PTH102
        try:
            os.symlink(code, places.custom)  # noqa: PTH211
        except FileExistsError:
            custom = Path(places.custom)
            if not custom.is_symlink() or os.readlink(custom) != code:  # noqa: PTH115
                custom.unlink()
                custom.symlink_to(code)
        build.lay_out(self.app.files, places.config, of="config")

    def _parts(self) -> SiteParts:
        code = self.hosts.code_of(self.site, self.app)

        def executor(part: Part) -> Executor | None:
            if part.path != SCRIPT:
                return None
            made = executors.made(self, part, code)
            if isinstance(made, executors.InTurn):
                self.scripts.append(made)
            return made

        return parts.of_site(self.app, code, self.variables(), executor)
