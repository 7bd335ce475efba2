"""Tasks of a server's controllers: given to sites, followed until they are done."""

import itertools
import time
from collections.abc import Callable, Sequence
from threading import Condition, RLock

from ame import errors
from ame.federation.exchange.sites import Lost, Order, Reply, Sites, Why
from ame.federation.run.chains import Blamed, Chain
from ame.federation.run.engine import Engine
from ame.federation.run.tasks.incoming import Incoming
from ame.federation.run.tasks.plans import Broadcast, Forever, Plan, Relay, Single
from ame.federation.run.tasks.standing import Standing
from ame.federation.spec.context import FLContext
from ame.federation.spec.controller import Controller, InTurn, Targets, To, ToAll, ToAllAgain, ToOne
from ame.federation.spec.filter import ContentBlockedException
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import (
    Client,
    ClientTask,
    SendOrder,
    Signal,
    Task,
    TaskCompletionStatus,
)


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
        self._incoming = Incoming(engine, results)
        self._clock = clock
        self._lost = lost
        self._lock = RLock()
        self._changed = Condition(self._lock)
        self._standing: list[Standing] = []
        self._orders: dict[int, Standing] = {}
        self._numbers = itertools.count(1)
        self._given = itertools.count(1)
        self.controller: Controller | None = None

    # What controllers call.

    def give(self, task: Task, to: To) -> None:
        """Give it to sites.

        Raises:
            TypeError, ValueError: an argument cannot be.
            errors.SiteUnknown: a target is no site of the job.
            errors.RunOver: no workflow is under way, or it is to end.
        """
        self._give(task, self._plan(task, to))

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
            self.cancel_task(task, TaskCompletionStatus.ABORTED)

    def wait_any(self, timeout: float) -> None:
        """Wait until the number of standing tasks changes, or `timeout` seconds."""
        with self._changed:
            if self._standing and not self._engine.signal.triggered:
                self._changed.wait(timeout)

    def get_num_standing_tasks(self) -> int:
        """How many stand."""
        return len(self._standing)

    def cancel_task(self, task: Task, status: TaskCompletionStatus) -> None:
        """End one."""
        with self._changed:
            found = [each for each in self._standing if each.task is task]
        for each in found:
            self._end(each, status)

    def cancel_all_tasks(self, status: TaskCompletionStatus) -> None:
        """End all."""
        for each in list(self._standing):
            self._end(each, status)

    def get_client_disconnect_time(self, client_name: str) -> float | None:
        """Since when a site is lost."""
        return self._incoming.gone.get(client_name)

    # What the run calls.

    def due(self) -> float | None:
        """When `check` may have something to do though nothing comes."""
        soonest: float | None = None
        for each in tuple(self._standing):
            for when in (each.deadline, each.plan.due()):
                if when is not None and (soonest is None or when < soonest):
                    soonest = when
        return soonest

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
        with self._lock:
            standing = self._orders.pop(came.number, None)
            share = standing.open.pop(came.number, None) if standing is not None else None
        if standing is None or share is None:
            if isinstance(came, Reply) and self.controller is not None:
                self._incoming.take_late(self.controller, came)
            return
        now = self._clock()
        with standing.task.cb_lock:
            gone = self._incoming.take(standing, share, came)
        follows = standing.plan.after(came.site, answered=not gone, now=now)
        if follows and standing.task.is_standing:
            self._send(standing, follows)
        self._settle(standing, now)

    def _plan(self, task: Task, to: To) -> Plan:
        if isinstance(to, ToOne) and not to.targets and to.order == SendOrder.SEQUENTIAL:
            message = f"task `{task.name}` is sent in sequential order: name its targets"
            raise ValueError(message)
        names = self._names(task, to.targets)
        match to:
            case ToAll(min_responses=enough, wait=wait):
                _check_answers(task, enough, wait, len(names))
                return Broadcast(names, enough, wait)
            case ToAllAgain():
                return Forever(names)
            case ToOne(order=SendOrder.ANY):
                busy = self._busy()
                return Single(sorted(names, key=lambda name: busy.get(name, 0)))
            case ToOne():
                return Single(names)
            case InTurn(limit=limit):
                return Relay(names, limit)

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
            if self._engine.get_client_from_name(name) is None:
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
        deadline = now + task.timeout if task.timeout else None
        standing = Standing(task, plan, self.controller, deadline, next(self._given))
        with self._changed:
            self._standing.append(standing)
        if not first:
            self._end(standing, TaskCompletionStatus.OK)
            return
        self._send(standing, first)
        self._settle(standing, now)

    def _send(self, standing: Standing, names: Sequence[str]) -> None:
        """Give the task to these sites, as it is now."""
        task = standing.task
        orders, lost = [], []
        alike = not (
            task.before_task_sent_cb or task.after_task_sent_cb or self._data.of(task.name)
        )
        ctx: FLContext | None = None
        with task.cb_lock:
            for name in names:
                client = self._engine.get_client_from_name(name)
                assert client is not None
                share = ClientTask(client, task)
                if ctx is None or not alike:
                    ctx = standing.context(self._engine, share)
                    standing.call(task.before_task_sent_cb, share, ctx)
                    if task.completion_status is not None:
                        return
                    data, blocked = self._data_for(standing, ctx)
                number = next(self._numbers)
                if data is None:
                    why = Why(kind="dropped", text=f"a filter let the task not pass: {blocked}")
                    lost.append(Lost(number=number, site=name, task=task.name, why=why))
                else:
                    order = Order(
                        number=number, site=name, task=task.name, data=data,
                        timeout=task.timeout or None, given=standing.number,
                    )  # fmt: skip
                    orders.append(order)
                share.task_sent_time = time.time()
                share.task_send_count += 1
                task.client_tasks.append(share)
                task.last_client_task_map[name] = share
                with self._lock:
                    standing.open[number] = share
                    self._orders[number] = standing
                if not alike:
                    standing.call(task.after_task_sent_cb, share, ctx)
        if isinstance(standing.plan, Relay):
            standing.plan.begun(self._clock())
        self._sites.send(orders)
        for each in lost:
            self.follow(each)

    def _data_for(self, standing: Standing, ctx: FLContext) -> tuple[Shareable | None, str]:
        """What goes out, or why a filter lets nothing out."""
        try:
            return standing.outgoing.of(standing.task, self._data, ctx), ""
        except ContentBlockedException as error:
            return None, str(error)

    def _settle(self, standing: Standing, now: float) -> None:
        """End the task if its plan says so."""
        if standing.task.is_standing:
            status = standing.plan.done(now)
            if status is not None:
                self._end(standing, status)

    def _give_up(self, standing: Standing) -> None:
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
                self._incoming.take(standing, share, lost)
        self._end(standing, TaskCompletionStatus.TIMEOUT)

    def _end(self, standing: Standing, status: TaskCompletionStatus) -> None:
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


def _check_answers(task: Task, enough: int, wait: float, sites: int) -> None:
    for what, value in (("min_responses", enough), ("wait_time_after_min_received", wait)):
        if value < 0:
            message = f"{what} of task `{task.name}` must be 0 or more, not {value}"
            raise ValueError(message)
    if enough > sites:
        message = f"min_responses of task `{task.name}` is {enough}, but it goes to {sites} sites"
        raise ValueError(message)
