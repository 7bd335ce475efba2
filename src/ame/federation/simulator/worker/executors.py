"""Executors of scripts in a worker: in turns within it, or as processes of their own."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
    from pathlib import Path

    from ame.federation.build import Code
    from ame.federation.program import Part
    from ame.federation.simulator.worker.host import Host
    from ame.federation.simulator.worker.world import World
    from ame.federation.spec.context import FLContext
    from ame.federation.spec.shareable import Shareable
    from ame.federation.spec.task import Signal


def made(host: Host, part: Part, code: Code) -> Executor:
    """The executor of a script.

    Raises:
        ValueError: an argument of it cannot be.

    """
    given: Any = part.args.get("script_args") or ""
    # Split first: what a variable stands for may have spaces.
    split = replace(part, args={**part.args, "script_args": list(words(given))})
    says: ScriptExecutor = code.build(split, host.variables())
    if not says.external:
        return InTurn(host, says)
    says.place = Place(
        code=host.places.custom,
        folder=host.places.folder,
        log=lambda chunk: _append(host.places.log, chunk),
        record=lambda record: host.hosts.post.record(host.site, record),
        supervisor=host.hosts.supervisor(),
    )
    return Beside(host, says)


class InTurn(Executor):
    """Does tasks by a script of this process that stays from one task to the next."""

    def __init__(self, host: Host, says: ScriptExecutor) -> None:
        super().__init__()
        self._host = host
        self._says = says
        self._file = str(host.places.custom / says.script)
        self._script: Script | None = None
        self._world: World | None = None

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Has the script do it.

        Raises:
            errors.NoAnswer: it gave none.

        """
        switch = self._host.hosts.process.switch
        here = self._host.hosts.process.here
        script = self._running()
        switch(self._world)
        received = client.Received(task=task_name, model=FLModelUtils.from_shareable(shareable))
        answer = script.perform(received, self._host.hosts.launch)
        switch(here)
        if isinstance(answer, Why):
            self._host.failure = answer
            raise errors.NoAnswer(answer.text, answer.place)
        return FLModelUtils.to_shareable(answer)

    def rest(self) -> Why | None:
        """Lets the script go on until it asks for its next task; why it failed then."""
        script = self._script
        if script is None or not script.answered:
            return None
        self._host.hosts.process.switch(self._world)
        script.rest()
        return script.why

    def finish(self, aborted: str) -> Why | None:
        """Lets the script go on to its end; why it failed then."""
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
            world = self._world = self._new_world()
            self._script = Script(
                file=self._file,
                main=main,
                info=self._says.info(host.site, setups.JOB, dict(host.app.params)),
                record=lambda record: host.hosts.post.record(host.site, record),
                farewell=world.say_farewell,
            )
            host.hosts.process.switch(None)
            argv = [self._file, *self._says.arguments]
            world.begin(argv, main, client.Session(self._script))
        return self._script

    def _new_world(self) -> World:
        """The first script of a site has its world together with the site's other parts."""
        host = self._host
        if host.scripts[0] is not self:
            return host.new_world()
        if self._world is not None:
            host.world = host.new_world()
        return host.world


class Beside(Executor):
    """Does tasks by a script that is a process of its own."""

    def __init__(self, host: Host, says: ScriptExecutor) -> None:
        super().__init__()
        self._host = host
        self._says = says

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Has the script do it; it is started with the first task.

        Raises:
            errors.ScriptFailed: it gave no answer.

        """
        before, tempfile.tempdir = tempfile.tempdir, self._host.hosts.setup.temporary
        try:
            return self._says.execute(task_name, shareable, fl_ctx, abort_signal)
        except errors.ScriptFailed as error:
            kind: Any = error.kind
            why = Why(kind=kind, text=error.how, trace=error.trace, place=error.place)
            self._host.failure = why
            self._says.close()
            raise
        finally:
            tempfile.tempdir = before

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """At the end of the run the script ends."""
        self._says.handle_event(event_type, fl_ctx)


def _append(log: Path, chunk: bytes) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        while chunk:
            chunk = chunk[os.write(descriptor, chunk) :]
    finally:
        os.close(descriptor)
