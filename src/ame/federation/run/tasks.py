"""Tasks of a server's controllers: given to sites, followed until they are done."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

from ame import errors
from ame.federation.exchange.sites import Lost, Order, Reply, Sites, Why
from ame.federation.run import losses
from ame.federation.run.chains import Blamed, Chain
from ame.federation.run.engine import Engine
from ame.federation.run.outgoing import Outgoing
from ame.federation.run.plans import Broadcast, Forever, Plan, Relay, Single
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller, Targets
from ame.federation.spec.filter import ContentBlockedException
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import EventType
from ame.federation.spec.names.keys import FLContextKey, ReservedHeaderKey, ReservedKey
from ame.federation.spec.shareable import ReturnCode, Shareable, make_reply
from ame.federation.spec.task import (
    Client,
    ClientTask,
    SendOrder,
    Signal,
    Task,
    TaskCompletionStatus,
)


@dataclass(slots=True, eq=False)
class _Standing:
    """A task that is not done."""

    task: Task
    plan: Plan
    controller: Controller
    deadline: float | None
    open: dict[int, ClientTask] = field(default_factory=dict)
    outgoing: Outgoing = field(default_factory=Outgoing)


class Tasks:
    """Gives tasks to sites, for the controllers of a server (`controller.Communicator`).

    `follow` is called by the one thread that takes what sites send; all else by any thread.
    """

    def __init__(
        self,
        *,
        sites: Sites,
        engine: Engine,
        data: Chain,
        results: Chain,
        clock: Callable[[], float] = time.monotonic,
        lost: Callable[[Lost], None] = lambda _: None,
    ) -> None:
        """`lost`: told of sites that are given up; of others those who hold `sites` tell."""
        self._sites = sites
        self._engine = engine
        self._data = data
        self._results = results
        self._clock = clock
        self._lost = lost
        self._changed = Condition()
        self._standing: list[_Standing] = []
        self._orders: dict[int, _Standing] = {}
        self._numbers = itertools.count(1)
        self._gone: dict[str, float] = {}
        self.controller: Controller | None = None

    # What controllers call.

    def broadcast(
        self,
        task: Task,
        fl_ctx: FLContext,
        targets: Targets = None,
        min_responses: int = 1,
        wait_time_after_min_received: float = 0,
    ) -> None:
        """Give it to all targets, all sites if None."""
        names = self._names(task, targets)
        for what, value in (
            ("min_responses", min_responses),
            ("wait_time_after_min_received", wait_time_after_min_received),
        ):
            if value < 0:
                message = f"{what} of task `{task.name}` must be 0 or more, not {value}"
                raise ValueError(message)
        if min_responses > len(names):
            message = (
                f"min_responses of task `{task.name}` is {min_responses}, but it goes to "
                f"{len(names)} sites"
            )
            raise ValueError(message)
        self._give(task, Broadcast(names, min_responses, wait_time_after_min_received))

    def broadcast_forever(self, task: Task, fl_ctx: FLContext, targets: Targets = None) -> None:
        """Give it to each target again whenever it answered."""
        self._give(task, Forever(self._names(task, targets)))

    def send(
        self,
        task: Task,
        fl_ctx: FLContext,
        targets: Targets = None,
        send_order: SendOrder = SendOrder.SEQUENTIAL,
        task_assignment_timeout: float = 0,
    ) -> None:
        """Give it to one target: the first; in any order, to the one with the least to do."""
        if not targets and send_order == SendOrder.SEQUENTIAL:
            message = f"task `{task.name}` is sent in sequential order: name its targets"
            raise ValueError(message)
        names = self._names(task, targets)
        if send_order == SendOrder.ANY:
            busy = self._busy()
            names = sorted(names, key=lambda name: busy.get(name, 0))
        self._give(task, Single(names))

    def relay(
        self,
        task: Task,
        fl_ctx: FLContext,
        targets: Targets = None,
        send_order: SendOrder = SendOrder.SEQUENTIAL,
        task_assignment_timeout: float = 0,
        task_result_timeout: float = 0,
        dynamic_targets: bool = True,
    ) -> None:
        """Give it to one target after another."""
        self._give(task, Relay(self._names(task, targets), task_result_timeout))

    def wait(self, task: Task, abort_signal: Signal | None) -> None:
        """Wait until it is done; at the signal, end it and return."""
        with self._changed:
            while task.is_standing:
                if self._engine.signal.triggered:
                    break
                if abort_signal is not None and abort_signal.triggered:
                    break
                self._changed.wait(0.1)
        if task.is_standing:
            self.cancel_task(task, TaskCompletionStatus.ABORTED, None)

    def wait_any(self, timeout: float) -> None:
        """Wait until the number of standing tasks changes, or `timeout` seconds."""
        with self._changed:
            if self._standing and not self._engine.signal.triggered:
                self._changed.wait(timeout)

    def get_num_standing_tasks(self) -> int:
        """How many stand."""
        return len(self._standing)

    def cancel_task(
        self, task: Task, status: TaskCompletionStatus, fl_ctx: FLContext | None
    ) -> None:
        """End one."""
        with self._changed:
            found = [each for each in self._standing if each.task is task]
        for each in found:
            self._end(each, status)

    def cancel_all_tasks(self, status: TaskCompletionStatus, fl_ctx: FLContext | None) -> None:
        """End all."""
        for each in list(self._standing):
            self._end(each, status)

    def get_client_disconnect_time(self, client_name: str) -> float | None:
        """Since when a site is lost."""
        return self._gone.get(client_name)

    # What the run calls.

    def due(self) -> float | None:
        """When `check` may have something to do though nothing comes."""
        with self._changed:
            times = [
                when
                for each in self._standing
                for when in (each.deadline, each.plan.due())
                if when is not None
            ]
        return min(times, default=None)

    def check(self) -> None:
        """End tasks whose time is up, and pass over sites that take too long."""
        now = self._clock()
        for each in list(self._standing):
            if each.deadline is not None and now >= each.deadline:
                self._give_up(each)
                continue
            late = each.plan.late(now)
            if late:
                self._send(each, late)
            self._settle(each, now)

    def wake(self) -> None:
        """Let those that wait look again."""
        with self._changed:
            self._changed.notify_all()

    def follow(self, came: Reply | Lost) -> None:
        """Take a reply or a loss to its task.

        Raises:
            errors.ComponentFailed: a part of the job raised an error over it.
        """
        with self._changed:
            standing = self._orders.pop(came.number, None)
            share = standing.open.pop(came.number, None) if standing is not None else None
        if standing is None or share is None:
            self._follow_late(came)
            return
        now = self._clock()
        with standing.task.cb_lock:
            gone = self._take(standing, share, came)
        follows = standing.plan.after(came.site, answered=not gone, now=now)
        if follows and standing.task.is_standing:
            self._send(standing, follows)
        self._settle(standing, now)

    def _names(self, task: Task, targets: Targets) -> list[str]:
        if not isinstance(task, Task):
            message = f"a Task is needed, not a {type(task).__name__}"
            raise TypeError(message)
        known = self._sites.names
        if targets is None:
            return list(known)
        if not isinstance(targets, (list, tuple)):
            message = f"targets of task `{task.name}` must be a list, not {targets!r}"
            raise TypeError(message)
        names = [each.name if isinstance(each, Client) else each for each in targets]
        for name in names:
            if name not in known:
                raise errors.SiteUnknown(name, known)
        return names

    def _busy(self) -> dict[str, int]:
        with self._changed:
            busy: dict[str, int] = {}
            for each in self._standing:
                for share in each.open.values():
                    busy[share.client.name] = busy.get(share.client.name, 0) + 1
        return busy

    def _give(self, task: Task, plan: Plan) -> None:
        if self._engine.signal.triggered:
            raise errors.RunOver(str(self._engine.signal.value))
        if task.schedule_time is not None:
            message = f"task `{task.name}` was given out before: make a new one"
            raise ValueError(message)
        if self.controller is None:
            raise errors.RunOver("no workflow is under way")
        now = self._clock()
        task.schedule_time = time.time()
        task.is_standing = True
        first = plan.first()
        task.targets = list(getattr(plan, "targets", first))
        standing = _Standing(
            task, plan, self.controller, now + task.timeout if task.timeout else None
        )
        with self._changed:
            self._standing.append(standing)
        if not first:
            self._end(standing, TaskCompletionStatus.OK)
            return
        self._send(standing, first)
        self._settle(standing, now)

    def _send(self, standing: _Standing, names: Sequence[str]) -> None:
        """Give the task to these sites, as it is now."""
        task = standing.task
        orders, lost = [], []
        with task.cb_lock:
            for name in names:
                client = self._engine.get_client_from_name(name)
                assert client is not None
                share = ClientTask(client, task)
                ctx = self._context(standing, name, share)
                self._call(task.before_task_sent_cb, standing, share, ctx)
                if task.completion_status is not None:
                    return
                number = next(self._numbers)
                try:
                    data = standing.outgoing.of(task, self._data, ctx)
                except ContentBlockedException as error:
                    why = Why(kind="dropped", text=f"a filter let the task not pass: {error}")
                    lost.append(Lost(number=number, site=name, task=task.name, why=why))
                else:
                    order = Order(
                        number=number, site=name, task=task.name, data=data,
                        timeout=task.timeout or None,
                    )  # fmt: skip
                    orders.append(order)
                share.task_sent_time = time.time()
                share.task_send_count += 1
                task.client_tasks.append(share)
                task.last_client_task_map[name] = share
                with self._changed:
                    standing.open[number] = share
                    self._orders[number] = standing
                self._call(task.after_task_sent_cb, standing, share, ctx)
        if isinstance(standing.plan, Relay):
            standing.plan.begun(self._clock())
        self._sites.send(orders)
        for each in lost:
            self.follow(each)

    def _context(self, standing: _Standing, site: str, share: ClientTask) -> FLContext:
        ctx = self._engine.context_with(site)
        ctx.put(FLContextKey.TASK_NAME, standing.task.name, private=True, sticky=False)
        ctx.put(FLContextKey.TASK_ID, share.id, private=True, sticky=False)
        return ctx

    def _take(self, standing: _Standing, share: ClientTask, came: Reply | Lost) -> bool:
        """Let the controller see what came; whether its site is gone."""
        task = standing.task
        if isinstance(came, Lost):
            at = task.data.get_header(AppConstants.CURRENT_ROUND)
            result = losses.as_result(came, at)
            share.props[losses.WHY] = came.why
        else:
            result = came.result
        ctx = self._context_of(result, standing, came.site, share)
        if isinstance(came, Reply):
            result = self._incoming(task, result, ctx)
        gone = isinstance(came, Lost) and came.why.kind in losses.GONE
        if gone:
            self._gone[came.site] = time.time()
        else:
            self._gone.pop(came.site, None)
            share.result_received_time = time.time()
        share.result = result
        ctx.put(FLContextKey.TASK_RESULT, result, private=True, sticky=False)
        self._engine.fire(EventType.BEFORE_PROCESS_SUBMISSION, ctx)
        self._call(task.result_received_cb, standing, share, ctx)
        self._engine.fire(EventType.AFTER_PROCESS_SUBMISSION, ctx)
        return gone

    def _context_of(
        self, result: Shareable, standing: _Standing, site: str, share: ClientTask
    ) -> FLContext:
        told = {**(result.get_peer_props() or {}), ReservedKey.IDENTITY_NAME: site}
        result.set_peer_props(told)
        ctx = self._engine.context_with(site, {**told, FLContextKey.SHAREABLE: result})
        ctx.put(FLContextKey.TASK_NAME, standing.task.name, private=True, sticky=False)
        ctx.put(FLContextKey.TASK_ID, share.id, private=True, sticky=False)
        return ctx

    def _incoming(self, task: Task, result: Shareable, ctx: FLContext) -> Shareable:
        if not self._results.of(task.name):
            return result
        ctx.put(FLContextKey.TASK_RESULT, result, private=True, sticky=False)
        self._engine.fire(EventType.BEFORE_TASK_RESULT_FILTER, ctx)
        try:
            result = self._results.apply(task.name, result, ctx)
        except ContentBlockedException as error:
            result = make_reply(ReturnCode.TASK_RESULT_FILTER_ERROR)
            result.set_header(ReservedHeaderKey.ERROR, str(error))
        self._engine.fire(EventType.AFTER_TASK_RESULT_FILTER, ctx)
        return result

    def _follow_late(self, came: Reply | Lost) -> None:
        if isinstance(came, Lost) or self.controller is None:
            return
        client = self._engine.get_client_from_name(came.site)
        assert client is not None
        ctx = self._engine.context_with(came.site, came.result.get_peer_props())
        ctx.put(FLContextKey.TASK_NAME, came.task, private=True, sticky=False)
        self._engine.fire(EventType.BEFORE_PROCESS_RESULT_OF_UNKNOWN_TASK, ctx)
        with Blamed(self.controller, f"taking a late result of `{came.task}`"):
            self.controller.process_result_of_unknown_task(
                client, came.task, str(came.number), came.result, ctx
            )
        self._engine.fire(EventType.AFTER_PROCESS_RESULT_OF_UNKNOWN_TASK, ctx)

    def _call(
        self, deed: Any, standing: _Standing, share: ClientTask, ctx: FLContext
    ) -> None:  # fmt: skip
        if deed is not None:
            doing = f"dealing with task `{standing.task.name}` of {share.client.name}"
            with Blamed(standing.controller, doing):
                deed(client_task=share, fl_ctx=ctx)

    def _settle(self, standing: _Standing, now: float) -> None:
        """End the task if its plan says so."""
        if standing.task.is_standing:
            status = standing.plan.done(now)
            if status is not None:
                self._end(standing, status)

    def _give_up(self, standing: _Standing) -> None:
        """Its time is up: sites that have not answered are lost to it, and it ends.

        Raises:
            errors.ComponentFailed, errors.TooFewResults: a controller cannot do without them.
        """
        task = standing.task
        with self._changed:
            awaited, standing.open = standing.open, {}
            for number in awaited:
                self._orders.pop(number, None)
        self._sites.withdraw(awaited)
        why = Why(kind="timeout", text=f"it took longer than the {task.timeout:g} s of the task")
        with task.cb_lock:
            for number, share in awaited.items():
                lost = Lost(number=number, site=share.client.name, task=task.name, why=why)
                self._lost(lost)
                self._take(standing, share, lost)
        self._end(standing, TaskCompletionStatus.TIMEOUT)

    def _end(self, standing: _Standing, status: TaskCompletionStatus) -> None:
        task = standing.task
        with self._changed:
            if not task.is_standing or task.completion_status is not None:
                return
            task.completion_status = status
            withdrawn = list(standing.open)
            for number in withdrawn:
                self._orders.pop(number, None)
            standing.open.clear()
        if withdrawn:
            self._sites.withdraw(withdrawn)
        try:
            if task.task_done_cb is not None:
                with Blamed(standing.controller, f"ending task `{task.name}`"):
                    task.task_done_cb(task=task, fl_ctx=self._engine.new_context())
        finally:
            with self._changed:
                task.is_standing = False
                self._standing.remove(standing)
                self._changed.notify_all()
