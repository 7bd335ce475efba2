"""The conductor leads one run: it hands out resources, starts steps, and follows how they end."""

import itertools
import threading
from collections import deque
from collections.abc import Mapping, Set
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
        self._came = itertools.count()
        self._ready: dict[leases.Claim, deque[tuple[int, str]]] = {}
        """Steps that wait for resources, by what they ask for; each with its place in the order."""
        self._asking: leases.Claim | None = None
        """What is waited for in line; the first step that asks for that much will get it."""
        self._enough = threading.Event()
        """Set when it is not needed any more."""
        self._spare: leases.Lease | None = None
        """What a step that has just ended has held."""
        self._ending = False
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
                    self._enough.set()
                    self._workbench.stop()
                    raise
        finally:
            over.set()
            reporter.join()
        # Before the run is final: of one that is not, the next command clears what a crash leaves.
        self._workbench.close()
        self._run = replace(
            self._run, state=last.end or runs.State.FAILED, reason=last.reason, ended=_now()
        )
        self._store.save(self._run)
        if self._defect is not None:
            raise self._defect
        return self._run

    def _go(self, pool: ThreadPoolExecutor) -> runs.Moves:
        self._follow(self._schedule.begin())
        while self._last is None or self._asking is not None:
            self._hand_out(pool)
            match self._events.get():
                case None:
                    self._end_all()
                case _Granted(lease):
                    self._take(lease, pool)
                case _Broken(defect):
                    raise defect
                case ended:
                    self._settle(ended)
        self._pass_on(pool)
        return self._last

    def _end_all(self) -> None:
        """Ends what is running, and calls off all that has not begun."""
        if not self._ending:
            self._ending = True
            self._enough.set()
            if self._held:
                self._watcher.note("stopping; asked once more, it ends at once")
            self._follow(self._schedule.stop(self._stopped))
            ready = sorted(step for steps in self._ready.values() for step in steps)
            self._ready.clear()
            for _, name in ready:
                self._call_off(name)
        self._workbench.stop(now=self._asked > 1)

    def _call_off(self, name: str) -> None:
        """Cancels a step that was ready, and has not begun."""
        moves = self._schedule.cancelled(name)
        self._follow(replace(moves, cancel=(*moves.cancel, (name, self._stopped))))

    def _hand_out(self, pool: ThreadPoolExecutor) -> None:
        """Starts the steps that get their resources now, in the order in which they came."""
        self._pass_on(pool)
        refused = {self._asking}
        while (claim := self._first(but=refused)) is not None:
            lease = None
            if len(self._held) < _AT_ONCE:
                lease = self._leases.take(claim, holder=self._run.owner, now=_now())
            if lease is None:
                refused.add(claim)
            else:
                self._start(lease, pool)
        if self._asking is None and len(self._held) < _AT_ONCE:
            self._asking = self._first()
            if self._asking is not None:
                self._enough.clear()
                pool.submit(self._ask, self._asking)
        elif self._asking is not None and not self._ready.get(self._asking):
            self._enough.set()

    def _pass_on(self, pool: ThreadPoolExecutor) -> None:
        """Gives what a step has held to the next that asks for the same, else to whoever waits."""
        lease, self._spare = self._spare, None
        if lease is None:
            return
        next_ = self._asking in {None, lease.claim} and self._first() == lease.claim
        if next_ and not self._leases.awaited(but=self._run.owner):
            self._start(lease, pool)
        else:
            self._leases.release(lease, now=_now())

    def _first(self, *, but: Set[leases.Claim | None] = frozenset()) -> leases.Claim | None:
        """Of the claims of steps that are ready, the one that came first."""
        ready = [claim for claim, steps in self._ready.items() if steps and claim not in but]
        return min(ready, key=lambda claim: self._ready[claim][0], default=None)

    def _start(self, lease: leases.Lease, pool: ThreadPoolExecutor) -> None:
        """Starts the first of the steps that ask for what the lease gives."""
        _, name = self._ready[lease.claim].popleft()
        self._held[name] = lease
        pool.submit(self._do, name, lease)

    def _ask(self, claim: leases.Claim) -> None:
        """Waits in line, in a thread of its own, for what a step needs."""
        try:
            holder = self._run.owner
            lease = self._leases.wait(claim, holder=holder, now=_now(), cancel=self._enough)
        except BaseException as defect:  # noqa: BLE001  # handed to the thread that leads
            self._events.put(_Broken(defect))
        else:
            self._events.put(_Granted(lease))

    def _take(self, lease: leases.Lease | None, pool: ThreadPoolExecutor) -> None:
        """Starts a step with what was waited for, if there is one still."""
        self._asking = None
        if lease is not None and self._ready.get(lease.claim):
            self._start(lease, pool)
        elif lease is not None:
            self._leases.release(lease, now=_now())

    def _do(self, name: str, lease: leases.Lease) -> None:
        """One step, in a thread of its own."""
        try:
            ended = _Ended(self._workbench.do(name, self._steps[name], lease))
        except BaseException as defect:  # noqa: BLE001  # handed to the thread that leads
            lost = replace(self._steps[name], state=runs.State.FAILED, reason=f"defect: {defect}")
            ended = _Ended(lost, defect)
        self._events.put(ended)
        self._workbench.clear(ended.step)

    def _settle(self, ended: _Ended) -> None:
        """Follows how a step ended; what it held is spare."""
        step = ended.step
        self._steps[step.name] = step
        self._spare = self._held.pop(step.name)
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
        for name in moves.start:
            self._ready.setdefault(self._claims[name], deque()).append((next(self._came), name))
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
