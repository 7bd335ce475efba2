"""A site at work: registers itself, asks for tasks, downloads their code, runs it."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from ame import errors, process, runs
from ame.daemon import paths, records
from ame.daemon.child import Child, python
from ame.daemon.records import Record, Seen, heard, told
from ame.daemon.reports.messages import Triggered
from ame.daemon.site import code, joining, link, offers
from ame.daemon.site.offers import Allowed, Offer, Passed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ame.daemon.child import Arrived
    from ame.daemon.site.info import Info
    from ame.daemon.site.joining import Joined

CLIENT: Final = "client.py"
PROJECT: Final = "site"
"""As which the runs of a site are listed."""
STEP: Final = "client"
LINGER: Final = 2.0
"""Seconds that a client has to end by itself when it said that it has finished."""
RUN: Final = "AME_RUN"
PORT: Final = "AME_TASK_PORT"
ADDRESS: Final = "FLOWER_ADDRESS"
SERVICE: Final = "service_client_ml"
"""As which the events name this service."""
MEBIBYTE: Final = 1 << 20
_REQUEST: Final = "rpc_call_request_task"
_UPDATE: Final = "rpc_call_send_client_stats"
Tell = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a site is to work."""

    work: Path
    """Where `tasks/` and `client_info/` are."""
    home: Path
    """The state folder, in which runs are listed."""
    downloads: str
    """The server from which code is downloaded."""
    allowed: Allowed
    """Which tasks may run here."""
    interval: float = 10.0
    """Seconds from one request to the next."""
    at_once: int = 1
    """How many tasks may run at a time."""
    download: bool = True
    """Whether code may be downloaded; otherwise tasks run with what lies in `tasks/`."""
    node_config: str = ""
    """What SuperNodes of this site are configured with, beside its name."""
    most_bytes: int = 100 * MEBIBYTE
    """What the code of a task may have."""


@dataclass(slots=True, eq=False, kw_only=True)
class _Running:
    """A task that runs here."""

    offer: Offer
    record: Record
    child: Child | None = None
    seen: Seen = field(default_factory=Seen)
    read: int = 0
    stopping: bool = False
    joined: Joined | None = None
    """The SuperLink whose SuperNode it is, where it is one."""
    withdrawn: bool = False
    """The task is offered no more, and its SuperNode has nothing left to do."""

    @property
    def outcome(self) -> tuple[runs.State, str]:
        """What it came to, and why."""
        if self.withdrawn and not self.stopping:
            return runs.State.SUCCEEDED, ""
        return replace(self.seen, stopped=self.stopping or self.seen.stopped).outcome


