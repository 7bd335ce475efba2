"""The sites of a worker: each made when its first order comes, in a world of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation import build, client
from ame.federation.conversion import FLModelUtils
from ame.federation.exchange.sites import Lost, Message, Order, Reply, Why
from ame.federation.model import ExchangeFormat, TransferType
from ame.federation.run.site import Site
from ame.federation.simulator import parts
from ame.federation.simulator import setup as setups
from ame.federation.simulator.worker import generators, modules, world
from ame.federation.simulator.worker.script import Script
from ame.federation.spec.executor import Executor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ame.federation.program import Part
    from ame.federation.run.site import SiteParts
    from ame.federation.simulator.setup import Setup
    from ame.federation.simulator.worker.script import Launch
    from ame.federation.spec.context import FLContext
    from ame.federation.spec.shareable import Shareable
    from ame.federation.spec.task import Signal

SCRIPT = "ame.federation.client.executor.ScriptExecutor"
_URL = "simulator"


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
        self._hosts: dict[str, Host] = {}

    def of(self, site: str) -> Host:
        """The site, made if it is not there.

        Raises:
            Exception: whatever the job's own code raises when its parts are made.

        """
        host = self._hosts.get(site)
        if host is None:
            host = self._hosts[site] = Host(self, site)
        return host

    def forget(self, site: str) -> None:
        """It goes on elsewhere."""
        del self._hosts[site]

    def all(self) -> Iterator[tuple[str, Host]]:
        """Those that are there, in the order in which they were made."""
        yield from self._hosts.items()


class Host:
    """One site: what does its orders, and the world it does them in."""

    def __init__(self, hosts: Hosts, site: str) -> None:
        self.hosts = hosts
        self.site = site
        self.app = hosts.setup.program.app(site)
        self.places = setups.Places(Path(hosts.setup.workspace), site)
        self.failure: Why | None = None
        self.scripts: list[ScriptExecutor] = []
        self._make_folder()
        self._world = self.new_world([""], None)
        hosts.process.switch(self._world)
        self._site = Site(
            self._parts(),
            name=site,
            job=setups.JOB,
            root=self.places.folder,
            post=hosts.post,
        )
        self._site.begin()

    @property
    def has_script(self) -> bool:
        """Whether it runs a script."""
        return bool(self.scripts)

    def perform(self, order: Order) -> Reply | Lost:
        """Does an order. Raises nothing."""
        self.hosts.process.switch(self._world)
        self.failure = None
        outcome = self._site.perform(order)
        if isinstance(outcome, Lost) and self.failure is not None:
            return Lost(number=order.number, site=order.site, task=order.task, why=self.failure)
        return outcome

    def rest(self) -> Why | None:
        """Lets its scripts go on until they wait; what became of them, if they failed now."""
        for script in self.scripts:
            if why := script.rest():
                return why
        self.hosts.process.switch(self._world)
        self._site.work()
        return None

    def hear(self, message: Message) -> Message | None:
        """Hears a message; what it answers."""
        self.hosts.process.switch(self._world)
        answer = self._site.hear(message)
        self._site.work()
        return answer

    def finish(self, aborted: str) -> Why | None:
        """The run is over: its scripts go on to their ends, and its parts hear of it."""
        found = None
        for script in self.scripts:
            found = script.finish(aborted) or found
        self.hosts.process.switch(self._world)
        try:
            self._site.end()
        except errors.ComponentFailed as error:
            found = Why(kind="raised", text=str(error), trace=error.trace, place=error.place)
        return found

    def printed(self) -> int:
        """Bytes in its log."""
        return self.hosts.process.output.size()

    def new_world(self, argv: list[str], main: Any) -> world.World:
        """A world for a script of this site, or for its parts."""
        process, setup = self.hosts.process, self.hosts.setup
        path = [str(self.places.custom), *setup.path]
        return world.World(
            process,
            folder=str(self.places.folder),
            log=str(self.places.log),
            argv=argv,
            path=path,
            main=main,
            seed=generators.seed_of(setup.seed, self.site, setup.first),
        )

    def variables(self) -> dict[str, object]:
        """What `{NAME}` stands for."""
        params = {
            name: value
            for name, value in self.app.params.items()
            if isinstance(value, bool | int | float | str)
        }
        return {
            **params,
            "SITE_NAME": self.site,
            "JOB_ID": setups.JOB,
            "WORKSPACE": str(self.places.folder),
            "JOB_CUSTOM_DIR": str(self.places.custom),
            "JOB_CONFIG_DIR": str(self.places.app / "config"),
            "ROOT_URL": _URL,
            "CP_URL": _URL,
            "RELAY_URL": _URL,
            "SECURE_MODE": False,
        }

    def _make_folder(self) -> None:
        self.places.app.mkdir(parents=True, exist_ok=True)
        code = self.hosts.setup.code_of(self.site)
        custom = self.places.custom
        if not custom.is_symlink() or os.readlink(custom) != code:  # noqa: PTH115
            custom.unlink(missing_ok=True)
            custom.symlink_to(code)

    def _parts(self) -> SiteParts:
        code = build.Code(
            self.places.custom, files=self.app.files, packages=self.hosts.setup.program.packages
        )

        def executor(part: Part) -> Executor | None:
            if part.path != SCRIPT:
                return None
            self.scripts.append(ScriptExecutor(self, part))
            return self.scripts[-1]

        return parts.of_site(self.app, code, self.variables(), executor)


class ScriptExecutor(Executor):
    """Does tasks by a script that stays from one task to the next."""

    def __init__(self, host: Host, part: Part) -> None:
        super().__init__()
        self._host = host
        args = part.args
        self._file = str(host.places.custom / str(args["script"]))
        self._exchange = _exchange(args)
        given: Any = args.get("script_args") or ""
        words = given.split() if isinstance(given, str) else [str(each) for each in given]
        self._argv = [build.fill(word, host.variables()) for word in words]
        self._script: Script | None = None
        self._world: world.World | None = None

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Has the script do it."""
        process = self._host.hosts.process
        here = process.here
        script = self._running()
        process.switch(self._world)
        received = client.Received(task=task_name, model=FLModelUtils.from_shareable(shareable))
        answer = script.perform(received, self._host.hosts.launch)
        process.switch(here)
        if isinstance(answer, Why):
            self._host.failure = answer
            raise errors.NoAnswer(answer.text, answer.place)
        return FLModelUtils.to_shareable(answer)

    def rest(self) -> Why | None:
        """Lets the script go on until it asks for its next task."""
        script = self._script
        if script is None or not script.answered:
            return None
        self._host.hosts.process.switch(self._world)
        script.rest()
        return script.why

    def finish(self, aborted: str) -> Why | None:
        """Lets the script go on to its end."""
        script = self._script
        if script is None or script.ended:
            return None
        self._host.hosts.process.switch(self._world)
        script.finish(aborted)
        return script.why

    def _running(self) -> Script:
        """The script; one that has ended starts again from the top."""
        if self._script is None or self._script.ended:
            host = self._host
            main = modules.new_main(self._file)
            self._world = made = host.new_world([self._file, *self._argv], main)
            info = client.SystemInfo(
                site_name=host.site,
                job_id=setups.JOB,
                exchange=self._exchange,
                config=dict(host.app.params),
            )
            self._script = Script(
                file=self._file,
                main=main,
                info=info,
                record=lambda record: host.hosts.post.record(host.site, record),
                farewell=made.say_farewell,
            )
            made.session = client.Session(self._script)
        return self._script


_FORMATS = {
    "pytorch": ExchangeFormat.PYTORCH,
    "tensorflow": ExchangeFormat.KERAS_LAYER_WEIGHTS,
    "numpy": ExchangeFormat.NUMPY,
    "raw": ExchangeFormat.RAW,
}
"""What a script gets, by its framework."""


def _exchange(args: Mapping[str, Any]) -> client.Exchange:
    framework = str(args.get("framework") or "pytorch")
    return client.Exchange(
        format=_FORMATS[framework],
        server_format=ExchangeFormat(args.get("server_expected_format") or "numpy"),
        transfer=TransferType(args.get("params_transfer_type") or "FULL"),
    )
