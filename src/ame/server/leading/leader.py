"""Does what is due: opens tasks and rounds, ends rounds, frees what is late.

Every server of a database runs one. What two of them do at once, the database lets one do. A step
looks at the tasks about which something has changed, and at no others.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from typing import TYPE_CHECKING

from ame import errors
from ame.server import tokens
from ame.server.leading import schedule
from ame.server.leading.folds import Folds, trained
from ame.server.ledger import assignments, contents, rounds, tasks
from ame.server.rounds import Round, RoundStatus
from ame.server.tasks import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.server.fleet import Fleet, Key
    from ame.server.ledger.tasks import Kept
    from ame.server.recipes import Made
    from ame.server.tasks import Task
    from ame.server.visits.uploads import Contribution
    from ame.storage.databases import Rows

UNUSABLE = (
    errors.BlobNotFound,
    errors.BlobDamaged,
    errors.ExtraMissing,
    errors.Invalid,
    errors.ServerPartFailed,
)
"""What is wrong with a task itself, so that it cannot go on."""
TOGETHER = 128
"""Tasks that are led side by side."""
TOGETHER_SECONDS = 0.02
"""For how long changes are gathered before a step is made for all of them."""
PRUNE_SECONDS = 60.0
"""How often is looked whether something can be deleted."""
LOG = logging.getLogger("ame.server")


class Leader:
    """The loop that does what is due."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._folds = Folds(fleet)
        self._alarms: list[tuple[float, Key]] = []
        self._alarmed: dict[Key, float] = {}
        self._pruned = 0.0
        self._stepping = asyncio.Lock()

    async def run(self) -> None:
        """Goes on until it is cancelled. What fails is logged, and tried again."""
        while True:
            try:
                await self.step()
            except errors.Error as error:
                LOG.warning("what was due was not done: %s", error)
            except Exception:
                LOG.exception("what was due was not done")
            self._fleet.changed.clear()
            try:
                async with asyncio.timeout(self._fleet.settings.tick_seconds):
                    await self._fleet.changed.wait()
                    await asyncio.sleep(TOGETHER_SECONDS)
            except TimeoutError:
                continue

    async def step(self) -> None:
        """Everything that is due now, once. Steps are made one after another."""
        async with self._stepping:
            await self._step()

    async def _step(self) -> None:
        fleet = self._fleet
        now = fleet.clock()
        await self._expire(now)
        await self._prune(now)
        await fleet.refresh()
        for key in await fleet.database.read(lambda rows: rounds.ripe(rows, now)):
            fleet.stir(key)
        while self._alarms and self._alarms[0][0] <= now:
            key = heapq.heappop(self._alarms)[1]
            self._alarmed.pop(key, None)
            fleet.stir(key)
        due = fleet.stirred()
        for begin in range(0, len(due), TOGETHER):
            if begin:
                await asyncio.sleep(0)  # devices are answered meanwhile
            await self._lead_all(due[begin : begin + TOGETHER], due[begin + TOGETHER :])
        await fleet.refresh()
        await self._folds.fold()

    def accepted(self, contribution: Contribution) -> None:
        """Hears of a contribution while it is in memory."""
        self._folds.put(contribution)
        self._fleet.changed.set()

    # --- tasks and rounds

    async def _expire(self, now: float) -> None:
        """Frees the places of devices that are late."""
        database = self._fleet.database
        if await database.read(lambda rows: assignments.late(rows, now)):
            await database.do(lambda rows: assignments.expire(rows, now))

    async def _prune(self, now: float) -> None:
        """Deletes what rounds need no more that have been over for long."""
        if now < self._pruned + PRUNE_SECONDS:
            return
        self._pruned = now
        before = now - self._fleet.settings.row_seconds
        while await self._fleet.database.do(lambda rows: contents.prune(rows, before)):
            await asyncio.sleep(0)  # devices are answered meanwhile

    async def _lead_all(self, keys: Sequence[Key], later: Sequence[Key]) -> None:
        """Leads tasks side by side, so that what they write is committed together.

        Where one fails, it is tried again after those that are still to come.
        """
        ended = await asyncio.gather(*map(self._lead, keys), return_exceptions=True)
        failed = [
            (key, end)
            for key, end in zip(keys, ended, strict=True)
            if isinstance(end, BaseException)
        ]
        for each in (*later, *(key for key, _ in failed)) if failed else ():
            self._fleet.stir(each)
        for _, error in failed:
            raise error

    async def _lead(self, key: Key) -> None:
        """What is due about one task, until nothing is."""
        known = await self._fleet.database.read(lambda rows: tasks.task(rows, *key))
        try:
            while not known.task.status.final and await self._do_due(known):
                known = await self._fleet.database.read(lambda rows: tasks.task(rows, *key))
        except UNUSABLE as error:
            LOG.warning("task %s cannot go on: %s", known.task.name, error)
            await self._move(known, TaskStatus.FAILED, str(error))
        if known.task.status.final:
            self._folds.forget_but(key, ())

    async def _do_due(self, known: Kept) -> bool:
        """Does what is due about a task now; false where that was nothing."""
        fleet, task = self._fleet, known.task
        now = fleet.clock()

        def look(rows: Rows) -> tuple[list[Round], list[Round], bool]:
            read = rounds.rounds if task.evaluates else rounds.telling
            learnt = task.looks_at is not None and tasks.ended(rows, *task.looks_at)
            return read(rows, task.population, task.id), trained(rows, known), learnt

        own, source, learnt = await fleet.database.read(look)
        collecting = [each for each in own if each.status is RoundStatus.COLLECTING]
        self._folds.forget_but((task.population, task.id), collecting)
        ready = all(known.settings.get(name) for name in ("client_plan", "checkpoint"))
        doubted = fleet.doubted((task.population, task.id))
        if ready and (task.status is TaskStatus.CREATED or doubted):
            await fleet.recipe(known)
        for each in own:
            if each.status in {RoundStatus.AGGREGATING, RoundStatus.APPLYING}:
                await self._end(known, each)
        deeds = schedule.due(task, own, trained=source, learnt=learnt, ready=ready, now=now)
        self._alarm(task, now)
        try:
            for deed in deeds:
                await self._do(known, deed, own, source)
        except errors.BudgetSpent as spent:
            if not any(each.status.active for each in own):
                await self._move(known, TaskStatus.COMPLETED, str(spent))
            return False
        return bool(deeds)

    def _alarm(self, task: Task, now: float) -> None:
        """Sees that a task is looked at when its time has come, though nothing changes."""
        at, key = schedule.alarm(task, now), (task.population, task.id)
        if at is not None and self._alarmed.get(key) != at:
            self._alarmed[key] = at
            heapq.heappush(self._alarms, (at, key))

    async def _do(
        self, kept: Kept, deed: schedule.Deed, own: Sequence[Round], trained: Sequence[Round]
    ) -> None:
        if isinstance(deed, schedule.Begin):
            await self._begin(kept, deed, own, trained)
        elif isinstance(deed, schedule.End):
            await self._end(kept, next(each for each in own if each.number == deed.number))
        else:
            await self._move(kept, deed.to, deed.reason)

    async def _begin(
        self, kept: Kept, deed: schedule.Begin, own: Sequence[Round], trained: Sequence[Round]
    ) -> None:
        fleet, task = self._fleet, kept.task
        source = own if deed.evaluated is None else trained
        number = deed.base if deed.evaluated is None else deed.evaluated
        state = next((each.result for each in source if each.number == number), "")
        recipe = await fleet.recipe(kept)
        content = await fleet.blob(state or kept.settings["checkpoint"])
        checkpoint = await fleet.keep(await asyncio.to_thread(recipe.start, content))
        begun = Round(
            population=task.population,
            task=task.id,
            number=deed.number,
            aggregation=tokens.fresh(),
            base=deed.base,
            evaluated=deed.evaluated,
            goal=task.goal,
            capacity=task.capacity,
            checkpoint=checkpoint,
            opened=fleet.clock(),
        )
        await fleet.database.do(lambda rows: rounds.begin_round(rows, begun))

    async def _end(self, kept: Kept, full: Round) -> None:
        """Ends a round, unless another server does."""
        fleet = self._fleet
        now = fleet.clock()
        until = now + fleet.settings.hold_seconds
        taken = await fleet.database.do(
            lambda rows: rounds.take_end(rows, full, now=now, until=until)
        )
        if taken is None:
            return
        failed = RoundStatus.AGGREGATING_FAILED
        try:
            folding = await self._folds.folded(kept, taken)
            if not await fleet.database.do(lambda rows: rounds.begin_apply(rows, taken, now=now)):
                return
            failed = RoundStatus.APPLYING_FAILED
            newest = await self._folds.state(kept, taken, newest=True)
            made: Made = await asyncio.to_thread(folding.made, newest)
        except errors.Unavailable:  # nothing is wrong with the round: it is tried again
            raise
        except errors.Error as error:
            reason = str(error)
            await fleet.database.do(
                lambda rows: rounds.finish_round(rows, taken, failed, reason=reason, now=now)
            )
            return
        finally:
            self._folds.forget((full.population, full.task), full.number)
        result = await fleet.keep(made.state)
        ended = fleet.clock()
        await fleet.database.do(
            lambda rows: rounds.finish_round(
                rows,
                taken,
                RoundStatus.COMPLETED,
                result=result,
                metrics=made.metrics,
                now=ended,
            )
        )

    async def _move(self, kept: Kept, to: TaskStatus, reason: str) -> None:
        """Moves a task to another state; the rounds of one that has failed are over."""
        now = self._fleet.clock()
        await self._fleet.database.do(lambda rows: _moved(rows, kept.task, to, reason, now))


def _moved(rows: Rows, task: Task, to: TaskStatus, reason: str, now: float) -> None:
    if tasks.move_task(rows, task, to, reason, now) and to is TaskStatus.FAILED:
        rounds.cancel_rounds(rows, task.population, task.id, reason="its task failed", now=now)