class Site:
    """Works until it is cancelled. To be used in one loop."""

    def __init__(
        self,
        wish: Wish,
        info: Info,
        functions: link.Functions,
        store: runs.Store,
        told: Callable[[str], None],
        tell: Tell = lambda service, function, event: None,  # noqa: ARG005 - nobody hears
    ) -> None:
        """`told` is given a line for each thing that its owner should know; `tell` tells events."""
        self._wish = wish
        self._info = info
        self._functions = functions
        self._store = store
        self._told = told
        self._tell = partial(tell, SERVICE)
        self._passed = Passed()
        self._running: dict[str, _Running] = {}
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._complaint = ""
        self._falls: Counter[str] = Counter()
        """How often SuperNodes ended by themselves, by the keys of their offers."""
        self._resting: dict[str, float] = {}
        """Until when these are not started again."""

    async def run(self, *, once: bool = False) -> None:
        """Asks, runs what may run, and asks again: after the interval, or when a task has ended.

        With `once`, it ends when it was asked once and what it started has ended.
        """
        self._loop = asyncio.get_running_loop()
        self._tell("main", "Started")
        with process.Supervisor(marker=f"AME_SITE={self._wish.work.absolute()}") as supervisor:
            try:
                while True:
                    self._changed.clear()
                    for offer in await self._asked():
                        await self._begin(offer, supervisor)
                    if once:
                        break
                    try:
                        await asyncio.wait_for(self._changed.wait(), self._wish.interval)
                    except TimeoutError:
                        continue
                while self._running:
                    self._changed.clear()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), self._wish.interval)
                    await self._asked()  # SuperNodes end with their tasks
            finally:
                self._tell("main", "Interrupted")
                await self._end()

    async def _asked(self) -> list[Offer]:
        """What is to be started now."""
        said: object = []
        try:
            await self._register()
            self._tell(_REQUEST, "Started requesting task")
            said = await self._functions.call(link.REQUEST, {"user_id": self._info.id})
            self._tell(_REQUEST, "Finished requesting task")
            self._complain("")
        except errors.Error as error:
            self._tell(_REQUEST, "Failed requesting task")
            self._info.sent(None)  # perhaps it has forgotten us
            self._complain(str(error))
            return []
        offered = self._read(said)
        self._passed = self._passed.seeing(offered)
        self._withdraw({offer.task for offer in offered})
        wish, now = self._wish, self._loop.time()
        ready = [offer for offer in offered if self._resting.get(offer.key, now) <= now]
        return offers.chosen(ready, self._running.keys(), wish.allowed, self._passed, wish.at_once)

    def _withdraw(self, offered: set[str]) -> None:
        """Ends the SuperNodes of tasks that have ended."""
        for task, running in self._running.items():
            if running.joined is not None and task not in offered and not running.withdrawn:
                running.withdrawn = True
                self._ask(running)

    async def _register(self) -> None:
        self._tell(_UPDATE, "Started getting client stats for sending")
        said = await asyncio.to_thread(self._info.changed)
        if said is not None:
            await self._functions.call(link.UPDATE, said)
            self._info.sent(said)
            self._told(f"registered as `{self._info.id}`")
            self._tell(_UPDATE, "Finished getting client stats for sending")

    def _read(self, said: object) -> list[Offer]:
        found = []
        for each in said if isinstance(said, list) else ():
            try:
                found.append(Offer.read(each))
            except (errors.OfferRefused, errors.CodePathInvalid) as error:
                self._complain(str(error))
        return found

    def _complain(self, what: str) -> None:
        """Says what is wrong, once for as long as it is."""
        if what and what != self._complaint:
            self._told(what)
        self._complaint = what

    async def _begin(self, offer: Offer, supervisor: process.Supervisor) -> None:
        """Downloads and starts a task; one that cannot be is put into quarantine."""
        name = runs.name(offer.task, os.urandom(6))
        run = records.fresh(name, offer.task, project=PROJECT, files=list(offer.files))
        record = Record(self._store, self._wish.home, run, step=STEP)
        running = _Running(offer=offer, record=record)
        try:
            if offer.joins == joining.SUPERLINK:
                running.joined = await asyncio.to_thread(self._join, offer)
            elif self._wish.download:
                self._tell("_run_task_one_policy", "Started downloading task")
                await asyncio.to_thread(
                    code.fetch,
                    self._wish.downloads,
                    offer,
                    self._folder(offer.task),
                    self._wish.most_bytes,
                )
                self._tell("_run_task_one_policy", "Finished downloading task")
        except errors.ServerSilent as error:  # the next time
            self._complain(str(error))
            return
        except (errors.Error, OSError) as error:
            await self._fail(running, str(error))
            return
        await asyncio.to_thread(record.begin)
        self._running[offer.task] = running
        try:
            self._tell("start_client_task", "Started client task initialization")
            await asyncio.to_thread(self._start, running, supervisor)
            self._tell("start_client_task", "Finish client task initialization")
        except (errors.Error, OSError) as error:
            await asyncio.to_thread(record.end, runs.State.FAILED, str(error), None)
            self._quarantine(running, str(error))
        else:
            self._told(f"runs `{offer.task}` as `{name}`")

    async def _fail(self, running: _Running, why: str) -> None:
        """A task that cannot even be started."""
        await asyncio.to_thread(running.record.begin)
        await asyncio.to_thread(running.record.end, runs.State.FAILED, why, None)
        self._quarantine(running, why)

    def _folder(self, task: str) -> Path:
        return self._wish.work / "tasks" / f"task_{task}"

    @property
    def _place(self) -> joining.Place:
        wish = self._wish
        return joining.Place(work=wish.work, site=self._info.id, config=wish.node_config)

    def _join(self, offer: Offer) -> Joined:
        if not self._wish.download:
            why = "its code would come through its SuperLink, and none may be downloaded here"
            raise errors.OfferRefused(offer.task, why)
        return joining.join(self._wish.downloads, offer, self._place)

    def _start(self, running: _Running, supervisor: process.Supervisor) -> None:
        variables = _environment(running)
        if running.joined is not None:
            argv = joining.command(running.joined, self._place)
            variables = joining.environment(self._place, variables)
        else:
            argv = self._client(running)
        running.record.start(1, str(process.own_identity()))
        running.child = Child.start(
            argv,
            folder=self._wish.work,
            on=partial(self._hear, running, supervisor),
            supervisor=supervisor,
            variables=variables,
        )

    def _client(self, running: _Running) -> tuple[str, ...]:
        script = self._folder(running.offer.task) / CLIENT
        if not script.is_file():
            raise errors.CodeMissing(running.offer.task, str(script.parent), CLIENT)
        return python(script, str(self._wish.work), *running.offer.arguments)

    def _hear(
        self, running: _Running, supervisor: process.Supervisor, arrived: Sequence[Arrived]
    ) -> None:
        """Keeps what a child says. In its thread."""
        said = [message for _, message in arrived]
        before = running.seen
        running.seen, batch = heard(before, said)
        running.read += len(said)
        running.record.take(batch, running.read)
        for each in said:
            if isinstance(each, Triggered):
                self._trigger(running, each, supervisor)
        if running.seen.ended is not None:
            state, reason = running.outcome
            running.record.end(state, reason, running.seen.code)
            self._loop.call_soon_threadsafe(self._ended, running)
        elif running.seen.over and not before.over:
            linger = 0.0 if running.seen.error else LINGER
            self._loop.call_soon_threadsafe(self._loop.call_later, linger, self._ask, running)

    def _ask(self, running: _Running) -> None:
        if running.child is not None and running.child.ended is None:
            running.child.ask()

    def _ended(self, running: _Running) -> None:
        state, reason = running.outcome
        task = running.offer.task
        if running.joined is not None and self._goes_on(running):
            return
        if state is runs.State.FAILED:
            self._tell("handle_error_from_task", f"Started handling error from task {task}")
            self._quarantine(running, reason)
            self._tell("handle_error_from_task", f"Finished handling error from task {task}")
            return
        self._tell("finish_task", f"Started handling task {task} finalization")
        self._passed = self._passed.finishing(running.offer)
        self._told(f"`{task}` has ended: {state}")
        self._over(running)
        self._tell("finish_task", f"Finished handling task {task} finalization")

    def _goes_on(self, running: _Running) -> bool:
        """Whether the end of a SuperNode is none of its task's: it may be started again."""
        offer = running.offer
        if running.withdrawn or running.stopping:
            self._falls.pop(offer.key, None)
            self._told(f"`{offer.task}` is offered no more: its SuperNode has ended")
        else:
            self._falls[offer.key] += 1
            falls = self._falls[offer.key]
            if falls > joining.FALLS:
                return False
            rest = joining.rest(falls)
            self._resting[offer.key] = self._loop.time() + rest
            why = joining.why(running.seen.ended)
            said = f"the SuperNode for `{offer.task}` is down, and is started again in {rest:g} s"
            self._told(f"{said}: {why}")
        self._over(running)
        return True

    def _quarantine(self, running: _Running, reason: str) -> None:
        self._passed = self._passed.failing(running.offer)
        self._told(f"`{running.offer.task}` has failed, and is not run again: {reason}")
        self._over(running)

    def _over(self, running: _Running) -> None:
        self._running.pop(running.offer.task, None)
        self._changed.set()

    def _trigger(self, running: _Running, asked: Triggered, supervisor: process.Supervisor) -> None:
        """Runs code of the task that its client asks for; what it says goes into the log."""

        def on(arrived: Sequence[Arrived]) -> None:
            running.record.add(told(asked.name, [message for _, message in arrived]))

        try:
            path = paths.within(running.offer.task, f"{asked.name}.py")
            Child.start(
                python(self._folder(running.offer.task) / path, *asked.arguments),
                folder=self._wish.work,
                on=on,
                supervisor=supervisor,
                variables=_environment(running),
            )
        except errors.Error as error:
            running.record.add([f"trigger {asked.name} was not run: {error}"])

    async def _end(self) -> None:
        """Ends what runs."""
        for running in self._running.values():
            running.stopping = True
            self._ask(running)
        while self._running:
            self._changed.clear()
            await self._changed.wait()


def _environment(running: _Running) -> dict[str, str]:
    """What a child finds in its environment: nothing that is the site's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AME_")}
    offer = running.offer
    where = {PORT: str(offer.port), ADDRESS: f"{offer.host}:{offer.port}"} if offer.port else {}
    return {**kept, **where, RUN: running.record.run.name}
