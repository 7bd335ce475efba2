"""The conductor leads one run: it starts steps, and follows how they end."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from queue import Empty, SimpleQueue

from ame import errors, runs
from ame.engine.line import Line
from ame.engine.steps.workbench import Begun, Done, Shared, Workbench, begin
from ame.runs import leases

_LOOK_EVERY = 0.25
"""Seconds between looks at what running steps report."""


class Conductor:
    """Leads one run from its first step to its last. Made for one use.

    A thread that has done a step settles it, and goes on with the next that may begin. The thread
    that leads only waits for the end, or for word that it is to come.
    """

    def __init__(
        self,
        shared: Shared,
        *,
        claims: Mapping[str, leases.Claim],
        done: Mapping[str, runs.Step],
    ) -> None:
        """`done`: steps of an earlier run that this one continues behind, by name."""
        self._run = shared.run
        self._plan = shared.plan
        self._store = shared.home.store
        self._watcher = shared.watcher
        self._workbench = Workbench(shared)
        self._line = Line(shared.home.leases, holder=shared.run.owner)
        self._claims = claims
        self._steps = {
            name: runs.Step(run=shared.run.name, name=name, index=index, needs=step.needs)
            for index, (name, step) in enumerate(shared.plan.steps.items())
        } | dict(done)
        needs = {name: step.needs for name, step in shared.plan.steps.items()}
        self._schedule = runs.Schedule.resumed(needs, done)
        self._moving = threading.Lock()
        """Held while the schedule, the line and the steps move on together."""
        self._words: SimpleQueue[runs.Moves | BaseException | None] = SimpleQueue()
        """For the thread that leads: the end, a defect, or None when it is asked to stop."""
        self._threads: list[threading.Thread] = []
        self._stopped = ""
        self._asked = 0
        """How often it was asked to stop."""
        self._ending = False
        self._told = ""

    def stop(self, reason: str) -> None:
        """Lets nothing more start and asks what is running to end; called again, ends it at once.

        May be called by a signal handler.
        """
        self._stopped = self._stopped or reason
        self._asked += 1
        self._words.put(None)

    def lead(self) -> runs.Run:
        """Goes through all steps; returns the run in its final state."""
        self._run = replace(self._run, state=runs.State.RUNNING, started=_now())
        self._store.save(self._run, *self._steps.values())
        try:
            last = self._go()
        finally:
            for thread in self._threads:
                thread.join()
        # Before the run is final: of one that is not, the next command clears what a crash leaves.
        self._workbench.close()
        self._run = replace(
            self._run, state=last.end or runs.State.FAILED, reason=last.reason, ended=_now()
        )
        self._store.save(self._run)
        return self._run

    def _go(self) -> runs.Moves:
        """Returns the moves that end the run. A defect lets nothing more start, and is raised."""
        try:
            with self._moving:
                self._start(self._follow(self._schedule.begin()))
            while (word := self._word()) is None:
                self._end_all()
        except BaseException as defect:  # noqa: BLE001  # raised, when nothing more starts
            word = defect
        if isinstance(word, runs.Moves):
            return word
        with self._moving:
            self._ending, self._stopped = True, self._stopped or "ame failed"
            self._schedule.stop(self._stopped)
            self._line.close()
        self._workbench.stop()
        raise word

    def _word(self) -> runs.Moves | BaseException | None:
        while True:
            try:
                return self._words.get(timeout=_LOOK_EVERY)
            except Empty:
                self._look()

    def _look(self) -> None:
        """Takes in what steps report."""
        try:
            self._workbench.look()
        except (errors.Error, OSError) as error:
            if str(error) != self._told:
                self._told = str(error)
                self._watcher.note(f"what steps report cannot be kept: {self._told}")

    def _end_all(self) -> None:
        """Ends what is running, and calls off all that has not begun."""
        with self._moving:
            if not self._ending:
                self._ending = True
                if self._line.held:
                    self._watcher.note("stopping; asked once more, it ends at once")
                self._call_off(self._line.close(), self._schedule.stop(self._stopped))
        self._workbench.stop(now=self._asked > 1)

    def _work(self, begun: Begun) -> None:
        """Does a step, and then, one after another, what may begin for its end."""
        going: Begun | None = begun
        while going is not None:
            try:
                done = self._workbench.do(going)
            except BaseException:
                with self._moving:
                    self._line.close()
                    self._line.give_back(going.lease)
                    self._line.serve()
                raise
            with self._moving:
                self._line.give_back(going.lease)
                going = self._go_on(self._settle(done))
            self._workbench.clear(done.step)

    def _wait(self, claim: leases.Claim) -> None:
        """Waits for what the first of the line lacks, and does the step that gets it."""
        lease = self._line.wait(claim)
        with self._moving:
            self._line.arrived(lease)
            begun = self._go_on(self._follow(runs.Moves()))
        if begun is not None:
            self._work(begun)

    def _look_up(self, names: Iterable[str]) -> None:
        """Looks for earlier results of steps; those that have none join the line."""
        for name in names:
            step = self._steps[name]
            found = step if self._ending else self._workbench.look_up(step)
            with self._moving:
                if isinstance(found, Done):
                    self._start(self._settle(found))
                elif self._ending:
                    self._call_off([name])
                else:
                    self._steps[name] = found
                    self._line.join(name, self._claims[name])
                    self._start(self._follow(runs.Moves()))

    def _go_on(self, begun: list[Begun]) -> Begun | None:
        """The first is for the calling thread; each of the others gets one."""
        self._start(begun[1:])
        return begun[0] if begun else None

    def _start(self, begun: Iterable[Begun]) -> None:
        for each in begun:
            self._thread(self._work, each)

    def _thread(self, what: Callable[..., None], *arguments: object) -> None:
        """Does something in a thread; a defect is handed to the one that leads."""

        def do() -> None:
            try:
                what(*arguments)
            except BaseException as defect:  # noqa: BLE001
                self._words.put(defect)

        thread = threading.Thread(target=do)
        self._threads.append(thread)
        thread.start()

    def _settle(self, done: Done) -> list[Begun]:
        """Follows how a step ended; returns the steps that begin for it."""
        name = done.step.name
        match done.step.state:
            case runs.State.SUCCEEDED:
                moves = self._schedule.succeeded(name)
            case runs.State.CANCELLED:
                moves = self._schedule.cancelled(name)
            case _:
                moves = self._schedule.failed(name)
        return self._follow(moves, done)

    def _call_off(self, names: Iterable[str], moves: runs.Moves = runs.Moves()) -> None:  # noqa: B008  # frozen
        """Cancels steps that were ready, and have not begun; does the moves that led to it."""
        cancel = list(moves.cancel)
        for name in names:
            moves = self._schedule.cancelled(name)
            cancel.append((name, self._stopped))
        self._follow(replace(moves, cancel=tuple(cancel)))

    def _follow(self, moves: runs.Moves, *ended: Done) -> list[Begun]:
        """Does what the schedule says, and saves it in one with what has led to it.

        Returns the steps that begin.
        """
        unsure: list[str] = []
        for name in moves.start:
            if self._plan.steps[name].task.cache:
                unsure.append(name)
            else:
                self._line.join(name, self._claims[name])
        now = _now()
        off = [
            replace(self._steps[name], state=runs.State.CANCELLED, reason=reason, ended=now)
            for name, reason in moves.cancel
        ]
        begun = [begin(self._steps[name], lease, now) for name, lease in self._line.serve()]
        steps = [*(each.step for each in ended), *off, *(each.step for each in begun)]
        if steps:
            ends = chain.from_iterable(each.records for each in ended)
            self._store.save(*ends, *steps, *(each.attempt for each in begun))
        for step in steps:
            self._steps[step.name] = step
            self._watcher.step(step)
        if unsure:
            self._thread(self._look_up, unsure)
        if (claim := self._line.lacking()) is not None:
            self._thread(self._wait, claim)
        if moves.end is not None:
            self._words.put(moves)
        return begun


def _now() -> datetime:
    return datetime.now(UTC)
