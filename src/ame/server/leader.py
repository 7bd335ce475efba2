"""Does what is due: opens tasks and rounds, folds what comes in, ends rounds, frees what is late.

Every server of a database runs one. What two of them do at once, the database lets one do.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from ame import errors
from ame.server import schedule, tokens
from ame.server.ledger import assignments, rounds, tasks
from ame.server.rounds import Round, RoundStatus
from ame.server.tasks import TaskStatus

if TYPE_CHECKING:
    from ame.server.fleet import Fleet
    from ame.server.ledger.tasks import Kept
    from ame.server.recipes import Folding, Made, Recipe
    from ame.server.uploads import Contribution
    from ame.storage.databases import Rows

UNUSABLE = (
    errors.BlobNotFound,
    errors.BlobDamaged,
    errors.ExtraMissing,
    errors.Invalid,
    errors.ServerPartFailed,
)
"""What is wrong with a task itself, so that it cannot go on."""
LOG = logging.getLogger("ame.server")


class _Fold:
    """What is folded of a round so far, and what waits to be."""

    def __init__(self, folding: Folding) -> None:
        self.folding = folding
        self.place = 0
        self.inbox: deque[Contribution] = deque()


class Leader:
    """The loop that does what is due."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._folds: dict[tuple[str, int, int], _Fold] = {}
        self._held = 0
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
            except TimeoutError:
                continue

    async def step(self) -> None:
        """Everything that is due now, once. Steps are made one after another."""
        async with self._stepping:
            await self._step()

    async def _step(self) -> None:
        fleet = self._fleet
        now = fleet.clock()
        await fleet.database.do(lambda rows: assignments.expire(rows, now))
        running = await fleet.database.read(tasks.running)
        fleet.forget_but({(kept.task.population, kept.task.id) for kept in running})
        for kept in running:
            try:
                await self._lead(kept)
            except UNUSABLE as error:
                await self._move(kept, TaskStatus.FAILED, str(error))
        await fleet.refresh()
        await self._fold_all()

    def accepted(self, contribution: Contribution) -> None:
        """Hears of a contribution while it is in memory; what does not fit is read again later."""
        key = (contribution.population, contribution.task, contribution.round)
        fold = self._folds.get(key)
        if fold is not None and self._held < self._fleet.settings.inbox_bytes:
            self._held += contribution.taken.size
            fold.inbox.append(contribution)
        self._fleet.changed.set()

    # --- tasks and rounds

    async def _lead(self, kept: Kept) -> None:
        """What is due about one task, until nothing is."""
        fleet, task = self._fleet, kept.task
        while True:
            now = fleet.clock()

            def look(rows: Rows) -> tuple[Kept, list[Round], list[Round]]:
                known = tasks.task(rows, task.population, task.id)
                return known, rounds.rounds(rows, task.population, task.id), _trained(rows, known)

            known, own, trained = await fleet.database.read(look)
            ready = all(known.settings.get(name) for name in ("client_plan", "checkpoint"))
            if ready:
                await fleet.recipe(known)
            for each in own:
                if each.status in {RoundStatus.AGGREGATING, RoundStatus.APPLYING}:
                    await self._end(known, each)
            deeds = schedule.due(known.task, own, trained=trained, ready=ready, now=now)
            try:
                for deed in deeds:
                    await self._do(known, deed, own, trained)
            except errors.BudgetSpent as spent:
                if not any(each.status.active for each in own):
                    await self._move(known, TaskStatus.COMPLETED, str(spent))
                return
            if not deeds:
                return

    async def _do(
        self, kept: Kept, deed: schedule.Deed, own: list[Round], trained: list[Round]
    ) -> None:
        if isinstance(deed, schedule.Begin):
            await self._begin(kept, deed, own, trained)
        elif isinstance(deed, schedule.End):
            await self._end(kept, next(each for each in own if each.number == deed.number))
        else:
            await self._move(kept, deed.to, deed.reason)

    async def _begin(
        self, kept: Kept, deed: schedule.Begin, own: list[Round], trained: list[Round]
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
        try:
            fold = await self._folded(kept, taken)
            newest = await self._state(kept, taken, newest=True)
            made: Made = await asyncio.to_thread(fold.folding.made, newest)
        except errors.Error as error:
            reason, failed = str(error), RoundStatus.AGGREGATING_FAILED
            await fleet.database.do(
                lambda rows: rounds.finish_round(rows, taken, failed, reason=reason, now=now)
            )
            return
        finally:
            self._forget(full.key)
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
        """Moves a task to another state."""
        now = self._fleet.clock()
        await self._fleet.database.do(
            lambda rows: tasks.move_task(rows, kept.task, to, reason, now)
        )

    # --- folding

    async def _fold_all(self) -> None:
        """Folds what has come in for the rounds that collect."""
        collecting = await self._fleet.database.read(rounds.collecting)
        for over in self._folds.keys() - set(collecting):
            self._forget(over)
        for name in collecting:
            population = self._fleet.population(name[0])
            kept = population.tasks.get(name[1])
            found = next((each for each in population.rounds.values() if each.key == name), None)
            if kept is not None and found is not None:
                await self._folded(kept, found)

    async def _folded(self, kept: Kept, found: Round) -> _Fold:
        """The round's contributions so far, folded in the order of their places."""
        fleet = self._fleet
        recipe = await fleet.recipe(kept)
        fold = self._folds.get(found.key)
        if fold is None:
            state = await self._state(kept, found)
            fold = self._folds[found.key] = _Fold(await asyncio.to_thread(recipe.fold, state))
        while True:
            after = fold.place
            known = await fleet.database.read(
                lambda rows: assignments.contributions(rows, found, after=after)  # noqa: B023 - used at once
            )
            if not known:
                return fold
            for each in known:
                await self._add(recipe, fold, each.digest, each.place or 0)

    async def _add(self, recipe: Recipe, fold: _Fold, digest: str, place: int) -> None:
        while fold.inbox and fold.inbox[0].place < place:
            self._held -= fold.inbox.popleft().taken.size
        waiting = next((each for each in fold.inbox if each.place == place), None)
        if waiting is not None:
            fold.inbox.remove(waiting)
            self._held -= waiting.taken.size
            taken = waiting.taken
        else:
            content = await self._fleet.blob(digest)
            taken = await asyncio.to_thread(recipe.take, content)
        await asyncio.to_thread(fold.folding.add, taken)
        fold.place = place

    async def _state(self, kept: Kept, found: Round, *, newest: bool = False) -> bytes:
        """The server's checkpoint that a round began with, or the newest that there is.

        Of an evaluation both are what it looks at.
        """

        def look(rows: Rows) -> str:
            if found.evaluated is not None:
                return next(
                    (e.result for e in _trained(rows, kept) if e.number == found.evaluated), ""
                )
            if newest:
                return rounds.newest_result(rows, found.population, found.task)
            if not found.base:
                return ""
            return rounds.round_numbered(rows, found.population, found.task, found.base).result

        digest = await self._fleet.database.read(look)
        return await self._fleet.blob(digest or kept.settings["checkpoint"])

    def _forget(self, key: tuple[str, int, int]) -> None:
        fold = self._folds.pop(key, None)
        if fold is not None:
            self._held -= sum(each.taken.size for each in fold.inbox)


def _trained(rows: Rows, kept: Kept) -> list[Round]:
    """The rounds of the task that an evaluation looks at."""
    if not kept.task.evaluates:
        return []
    info = kept.task.proto.info.evaluation_info
    population = info.training_population_name or kept.task.population
    return rounds.rounds(rows, population, info.training_task_id)
