"""What is folded of rounds so far; a cache of what the database and the files hold."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from ame.server.ledger import assignments, rounds
from ame.server.rounds import RoundStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ame.server.fleet import Contents, Fleet, Key
    from ame.server.ledger.assignments import Assignment
    from ame.server.ledger.tasks import Kept
    from ame.server.recipes import Folding, Recipe, Taken
    from ame.server.rounds import Round
    from ame.server.visits.uploads import Contribution
    from ame.storage.databases import Rows


AT_ONCE: Final = 256
LITTLE: Final = 1 << 20
"""How many contributions, and bytes, are sooner folded than handed to another thread."""


@dataclass(slots=True)
class _Fold:
    """What is folded of a round, and what waits to be."""

    folding: Folding | None = None
    place: int = 0
    inbox: list[Contribution] = field(default_factory=list)


class Folds:
    """The rounds of which this server has folded something, or is about to."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._folds: dict[Key, dict[int, _Fold]] = {}
        self._come: dict[tuple[Key, int], None] = {}
        self._held = 0

    def __len__(self) -> int:
        return sum(map(len, self._folds.values()))

    def put(self, contribution: Contribution) -> None:
        """Hears of a contribution while it is in memory; what does not fit is read again later."""
        key = (contribution.population, contribution.task)
        self._come[key, contribution.round] = None
        if self._held < self._fleet.settings.inbox_bytes:
            self._held += contribution.taken.size
            self._fold(key, contribution.round).inbox.append(contribution)

    async def fold(self) -> None:
        """Folds what has come in here for rounds that collect."""
        come, self._come = list(self._come), {}
        for key, number in come:
            if self._followed(key, number):
                continue
            kept = await self._fleet.kept(*key)
            found = await self._fleet.database.read(
                lambda rows: rounds.round_numbered(rows, *key, number)  # noqa: B023 - used at once
            )
            if found.status is RoundStatus.COLLECTING:
                await self.folded(kept, found)
            else:
                self.forget(key, number)

    async def folded(self, kept: Kept, found: Round) -> Folding:
        """All of the round's contributions, folded in the order of their places."""
        fleet = self._fleet
        recipe = await fleet.recipe(kept)
        fold = self._fold((found.population, found.task), found.number)
        if fold.folding is None:
            state = await self.state(kept, found)
            fold.folding = await asyncio.to_thread(recipe.fold, state)
        while True:
            after = fold.place
            known = await fleet.database.read(
                lambda rows: assignments.contributions(rows, found, after=after)  # noqa: B023 - used at once
            )
            if not known:
                return fold.folding
            places = known[0].place or 0, known[-1].place or 0
            waiting = self._taken(fold, *places)
            small: Mapping[int, bytes] = {}
            if len(waiting) < len(known):
                small = await fleet.database.read(
                    lambda rows: assignments.contents(rows, found, *places)  # noqa: B023 - the same
                )
            work = partial(_add, recipe, fold, fleet.blobs, known, waiting, small)
            await asyncio.to_thread(work)

    async def state(self, kept: Kept, found: Round, *, newest: bool = False) -> bytes:
        """The server's checkpoint that a round began with, or the newest that there is.

        Of an evaluation both are what it looks at.
        """

        def look(rows: Rows) -> str:
            if found.evaluated is not None:
                source = trained(rows, kept)
                return next((e.result for e in source if e.number == found.evaluated), "")
            if newest:
                return rounds.newest_result(rows, found.population, found.task)
            if not found.base:
                return ""
            return rounds.round_numbered(rows, found.population, found.task, found.base).result

        digest = await self._fleet.database.read(look)
        return await self._fleet.blob(digest or kept.settings["checkpoint"])

    def forget_but(self, key: Key, collecting: Sequence[Round]) -> None:
        """Lets go of a task's rounds but those that collect."""
        for number in self._folds.get(key, {}).keys() - {each.number for each in collecting}:
            self.forget(key, number)

    def forget(self, key: Key, number: int) -> None:
        """Lets go of a round."""
        folds = self._folds.get(key, {})
        fold = folds.pop(number, None)
        if fold is not None:
            self._held -= sum(each.taken.size for each in fold.inbox)
        if not folds:
            self._folds.pop(key, None)

    def _followed(self, key: Key, number: int) -> bool:
        """Folds what waits of a round, if it is little, and if it is all that follows."""
        fold = self._folds.get(key, {}).get(number)
        if fold is None or fold.folding is None or len(fold.inbox) > AT_ONCE:
            return False
        after = {each.place: each.taken for each in fold.inbox if each.place > fold.place}
        size = sum(each.taken.size for each in fold.inbox)
        if size > LITTLE or after.keys() != set(range(fold.place + 1, fold.place + len(after) + 1)):
            return False
        for place in sorted(after):
            fold.folding.add(after[place])
            fold.place = place
        fold.inbox = []
        self._held -= size
        return True

    def _fold(self, key: Key, number: int) -> _Fold:
        return self._folds.setdefault(key, {}).setdefault(number, _Fold())

    def _taken(self, fold: _Fold, first: int, last: int) -> Mapping[int, Taken]:
        """What waits in memory of these places, which waits no longer; and nothing before them."""
        waiting, later = {}, []
        for each in fold.inbox:
            if each.place > last:
                later.append(each)
                continue
            self._held -= each.taken.size
            if each.place >= first:
                waiting[each.place] = each.taken
        fold.inbox = later
        return waiting


def _add(
    recipe: Recipe,
    fold: _Fold,
    blobs: Contents,
    known: Sequence[Assignment],
    waiting: Mapping[int, Taken],
    small: Mapping[int, bytes],
) -> None:
    """Folds contributions in their order; those that do not wait in memory are read."""
    for each in known:
        place = each.place or 0
        taken = waiting.get(place)
        if taken is None:
            content = small.get(place, b"")
            whole = hashlib.sha256(content).hexdigest() == each.digest
            taken = recipe.take(content if whole else blobs.read(each.digest))
        if fold.folding is not None:
            fold.folding.add(taken)
        fold.place = place


def trained(rows: Rows, kept: Kept) -> list[Round]:
    """The rounds of the task that an evaluation looks at."""
    looks = kept.task.looks_at
    return rounds.rounds(rows, *looks) if looks else []
