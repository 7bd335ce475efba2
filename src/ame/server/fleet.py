"""What all calls and all loops of one server share."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ame import errors
from ame.protocol.pb import common
from ame.server.ledger import assignments, changes, populations, rounds, tasks
from ame.server.ledger.sessions import Shown
from ame.server.recent import Recent
from ame.server.recipes import opening
from ame.server.settings import Settings
from ame.server.tasks import TaskStatus
from ame.server.visits import pace
from ame.server.visits.population import Population

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence, Set
    from datetime import datetime

    from ame.server import recipes, tokens
    from ame.server.ledger.assignments import Assignment
    from ame.server.ledger.tasks import Kept
    from ame.server.rounds import Round
    from ame.storage.databases import Database, Rows


Key = tuple[str, int]
"""A task: its population, and its number there."""

READERS = 2
"""Threads that read plans, which takes long. They are others than those for all else."""
TOLD_BYTES = 1 << 20
"""Bytes of what devices have just been told that are remembered."""
TOLD = 0.1
"""Seconds for which devices are told the same window; each draws within it."""


class Contents(Protocol):
    """Where the bytes of plans, checkpoints and results are kept, by their digest."""

    def put_bytes(self, content: bytes) -> str:
        """Keeps it and returns its digest; what is there already counts as put now."""
        ...

    def read(self, digest: str) -> bytes:
        """The content; raises `errors.BlobNotFound` where there is none."""
        ...

    def sweep(self, keep: Set[str], *, before: datetime) -> int:
        """Removes all but `keep` of what was put before that time; returns how many bytes it had.

        It may be cut short at any moment, and go on in several servers at once.
        """
        ...

    def shared(self, owner: str) -> set[str]:
        """Notes for good that `owner` has content here; all who have."""
        ...


@dataclass(slots=True, kw_only=True)
class Fleet:
    """One server's view of its fleet: where things are kept, and what is remembered of them."""

    database: Database
    blobs: Contents
    tokens: tokens.Tokens
    clock: Callable[[], float]
    settings: Settings = field(default_factory=Settings)
    draw: Callable[[], float] = random.Random().random  # noqa: S311 - it decides who gets which task
    census: pace.Census = field(default_factory=pace.Census)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when something is due at once."""
    _known: dict[str, Population] = field(default_factory=dict)
    _stirred: dict[Key, None] = field(default_factory=dict)
    _doubted: set[Key] = field(default_factory=set)
    _watchers: dict[Key, set[Key]] = field(default_factory=dict)
    _recipes: dict[Key, recipes.Recipe] = field(default_factory=dict)
    _reading: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(READERS))
    _opening: dict[Key, asyncio.Lock] = field(default_factory=dict)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _windows: dict[bool, tuple[float, common.RetryWindow]] = field(default_factory=dict)
    told: Recent[bytes] = field(default_factory=lambda: Recent(TOLD_BYTES))
    """Messages, and parts of them, as devices have just been told them."""
    _recent: Recent[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._recent = Recent(self.settings.recent_bytes)

    def close(self) -> None:
        """Reads no more plans; what is being read is not waited for."""
        self._reading.shutdown(wait=False, cancel_futures=True)

    def population(self, name: str) -> Population:
        """A population.

        Raises:
            errors.PopulationUnknown: there is none of this name.
        """
        if name not in self._known:
            raise errors.PopulationUnknown(name)
        return self._known[name]

    def session(self, token: str, population: str) -> Shown:
        """A session that this server began for the population.

        Raises:
            errors.SessionUnknown: it did not.
            errors.SessionEnded: it has lasted too long.
        """
        try:
            shown = Shown.read(self.tokens.read(f"session:{population}", token))
        except errors.TokenRefused:
            raise errors.SessionUnknown from None
        if self.clock() - shown.begun > self.settings.session_seconds:
            raise errors.SessionEnded
        return shown

    async def kept(self, population: str, number: int) -> Kept:
        """A task, whether it is open or not.

        Raises:
            errors.FleetTaskUnknown: there is none.
        """
        known = self._known.get(population)
        if known is not None and number in known.tasks:
            return known.tasks[number]
        return await self.database.read(lambda rows: tasks.task(rows, population, number))

    async def refresh(self) -> None:
        """Looks again at what has changed, whoever changed it, and stirs the tasks that did."""
        async with self._looking:
            seen = await self.database.read(populations.revisions)
            stale = {
                name: known.revision if known else None
                for name, revision in seen.items()
                if (known := self._known.get(name)) is None or known.revision != revision
            }
            if not stale:
                return
            looks = await self.database.read(
                lambda rows: [_look(rows, name, since) for name, since in stale.items()]
            )
            for look in looks:
                population = self._known.setdefault(look.name, Population(look.name))
                population.put(look.settings)
                population.revision = seen[look.name]
                for kept, collecting in look.tasks:
                    population.see(kept, collecting)
                    self._notice(kept)

    def stir(self, key: Key) -> None:
        """Something may be due about a task, and about those that evaluate it."""
        self._stirred[key] = None
        for watcher in self._watchers.get(key, ()):
            self._stirred[watcher] = None

    def doubt(self, key: Key) -> None:
        """A task that is open has a plan that is refused: whoever leads it is to look at that."""
        self._doubted.add(key)
        self.stir(key)
        self.changed.set()

    def doubted(self, key: Key) -> bool:
        """Whether it is to be seen that the plan of an open task can still be used."""
        return key in self._doubted

    def stirred(self) -> list[Key]:
        """The tasks about which something may be due; they are told of once."""
        found, self._stirred = list(self._stirred), {}
        return found

    def _notice(self, kept: Kept) -> None:
        """What is remembered of a task follows it."""
        key = kept.task.population, kept.task.id
        if kept.task.status is not TaskStatus.OPEN:
            self._recipes.pop(key, None)
            self._doubted.discard(key)
        if looks := kept.task.looks_at:
            watchers = self._watchers.setdefault(looks, set())
            if kept.task.status.final:
                watchers.discard(key)
            else:
                watchers.add(key)
        self.stir(key)

    async def blob(self, digest: str) -> bytes:
        """The content that has this digest.

        Raises:
            errors.BlobNotFound: it is not there.
            errors.BlobDamaged: it is another one.
        """
        content = self._recent.get(digest)
        if content is None:
            content = await asyncio.to_thread(self.blobs.read, digest)
            self._recent.put(digest, content, len(content))
        return content

    async def uploaded(self, found: Assignment) -> bytes:
        """What the device of an assignment has uploaded.

        Raises:
            errors.BlobNotFound: it is not there.
            errors.BlobDamaged: it is something else.
        """
        content = await self.database.read(lambda rows: assignments.content_of(rows, found.id))
        whole = content is not None and hashlib.sha256(content).hexdigest() == found.digest
        return content if content is not None and whole else await self.blob(found.digest)

    async def packed(self, digest: str) -> bytes:
        """The same, compressed."""
        name = f"gzip/{digest}"
        content = self._recent.get(name)
        if content is None:
            content = await asyncio.to_thread(gzip.compress, await self.blob(digest), 1)
            self._recent.put(name, content, len(content))
        return content

    async def keep(self, content: bytes) -> str:
        """Keeps content on disk, and returns its digest.

        Raises:
            errors.BucketUnusable, errors.FilesUnusable: it cannot be kept now.
        """
        try:
            digest = await asyncio.to_thread(self.blobs.put_bytes, content)
        except OSError as error:
            raise errors.FilesUnusable(error.strerror or str(error)) from error
        self._recent.put(digest, content, len(content))
        return digest

    async def recipe(self, kept: Kept) -> recipes.Recipe:
        """What is made of the contributions to a task.

        Raises:
            errors.ArtifactsMissing: its plan or its checkpoint is not there.
            errors.RecipeInvalid: it says something of its aggregation that cannot be.
            errors.ExtraMissing: its plan needs TensorFlow.
        """
        key = (kept.task.population, kept.task.id)
        if key not in self._recipes:
            async with self._opening.setdefault(key, asyncio.Lock()):  # once, for all who ask
                if key not in self._recipes:
                    self._recipes[key] = await self._opened(kept)
            self._opening.pop(key, None)
        return self._recipes[key]

    async def _opened(self, kept: Kept) -> recipes.Recipe:
        read = {
            name: await self.blob(kept.settings[name])
            for name in ("plan", "client_plan", "checkpoint")
            if kept.settings.get(name)
        }
        if "checkpoint" not in read:
            raise errors.ArtifactsMissing(kept.task.name, "checkpoint")
        work = partial(
            opening.opened,
            kept.settings.get("aggregation", {}),
            plan=read.get("plan", b""),
            client_plan=read.get("client_plan", b""),
            state=read["checkpoint"],
            evaluates=kept.task.evaluates,
        )
        return await asyncio.get_running_loop().run_in_executor(self._reading, work)

    def window(self, *, soon: bool) -> common.RetryWindow:
        """When a device is to come back."""
        now = self.clock()
        at, told = self._windows.get(soon, (0.0, None))
        if told is not None and 0 <= now - at < TOLD:
            return told
        base = self.settings.soon if soon else self.settings.later
        wide = pace.window(
            base, devices=self.census.devices(now), rate=self.settings.check_ins_per_second
        )
        made = common.RetryWindow()
        made.delay_min.FromMilliseconds(int(wide.least * 1000))
        made.delay_max.FromMilliseconds(int(wide.most * 1000))
        self._windows[soon] = now, made
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What has changed of a population, with its tasks' rounds that collect."""

    name: str
    settings: Mapping[str, Any]
    tasks: Sequence[tuple[Kept, Sequence[Round]]]


def _look(rows: Rows, name: str, since: int | None) -> _Look:
    """What has changed since a revision; without one, all that is not over."""
    found = (
        tasks.running(rows, name)
        if since is None
        else [tasks.task(rows, name, number) for number in changes.touched(rows, name, since)]
    )
    return _Look(
        name=name,
        settings=populations.settings(rows, name),
        tasks=[(kept, rounds.collecting(rows, name, kept.task.id)) for kept in found],
    )
