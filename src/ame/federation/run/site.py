"""A site: takes a task to its executor, through its filters, and brings back the result."""

import copy
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ame import errors
from ame.federation.client.record import Record
from ame.federation.exchange.sites import Lost, Message, Order, Post, Reply
from ame.federation.exchange.watcher import Nobody, Watcher
from ame.federation.run.chains import Blamed, Chain
from ame.federation.run.engine import SERVER, Build, Engine
from ame.federation.run.ledger import Ledger
from ame.federation.run.losses import as_answer, why_failed
from ame.federation.spec.analytics import ANALYTIC_EVENT_TYPE, AnalyticsData
from ame.federation.spec.context import FLContext, Prop
from ame.federation.spec.executor import Executor
from ame.federation.spec.filter import ContentBlockedException
from ame.federation.spec.names.events import EventType
from ame.federation.spec.names.keys import (
    FLContextKey,
    ProcessType,
    ReservedHeaderKey,
)
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply
from ame.federation.spec.task import Signal

DO_TASK = "__do_task__"
"""The topic by which one site gives another a task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteParts:
    """The live objects of a job's site."""

    executors: Sequence[tuple[Sequence[str], Executor]]
    """Each with its tasks: names, or patterns."""
    components: Mapping[str, Any] = field(default_factory=dict)
    task_data_filters: Chain = field(default_factory=Chain)
    """What comes to the site."""
    task_result_filters: Chain = field(default_factory=Chain)
    """What leaves it."""
    sent_data_filters: Chain = field(default_factory=Chain)
    """What tasks that it gives to peers go through."""
    taken_result_filters: Chain = field(default_factory=Chain)
    """What peers' results of such tasks go through."""
    params: Mapping[str, Any] = field(default_factory=dict)
    build: Build | None = None


class SiteEngine(Engine):
    """What contexts of a site give of their run."""

    site: "Site"
    min_clients: int = 1
    mandatory_clients: tuple[str, ...] = ()
    seed: int = 0
    watcher: Watcher = Nobody()
    """As on the server, for controllers that a site leads; of what they refuse the log tells."""
    keep: Callable[[Record], None] | None = None
    """Takes what parts tell; None: nobody does."""
    ledger: Ledger | None = None
    alone: bool = False
    """Whether others must not know what its noise comes from: it is no simulated site."""

    def recorded(self, data: AnalyticsData) -> None:
        """Keep what a part of the site tells."""
        if self.keep is not None:
            self.keep(Record.told(data))

    def later(self, deed: Callable[[], None]) -> None:
        """Do something once the order or message that is being dealt with is done."""
        self.site.deeds.append(deed)

    def get_client_name(self) -> str:
        """The site's name."""
        return self.name


