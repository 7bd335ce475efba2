"""Executors of scripts in a worker: in turns within it, or as processes of their own."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ame import errors
from ame.federation import client
from ame.federation.client.executor import ScriptExecutor, words
from ame.federation.client.external.launch import Place
from ame.federation.conversion import FLModelUtils
from ame.federation.exchange.sites import Why
from ame.federation.simulator import setup as setups
from ame.federation.simulator.worker import modules
from ame.federation.simulator.worker.script import Script
from ame.federation.spec.executor import Executor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.federation.build import Code
    from ame.federation.program import App, Part
    from ame.federation.simulator.worker.script import Launch
    from ame.federation.simulator.worker.world import Process, World
    from ame.federation.spec.context import FLContext
    from ame.federation.spec.shareable import Shareable
    from ame.federation.spec.task import Signal
    from ame.process import Supervisor


class Home(Protocol):
    """The site that a script's executor belongs to."""

    site: str
    app: App
    places: setups.Places
    world: World

    @property
    def process(self) -> Process:
        """The process it lives in, which it may share with other sites."""

    @property
    def launch(self) -> Launch:
        """Has a script run."""

    def variables(self) -> Mapping[str, object]:
        """What `{NAME}` stands for."""

    def record(self, record: client.Record) -> None:
        """Takes what a script has recorded."""

    def supervisor(self) -> Supervisor:
        """What starts scripts as processes of their own."""

    @property
    def says(self) -> dict[int, ScriptExecutor | None]:
        """What scripts are to be, by the ids of their parts; None: each site's is another."""

    @property
    def temporary(self) -> str:
        """A folder that goes with the run."""

    def new_world(self) -> World:
        """A world of its own for one more script of the site."""

    def is_first(self, executor: InTurn) -> bool:
        """Whether it is the first of the site's scripts, which lives in the site's own world."""


def made(home: Home, part: Part, code: Code) -> Executor:
    """The executor of a script.

    Raises:
        ValueError: an argument of it cannot be.

    """
    says = home.says.get(id(part)) or _says(home, part, code)
    if not says.external:
        return InTurn(home, says)
    says.place = Place(
        code=Path(home.places.custom),
        folder=Path(home.places.folder),
        log=lambda chunk: _append(home.places.log, chunk),
        record=home.record,
        supervisor=home.supervisor(),
    )
    return Beside(home, says)


def _says(home: Home, part: Part, code: Code) -> ScriptExecutor:
    """What the script is to be. What no variable is in is kept for the sites to come."""
    given: Any = part.args.get("script_args") or ""
    # Split first: what a variable stands for may have spaces.
    split = replace(part, args={**part.args, "script_args": list(words(given))})
    says: ScriptExecutor = code.build(split, home.variables())
    if id(part) not in home.says:
        same = not says.external and "{" not in str([*part.args.values()])
        home.says[id(part)] = says if same else None
    return says


class InTurn(Executor):
    """Does tasks by a script of this process that stays from one task to the next."""

    def __init__(self, home: Home, says: ScriptExecutor) -> None:
        super().__init__()
        self._home = home
        self._says = says
        self._file = f"{home.places.custom}/{says.script}"
        self._script: Script | None = None
        self._world: World | None = None

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Has the script do it.

        Raises:
            errors.NoAnswer: it gave none.

        """
        process = self._home.process
        here = process.here
        script = self._running()
        process.switch(self._world)
        received = client.Received(task=task_name, model=FLModelUtils.from_shareable(shareable))
        answer = script.perform(received, self._home.launch)
        process.switch(here)
        if isinstance(answer, Why):
            raise errors.NoAnswer(answer.kind, answer.text, trace=answer.trace, place=answer.place)
        return FLModelUtils.to_shareable(answer)

    def rest(self) -> Why | None:
        """Lets the script go on until it asks for its next task; why it failed then."""
        script = self._script
        if script is None or not script.answered:
            return None
        self._home.process.switch(self._world)
        script.rest()
        return script.why

    def finish(self, aborted: str) -> Why | None:
        """Lets the script go on to its end; why it failed then."""
        script = self._script
        if script is None or script.ended:
            return None
        self._home.process.switch(self._world)
        script.finish(aborted)
        return script.why

    def _running(self) -> Script:
        """The script; one that has ended starts again from the top."""
        if self._script is None or self._script.ended:
            home = self._home
            main = modules.new_main(self._file)
            world = self._world = self._new_world()
            self._script = Script(
                file=self._file,
                main=main,
                info=self._says.info(home.site, setups.JOB, dict(home.app.params)),
                record=home.record,
                farewell=world.say_farewell,
            )
            argv = [self._file, *self._says.arguments]
            world.begin(home.process, argv, main, client.Session(self._script))
        return self._script

    def _new_world(self) -> World:
        """The first script of a site has its world together with the site's other parts."""
        home = self._home
        if not home.is_first(self):
            return home.new_world()
        if self._world is not None:
            home.world = home.new_world()
        return home.world


class Beside(Executor):
    """Does tasks by a script that is a process of its own."""

    def __init__(self, home: Home, says: ScriptExecutor) -> None:
        super().__init__()
        self._home = home
        self._says = says

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Has the script do it; it is started with the first task.

        Raises:
            errors.ScriptFailed: it gave no answer.

        """
        before, tempfile.tempdir = tempfile.tempdir, self._home.temporary
        try:
            return self._says.execute(task_name, shareable, fl_ctx, abort_signal)
        except errors.ScriptFailed:
            self._says.close()
            raise
        finally:
            tempfile.tempdir = before

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """At the end of the run the script ends."""
        self._says.handle_event(event_type, fl_ctx)


def _append(log: str, chunk: bytes) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        while chunk:
            chunk = chunk[os.write(descriptor, chunk) :]
    finally:
        os.close(descriptor)
