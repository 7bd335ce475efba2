"""The conductor leads one run: it hands out resources, starts steps, and follows how they end."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from queue import SimpleQueue

from ame import errors, runs
from ame.engine.workbench import Shared, Workbench
from ame.runs import leases

_REPORT_EVERY = 0.25
"""Seconds between looks at what running steps report."""
_AT_ONCE = 64
"""Steps that one run has going at the same time, at most."""


@dataclass(frozen=True, slots=True)
class _Granted:
    step: str
    lease: leases.Lease | None


@dataclass(frozen=True, slots=True)
class _Ended:
    step: runs.Step
    defect: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Broken:
    defect: BaseException


class Conductor:
    """Leads one run from its first step to its last. Made for one use."""

    def __init__(
        self,
        shared: Shared,
        *,
        claims: Mapping[str, leases.Claim],
        done: Mapping[str, runs.Step],
    ) -> None:
        """`done`: steps of an earlier run that this one continues behind, by name."""
        self._run = shared.run
        self._store = shared.home.store
        self._leases = shared.home.leases
        self._watcher = shared.watcher
        self._workbench = Workbench(shared)
        self._claims = claims
        self._events: SimpleQueue[_Ended | _Granted | _Broken | None] = SimpleQueue()
        self._stopped = ""
        self._asked = 0
        """How often it was asked to stop."""
        self._steps = {
            name: runs.Step(run=shared.run.name, name=name, index=index, needs=step.needs)
            for index, (name, step) in enumerate(shared.plan.steps.items())
        } | dict(done)
        needs = {name: step.needs for name, step in shared.plan.steps.items()}
        self._schedule = runs.Schedule.resumed(needs, done)
        self._ready: list[str] = []
        self._asking = ""
        """The step that waits in line for its resources; the first of those that are ready."""
        self._stopping = threading.Event()
        self._held: dict[str, leases.Lease] = {}
        self._last: runs.Moves | None = None
        self._defect: BaseException | None = None

    def stop(self, reason: str) -> None:
        """Lets nothing more start and asks what is running to end; called again, ends it at once.

        May be called by a signal handler.
        """
        self._stopped = self._stopped or reason
        self._asked += 1
        self._events.put(None)

    @property
    def succeeded(self) -> frozenset[str]:
        """The steps that have succeeded so far."""
        return frozenset(
            name for name, step in self._steps.items() if step.state is runs.State.SUCCEEDED
        )

    def lead(self) -> runs.Run:
        """Goes through all steps; returns the run in its final state."""
        self._run = replace(self._run, state=runs.State.RUNNING, started=_now())
        self._store.save(self._run, *self._steps.values())
        over = threading.Event()
        reporter = threading.Thread(target=self._report, args=(over,), name="report", daemon=True)
        reporter.start()
        try:
            with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="step") as pool:
                try:
                    last = self._go(pool)
                except BaseException:
                    self._stopping.set()
                    self._workbench.stop()
                    raise
        finally:
            over.set()
            reporter.join()
        self._run = replace(
            self._run, state=last.end or runs.State.FAILED, reason=last.reason, ended=_now()
        )
        self._store.save(self._run)
        if self._defect is not None:
            raise self._defect
        return self._run

    def _go(self, pool: ThreadPoolExecutor) -> runs.Moves:
        self._follow(self._schedule.begin())
        while self._last is None:
            self._hand_out(pool)
            match self._events.get():
                case None:
                    self._end_all()
                case _Granted(step, lease):
                    self._asking = ""
                    self._take(step, lease, pool)
                case _Broken(defect):
                    raise defect
                case ended:
                    self._settle(ended)
        return self._last

    def _end_all(self) -> None:
        """Ends what is running, and calls off all that has not begun."""
        if not self._stopping.is_set():
            self._stopping.set()
            if self._held:
                self._watcher.note("stopping; asked once more, it ends at once")
            self._follow(self._schedule.stop(self._stopped))
            ready, self._ready = self._ready, []
            for name in ready:
                self._call_off(name)
        self._workbench.stop(now=self._asked > 1)

    def _call_off(self, name: str) -> None:
        """Cancels a step that was ready, and has not begun."""
        moves = self._schedule.cancelled(name)
        self._follow(replace(moves, cancel=(*moves.cancel, (name, self._stopped))))

    def _hand_out(self, pool: ThreadPoolExecutor) -> None:
        """Starts the steps that get their resources now, in the order in which they came."""
        waiting: list[str] = []
        refused: set[leases.Claim] = set()
        for name in self._ready:
            claim = self._claims[name]
            lease = None
            if claim not in refused and len(self._held) < _AT_ONCE:
                lease = self._leases.take(claim, holder=self._run.owner, now=_now())
            if lease is None:
                refused.add(claim)
                waiting.append(name)
            else:
                self._held[name] = lease
                pool.submit(self._do, name, lease)
        self._ready = waiting
        if waiting and not self._asking and len(self._held) < _AT_ONCE:
            self._asking = waiting.pop(0)
            pool.submit(self._ask, self._asking)

    def _ask(self, name: str) -> None:
        """Waits in line, in a thread of its own, for what a step needs."""
        try:
            lease = self._leases.wait(
                self._claims[name], holder=self._run.owner, now=_now(), cancel=self._stopping
            )
        except BaseException as defect:  # noqa: BLE001  # handed to the thread that leads
            self._events.put(_Broken(defect))
        else:
            self._events.put(_Granted(name, lease))

    def _take(self, name: str, lease: leases.Lease | None, pool: ThreadPoolExecutor) -> None:
        """Starts a step that has waited; one of a run that was stopped meanwhile is not."""
        if self._stopping.is_set():
            if lease is not None:
                self._leases.release(lease, now=_now())
            self._call_off(name)
            return
        assert lease is not None
        self._held[name] = lease
        pool.submit(self._do, name, lease)

    def _do(self, name: str, lease: leases.Lease) -> None:
        """One step, in a thread of its own."""
        try:
            ended = _Ended(self._workbench.do(name, self._steps[name], lease))
        except BaseException as defect:  # noqa: BLE001  # handed to the thread that leads
            lost = replace(self._steps[name], state=runs.State.FAILED, reason=f"defect: {defect}")
            ended = _Ended(lost, defect)
        self._events.put(ended)

    def _settle(self, ended: _Ended) -> None:
        """Gives the resources of a step back and follows how it ended."""
        step = ended.step
        self._steps[step.name] = step
        self._leases.release(self._held.pop(step.name), now=_now())
        if ended.defect is not None:
            self._defect = ended.defect
            self._store.save(step)
            self.stop("ame failed")
        match step.state:
            case runs.State.SUCCEEDED:
                moves = self._schedule.succeeded(step.name)
            case runs.State.CANCELLED:
                moves = self._schedule.cancelled(step.name)
            case _:
                moves = self._schedule.failed(step.name)
        self._watcher.step(step)
        self._follow(moves)

    def _follow(self, moves: runs.Moves) -> None:
        """Does what the schedule says comes next."""
        self._ready.extend(moves.start)
        for name, reason in moves.cancel:
            step = self._steps[name]
            self._steps[name] = replace(
                step, state=runs.State.CANCELLED, reason=reason, ended=_now()
            )
        cancelled = [self._steps[name] for name, _ in moves.cancel]
        if cancelled:
            self._store.save(*cancelled)
            for step in cancelled:
                self._watcher.step(step)
        if moves.end is not None:
            self._last = moves

    def _report(self, over: threading.Event) -> None:
        told = ""
        while not over.wait(_REPORT_EVERY):
            try:
                self._workbench.look()
            except (errors.Error, OSError) as error:
                if str(error) != told:
                    told = str(error)
                    self._watcher.note(f"what steps report cannot be kept: {told}")


def _now() -> datetime:
    return datetime.now(UTC)
