"""What all calls and all loops of one server share."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ame import errors
from ame.protocol.pb import common
from ame.server import pace, recipes, tokens
from ame.server.assignments import Opening, Openings
from ame.server.ledger import populations, rounds, tasks
from ame.server.recipes import opening
from ame.server.settings import Settings
from ame.server.tasks import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set

    from ame.server.ledger.tasks import Kept
    from ame.server.rounds import Round
    from ame.storage.databases import Database, Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """A population as this server last saw it."""

    name: str
    settings: Mapping[str, Any]
    openings: Openings
    tasks: Mapping[int, Kept]
    """Those that are open."""
    rounds: Mapping[str, Round]
    """Those that collect, by their id for devices."""

    @property
    def asks(self) -> bool:
        """Whether devices are to say what they are eligible for."""
        return any(
            kept.task.proto.info.training_info.eligibility_task_info.eligibility_policies
            for kept in self.tasks.values()
        )


class Contents(Protocol):
    """Where the bytes of plans, checkpoints and results are kept, by their digest."""

    def put_bytes(self, content: bytes) -> str:
        """Keeps it for good and returns its digest."""
        ...

    def read(self, digest: str) -> bytes:
        """The content; raises `errors.BlobNotFound` where there is none."""
        ...


@dataclass(slots=True, kw_only=True)
class Fleet:
    """One server's view of its fleet: where things are kept, and what is remembered of them."""

    database: Database
    blobs: Contents
    tokens: tokens.Tokens
    clock: Callable[[], float]
    settings: Settings = field(default_factory=Settings)
    draw: Callable[[], float] = random.SystemRandom().random
    census: pace.Census = field(default_factory=pace.Census)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when something is due at once."""
    _known: dict[str, Population] = field(default_factory=dict)
    _revisions: dict[str, int] = field(default_factory=dict)
    _full: dict[str, float] = field(default_factory=dict)
    _recipes: dict[tuple[str, int], recipes.Recipe] = field(default_factory=dict)

    def population(self, name: str) -> Population:
        """A population.

        Raises:
            errors.PopulationUnknown: there is none of this name.
        """
        if name not in self._known:
            raise errors.PopulationUnknown(name)
        return self._known[name]

    async def refresh(self) -> None:
        """Looks again at the populations that have changed, whoever changed them."""
        seen = await self.database.read(populations.revisions)
        stale = [name for name, number in seen.items() if self._revisions.get(name) != number]
        if not stale:
            return
        for known in await self.database.read(lambda rows: _look(rows, stale)):
            self._known[known.name] = known
            self._revisions[known.name] = seen[known.name]

    def full(self, now: float) -> set[str]:
        """The rounds that took nobody a moment ago."""
        self._full = {key: until for key, until in self._full.items() if until > now}
        return set(self._full)

    def found_full(self, aggregation: str, now: float) -> None:
        """Notes that a round took nobody."""
        self._full[aggregation] = now + self.settings.full_seconds

    async def blob(self, digest: str) -> bytes:
        """The content of a digest."""
        return await asyncio.to_thread(self.blobs.read, digest)

    async def keep(self, content: bytes) -> str:
        """Keeps content on disk, and returns its digest."""
        return await asyncio.to_thread(self.blobs.put_bytes, content)

    async def recipe(self, kept: Kept) -> recipes.Recipe:
        """What is made of the contributions to a task.

        Raises:
            errors.ArtifactsMissing: its plan or its checkpoint is not there.
            errors.RecipeInvalid: it says something of its aggregation that cannot be.
            errors.ExtraMissing: its plan needs TensorFlow.
        """
        key = (kept.task.population, kept.task.id)
        if key not in self._recipes:
            read = {
                name: await self.blob(kept.settings[name])
                for name in ("plan", "client_plan", "checkpoint")
                if kept.settings.get(name)
            }
            if "checkpoint" not in read:
                raise errors.ArtifactsMissing(kept.task.name, "checkpoint")
            self._recipes[key] = await asyncio.to_thread(
                opening.opened,
                kept.settings.get("aggregation", {}),
                plan=read.get("plan", b""),
                client_plan=read.get("client_plan", b""),
                state=read["checkpoint"],
                evaluates=kept.task.evaluates,
            )
        return self._recipes[key]

    def forget_but(self, running: Set[tuple[str, int]]) -> None:
        """Lets go of what was opened for tasks that have ended."""
        for key in self._recipes.keys() - running:
            del self._recipes[key]

    def window(self, *, soon: bool) -> common.RetryWindow:
        """When a device is to come back."""
        now = self.clock()
        base = self.settings.soon if soon else self.settings.later
        wide = pace.window(
            base, devices=self.census.devices(now), rate=self.settings.check_ins_per_second
        )
        made = common.RetryWindow()
        made.delay_min.FromMilliseconds(int(wide.least * 1000))
        made.delay_max.FromMilliseconds(int(wide.most * 1000))
        return made


def _look(rows: Rows, names: list[str]) -> list[Population]:
    settings = populations.populations(rows)
    collecting: dict[tuple[str, int], list[Round]] = {}
    for each in rounds.active_rounds(rows):
        if each.status == 0:
            collecting.setdefault((each.population, each.task), []).append(each)
    found = []
    running = tasks.running(rows)
    for name in names:
        own = [
            kept
            for kept in running
            if kept.task.population == name
            and kept.task.status is TaskStatus.OPEN
            and not kept.task.paused
        ]
        openings = [
            Opening(task=kept.task, aggregation=next(iter(ids), ""))
            for kept in own
            for ids in [[each.aggregation for each in collecting.get((name, kept.task.id), ())]]
        ]
        found.append(
            Population(
                name=name,
                settings=settings[name],
                openings=Openings([] if settings[name].get("paused") else openings),
                tasks={kept.task.id: kept for kept in own},
                rounds={
                    each.aggregation: each
                    for kept in own
                    for each in collecting.get((name, kept.task.id), ())
                },
            )
        )
    return found
