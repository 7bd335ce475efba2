"""Services: the servers of Flower tasks, started on demand and led until their runs have ended."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from ame import errors, process, runs
from ame.daemon import records
from ame.daemon.records import Record, Seen
from ame.daemon.services import supervisor
from ame.server.cloud import code, ledger, ports
from ame.server.cloud.leading.hearing import Attempt, Hearing, Trigger
from ame.server.cloud.leading.lookout import LOST, Lookout
from ame.server.cloud.restarts import Again, follows

if TYPE_CHECKING:
    from collections.abc import Callable

    from ame.daemon.reports.messages import Triggered
    from ame.daemon.services.supervisor import Supervised
    from ame.server.cloud.leading.launching import Launcher, Place
    from ame.server.cloud.ledger import Service
    from ame.storage.databases import Database

PROJECT: Final = "cloud"
"""As which runs of services are listed."""
STEP: Final = "server"
LOG = logging.getLogger("ame.cloud")
LINGER: Final = 2.0
"""Seconds that it has to end by itself when it said that it has finished or failed."""
PATIENCE: Final = 30.0
"""Seconds in which a service that is told to end is to be gone."""
TICK: Final = 1.0
"""Seconds after which services are looked for that another manager was asked to end."""


@dataclass(slots=True, eq=False, kw_only=True)
class _Led:
    """A service that this manager leads."""

    service: Service
    record: Record
    supervised: Supervised | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Services:
    """Starts, leads and ends services. To be used in one loop, between `open` and `close`."""

    def __init__(
        self,
        database: Database,
        store: runs.Store,
        launcher: Launcher,
        clock: Callable[[], float],
        failed: Callable[[str], None] = lambda task: None,  # noqa: ARG005 - told of errors
        lost: float = LOST,
    ) -> None:
        self._database = database
        self._store = store
        self._place = launcher.place
        self.launcher = launcher
        self._clock = clock
        self._lookout = Lookout(database, self._place.machine, clock, lost)
        self._failed = failed
        self._led: dict[str, _Led] = {}
        self._triggers: dict[str, Supervised] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Finds the services again that an earlier manager of this machine has left."""
        self._loop = asyncio.get_running_loop()
        self._hearing = Hearing(self._place.folder)
        mine = await self._database.read(lambda rows: ledger.services(rows, self._place.machine))
        with suppress(errors.DatabaseUnusable):
            await self._lookout.look()
        for service in mine:
            self._go(self._found(service))
        self._go(self._look())

    async def close(self, *, keep: bool) -> None:
        """Ends all services, unless they are to be kept for the next manager to find."""
        if not keep:
            await asyncio.gather(
                *(self.stop(task) for task in list(self._led)), return_exceptions=True
            )
            for trigger in list(self._triggers.values()):  # of what has ended before
                trigger.ask()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._hearing.close)

    async def start(
        self, task: str, arguments: str | None = None, use: str = code.USES[0]
    ) -> Service:
        """Starts the service of a task, with its own arguments where none are given.

        Raises:
            errors.CloudTaskUnknown: there is no such task.
            errors.CloudTaskRuns: its service runs already, and goes on.
            errors.CodeMissing: it has no code, or nothing to run for this use.
            errors.PortTaken, errors.PortsSpent: there is no port for it.
            errors.ServiceUnstarted: its process could not be started.
        """
        wanted, version = await self._database.read(
            lambda rows: (ledger.task(rows, task), ledger.newest(rows, task))
        )
        if use not in code.USES:
            raise errors.CloudTaskInvalid("use", f"is {use[:40]!r}: one of {', '.join(code.USES)}")
        asked = ledger.Service(
            task=task,
            run=runs.name(task, secrets.token_bytes(6)),
            machine=self._place.machine,
            host=ports.host(),
            port=wanted.port,
            version=version.number if version else 0,
            purpose=use,
            arguments=(wanted.server_arguments or "") if arguments is None else arguments,
        )
        joins = await asyncio.to_thread(self.launcher.joins, asked, version)
        begun = await self._begin(replace(asked, joins=joins))
        try:
            led = self._lead(begun, _fresh(self._store, self._place, begun))
        except errors.Error:  # nothing keeps what becomes of it
            await self._database.do(partial(ledger.end_service, run=begun.run))
            raise
        try:
            await self._launch(led)
        except errors.Error as error:
            await self._close(led, runs.State.FAILED, str(error), None)
            raise
        return begun

    async def stop(self, task: str) -> None:
        """Ends the service of a task and all that it started; returns when it has ended.

        Raises:
            errors.CloudTaskUnknown: there is no such task.
            errors.CloudTaskIdle: its service does not run.
            errors.ServiceUnstoppable: it is led by another manager, which does not end it.
        """
        service = await self._database.do(lambda rows: ledger.mark_stopping(rows, task))
        led = self._led.get(task)
        try:
            async with asyncio.timeout(PATIENCE):
                if led is not None:
                    self._end(led)
                    await led.over.wait()
                while led is None and await self._runs(service):
                    await asyncio.sleep(TICK / 4)
        except TimeoutError:
            raise errors.ServiceUnstoppable(task, PATIENCE) from None

    async def _runs(self, service: Service) -> bool:
        now = await self._database.read(lambda rows: ledger.service(rows, service.task))
        return now is not None and now.run == service.run

    async def _begin(self, asked: Service) -> Service:
        """Takes a port that is no other service's and no other process's."""
        avoid: set[int] = set()
        while True:
            add = partial(ledger.add_service, service_=asked, avoid=avoid, now=self._clock())
            begun = await self._database.do(add)
            if ports.free(begun.port):
                return begun
            await self._database.do(partial(ledger.end_service, run=begun.run))
            if asked.port:
                raise errors.PortTaken(asked.port, "another process")
            avoid.add(begun.port)

    def _lead(self, service: Service, record: Record) -> _Led:
        led = self._led[service.task] = _Led(service=service, record=record)
        return led

    async def _launch(self, led: _Led) -> None:
        """Starts the present attempt of a service."""
        service = led.service
        number = service.version
        version = (
            await self._database.read(lambda rows: ledger.newest(rows, service.task, number))
            if number
            else None
        )
        led.supervised = await asyncio.to_thread(self._started, led, version)
        await self._database.do(
            partial(
                ledger.keep_ref,
                run=service.run,
                ref=str(led.supervised.ref),
                attempt=service.attempt,
            )
        )
        self._hear(led)

    def _started(self, led: _Led, version: code.Version | None) -> Supervised:
        found = self.launcher.start(led.service, version)
        led.record.start(led.service.attempt, str(found.ref.identity))
        return found

    def _hear(self, led: _Led) -> None:
        assert led.supervised is not None
        attempt = Attempt(
            supervised=led.supervised,
            record=led.record,
            ended=lambda seen: self._call(self._go, self._settle(led, seen)),
            finishing=lambda: self._call(self._end_soon, led),
            triggered=partial(self._triggered, led, led.service),
        )
        self._hearing.add(f"{led.service.run}.{led.service.attempt}", attempt)
        if led.stopping.is_set() or led.service.stopping:
            self._end(led)

    def _triggered(self, led: _Led, service: Service, number: int, asked: Triggered) -> None:
        """Runs code that a service asks for. In the thread that hears."""
        try:
            found = self.launcher.trigger(service, number, asked)
        except errors.Error as error:
            led.record.add([f"trigger {asked.name} was not run: {error}"])
        else:
            self._overhear(led, found, f"{service.attempt}.{number}", asked.name)

    def _overhear(self, led: _Led, trigger: Supervised, key: str, name: str) -> None:
        at = f"{led.service.run}.{key}"
        self._triggers[at] = trigger
        heard = Trigger(
            supervised=trigger,
            record=led.record,
            key=key,
            name=name,
            ended=lambda: self._call(self._triggers.pop, at, None),
        )
        self._hearing.add(at, heard)

    def _call(self, do: Callable[..., object], *values: object) -> None:
        """In the loop, from the thread that hears."""
        with suppress(RuntimeError):  # the loop has ended: the next manager finds the service
            self._loop.call_soon_threadsafe(do, *values)

    def _end(self, led: _Led) -> None:
        led.stopping.set()
        if led.supervised is not None:
            led.supervised.ask()
        for name, trigger in list(self._triggers.items()):
            if name.startswith(f"{led.service.run}."):
                trigger.ask()

    def _end_soon(self, led: _Led) -> None:
        attempt = led.supervised

        def end() -> None:
            if attempt is not None and led.supervised is attempt:
                attempt.ask()

        self._loop.call_later(LINGER, end)

    async def _settle(self, led: _Led, seen: Seen) -> None:
        """Does what follows from the end of an attempt."""
        if seen.error:
            self._failed(led.service.task)
        seen = replace(seen, stopped=led.stopping.is_set() or seen.stopped)
        task, _ = await self._database.read(
            lambda rows: (ledger.task(rows, led.service.task), None)
        )
        led.supervised = None
        match follows(seen, task.restart, led.service.attempt):
            case Again(after=after, reason=reason):
                await self._again(led, after, reason, seen.code)
            case over:
                await self._close(led, over.state, over.reason, seen.code)

    async def _again(self, led: _Led, after: float, reason: str, exit_code: int | None) -> None:
        owner = str(process.own_identity())
        await asyncio.to_thread(led.record.rest, owner, reason, exit_code)
        led.service = replace(led.service, attempt=led.service.attempt + 1, ref="")
        next_ = partial(ledger.keep_ref, run=led.service.run, ref="", attempt=led.service.attempt)
        await self._database.do(next_)
        with suppress(TimeoutError):
            await asyncio.wait_for(led.stopping.wait(), after)
        if led.stopping.is_set():
            await self._close(led, runs.State.CANCELLED, "stopped", None)
            return
        try:
            await self._launch(led)
        except errors.Error as error:
            await self._close(led, runs.State.FAILED, str(error), None)

    async def _close(
        self, led: _Led, state: runs.State, reason: str, exit_code: int | None
    ) -> None:
        await asyncio.to_thread(led.record.end, state, reason, exit_code)
        await self._database.do(partial(ledger.end_service, run=led.service.run))
        self._led.pop(led.service.task, None)
        led.over.set()

    async def _found(self, service: Service) -> None:
        """Goes on with a service that an earlier manager began."""
        record = await asyncio.to_thread(_kept, self._store, self._place, service)
        led = self._lead(service, record)
        if service.stopping:
            led.stopping.set()
        led.supervised = await asyncio.to_thread(supervisor.find, self.launcher.folder(service))
        if led.supervised is not None:
            if not service.ref:
                ref = led.supervised.ref
                await asyncio.to_thread(record.start, service.attempt, str(ref.identity))
                keep = partial(
                    ledger.keep_ref, run=service.run, ref=str(ref), attempt=service.attempt
                )
                await self._database.do(keep)
            for key, (name, _) in record.triggers.items():
                number = int(key.rpartition(".")[2])
                trigger = await asyncio.to_thread(self.launcher.triggered, service, number)
                if trigger is not None:
                    self._overhear(led, trigger, key, name)
            self._hear(led)
        elif service.ref or service.stopping:
            await self._settle(led, Seen())
        else:
            try:
                await self._launch(led)
            except errors.Error as error:
                await self._close(led, runs.State.FAILED, str(error), None)

    async def _look(self) -> None:
        """Ends what another manager was asked to end, or has given up; gives up what is lost."""
        while True:
            await asyncio.sleep(TICK)
            with suppress(errors.DatabaseUnusable):
                led = list(self._led.values())
                mine = await self._database.read(
                    lambda rows: ledger.services(rows, self._place.machine)
                )
                wanted = {each.run for each in mine if not each.stopping}
                for each in led:
                    if each.service.run not in wanted and not each.stopping.is_set():
                        self._end(each)
                for lost in await self._lookout.look():
                    LOG.warning("%s is lost: its manager is silent", lost.run)
                    record = await asyncio.to_thread(_kept, self._store, self._place, lost)
                    why = "lost: its manager is silent"
                    await asyncio.to_thread(record.end, runs.State.FAILED, why, None)

    def _go(self, work: object) -> None:
        assert asyncio.iscoroutine(work)
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _fresh(store: runs.Store, place: Place, service: Service) -> Record:
    run = records.fresh(
        service.run,
        service.task,
        project=PROJECT,
        version=service.version,
        use=service.purpose,
        port=service.port,
        attempt=service.attempt,
    )
    arguments = tuple(service.arguments.split())
    record = Record(
        store,
        place.home,
        replace(run, folder=os.fspath(place.work), arguments=arguments),
        step=STEP,
    )
    record.begin()
    return record


def _kept(store: runs.Store, place: Place, service: Service) -> Record:
    """What is kept of a run; begun anew, where a crash came before it was."""
    try:
        run = store.find(service.run)
    except errors.RunNotFound:
        return _fresh(store, place, service)
    if run.name != service.run:
        return _fresh(store, place, service)
    return Record(store, place.home, run, step=STEP)