class Site:
    """Does the orders of one site, one at a time, all by one thread.

    Whoever holds it calls `begin` once, then `perform` or `hear` for each order and message that
    comes, `work` after each of them, and `end` once. While an executor waits for an answer to a
    message of its own, its post calls `hear` (not `work`) for what comes meanwhile.
    """

    def __init__(
        self,
        parts: SiteParts,
        *,
        name: str,
        job: str,
        root: Path | str,
        sites: Sequence[str] = (),
        post: Post | None = None,
    ) -> None:
        """`root`: the folder of the site, in which the run's is made; `sites`: all of the job."""
        self.name = name
        self._parts = parts
        self.engine = SiteEngine(
            name=name,
            job=job,
            root=root,
            process=ProcessType.CLIENT_JOB,
            components=parts.components,
            parts=[
                *(executor for _, executor in parts.executors),
                *parts.task_data_filters.filters(),
                *parts.task_result_filters.filters(),
                *parts.sent_data_filters.filters(),
                *parts.taken_result_filters.filters(),
            ],
            sites=sites,
            params=parts.params,
            build=parts.build,
        )
        self.engine.post = post
        self.engine.site = self
        known, own = self.engine.manager.stickers, Prop(name, private=True, sticky=True)
        known[FLContextKey.CLIENT_NAME] = known[FLContextKey.SITE_NAME] = own
        self.deeds: deque[Callable[[], None]] = deque()
        self._routes: dict[str, Executor | None] = {}
        self._abort: Signal | None = None

    def begin(self) -> None:
        """Let its parts know that the run begins.

        Raises:
            errors.ComponentFailed: one of them raised an error.
        """
        ctx = self.engine.new_context()
        self.engine.fire(EventType.ABOUT_TO_START_RUN, ctx)
        self.engine.fire(EventType.START_RUN, ctx)

    def perform(self, order: Order) -> Reply | Lost:
        """Do an order. Raises nothing: what goes wrong is in the loss."""
        begun = time.perf_counter()
        try:
            ctx = self.engine.context_with(SERVER, order.data.get_peer_props())
            result = self._do(order.task, order.data, str(order.number), ctx)
        except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever users' code raises is told)
            return self._lost(order, error)
        finally:
            self._abort = None
        if self.engine.signal.triggered:
            return self._lost(order, self._panic())
        return Reply(
            number=order.number,
            site=self.name,
            task=order.task,
            result=result,
            seconds=time.perf_counter() - begun,
        )

    def hear(self, message: Message) -> Message | None:
        """Hear a message, and return the answer, if it wants one.

        Raises:
            errors.ComponentFailed: what hears it raised an error.
        """
        if message.topic != DO_TASK:
            return self.engine.hear(message)
        task = str(message.data.get_header(ReservedHeaderKey.TASK_NAME))
        ctx = self.engine.context_with(message.sender, message.data.get_peer_props())
        if not message.number:
            with Blamed(self._route(task), f"doing task `{task}`"):
                self._do(task, message.data, f"{message.sender}-{message.number}", ctx)
            return None
        ctx.put(
            FLContextKey.TASK_ID, f"{message.sender}-{message.number}", private=True, sticky=False
        )
        result = self.attempt(task, message.data, ctx)
        return Message(
            sender=self.name,
            target=message.sender,
            topic=DO_TASK,
            data=result,
            number=message.number,
            answer=True,
        )

    def do(self, task: str, data: Shareable, ctx: FLContext) -> Shareable:
        """Have the executor of another task do it, here and now: for controllers of peers.

        Raises:
            errors.ComponentFailed: a filter raised an error.
            Exception: whatever the executor raises.
        """
        return self._do(task, data, ctx.get_prop(FLContextKey.TASK_ID) or task, ctx)

    def attempt(self, task: str, data: Shareable, ctx: FLContext) -> Shareable:
        """The same for a peer that waits: where it fails, an answer that says why."""
        try:
            with Blamed(self._route(task), f"doing task `{task}`"):
                return self.do(task, data, ctx)
        except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever users' code raises is told)
            return as_answer(why_failed(error))

    def sent(self, task: str, data: Shareable, ctx: FLContext) -> Shareable:
        """What goes to a peer of the data of a task that this site gives it; that stays as it is.

        Raises:
            ContentBlockedException: a filter lets nothing pass.
            errors.ComponentFailed: a filter raised an error.
        """
        filters = self._parts.sent_data_filters
        return filters.apply(task, copy.deepcopy(data), ctx) if filters.of(task) else data

    def taken(self, task: str, result: Shareable, ctx: FLContext) -> Shareable:
        """What is taken of a peer's result of such a task; raises as `sent` does."""
        return self._parts.taken_result_filters.apply(task, result, ctx)

    def tell(self, record: Record) -> None:
        """Let its parts hear what a script has recorded.

        Raises:
            errors.ComponentFailed: one of them raised an error.
        """
        ctx = self.engine.new_context()
        told = record.data().to_dxo().to_shareable()
        ctx.put(FLContextKey.EVENT_DATA, told, private=True, sticky=False)
        self.engine.fire(ANALYTIC_EVENT_TYPE, ctx)

    def work(self) -> None:
        """Do what was put off until now.

        Raises:
            errors.ComponentFailed: it raised an error.
        """
        while self.deeds:
            deed = self.deeds.popleft()
            with Blamed(getattr(deed, "__self__", deed), "working"):
                deed()

    def abort(self) -> None:
        """Let the task that is being done end soon. Called from another thread."""
        if self._abort is not None:
            self._abort.trigger("the task is no longer wanted")
            self.engine.fire(EventType.ABORT_TASK, self.engine.new_context())

    def end(self) -> None:
        """Let its parts know that the run is over.

        Raises:
            errors.ComponentFailed: one of them raised an error.
        """
        ctx = self.engine.new_context()
        self.engine.fire(EventType.ABOUT_TO_END_RUN, ctx)
        self.engine.fire(EventType.END_RUN, ctx)

    def let_go(self) -> None:
        """Nothing of it is used any more: it is taken apart, so that its memory is free at once."""
        self.engine.keep = self.engine.post = None
        self.engine.manager.let_go()
        del self.engine.site

    def _route(self, task: str) -> Executor | None:
        """Who does a task: who has its very name, or else the first whose pattern fits."""
        if task in self._routes:
            return self._routes[task]
        fits: Executor | None = None
        for tasks, executor in self._parts.executors:
            if task in tasks:
                fits = executor
                break
            if fits is None and any(each == "*" or fnmatchcase(task, each) for each in tasks):
                fits = executor
        self._routes[task] = fits
        return fits

    def _do(self, task: str, data: Shareable, number: str, ctx: FLContext) -> Shareable:
        engine, parts = self.engine, self._parts
        executor = self._route(task)
        cookies = data.get_cookie_jar()
        ctx.put(FLContextKey.TASK_NAME, task, private=True, sticky=False)
        ctx.put(FLContextKey.TASK_ID, number, private=True, sticky=False)
        ctx.put(FLContextKey.TASK_DATA, data, private=True, sticky=False)
        if executor is None:
            result = make_reply(ReturnCode.TASK_UNKNOWN)
            result.set_header(ReservedHeaderKey.ERROR, self._unknown(task))
            return result
        if parts.task_data_filters.of(task):
            engine.fire(EventType.BEFORE_TASK_DATA_FILTER, ctx)
            try:
                data = parts.task_data_filters.apply(task, data, ctx)
            except ContentBlockedException as error:
                return _blocked(ReturnCode.TASK_DATA_FILTER_ERROR, error)
            ctx.put(FLContextKey.TASK_DATA, data, private=True, sticky=False)
            engine.fire(EventType.AFTER_TASK_DATA_FILTER, ctx)
        engine.fire(EventType.BEFORE_TASK_EXECUTION, ctx)
        self._abort = Signal(engine.signal)
        result = executor.execute(task, data, ctx, self._abort)
        if not isinstance(result, Shareable):
            message = f"{executor.name} returned a {type(result).__name__}, not a Shareable"
            raise TypeError(message)
        ctx.put(FLContextKey.TASK_RESULT, result, private=True, sticky=False)
        engine.fire(EventType.AFTER_TASK_EXECUTION, ctx)
        if parts.task_result_filters.of(task):
            engine.fire(EventType.BEFORE_TASK_RESULT_FILTER, ctx)
            try:
                result = parts.task_result_filters.apply(task, result, ctx)
            except (ContentBlockedException, errors.UpdateRefused) as error:
                return _blocked(ReturnCode.TASK_RESULT_FILTER_ERROR, error)
            ctx.put(FLContextKey.TASK_RESULT, result, private=True, sticky=False)
            engine.fire(EventType.AFTER_TASK_RESULT_FILTER, ctx)
        if cookies:
            result.set_cookie_jar(cookies)
        engine.fire(EventType.BEFORE_SEND_TASK_RESULT, ctx)
        told = ctx.told()
        if told:
            result.set_peer_props(told)
        engine.fire(EventType.AFTER_SEND_TASK_RESULT, ctx)
        return result

    def _unknown(self, task: str) -> str:
        known = [", ".join(tasks) for tasks, _ in self._parts.executors]
        return f"{self.name} does no task `{task}`; it does {'; '.join(known) or 'none'}"

    def _panic(self) -> BaseException:
        cause = self.engine.signal.value
        return cause if isinstance(cause, BaseException) else errors.RunOver(str(cause))

    def _lost(self, order: Order, error: BaseException) -> Lost:
        return Lost(number=order.number, site=self.name, task=order.task, why=why_failed(error))


def _blocked(rc: str, error: Exception) -> Shareable:
    reply = make_reply(rc)
    reply.set_header(ReservedHeaderKey.ERROR, str(error))
    return reply
