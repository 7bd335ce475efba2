"""A device's share of a round: how it comes to one, and what it is told of it. For all dialects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from ame.protocol.pb import common
from ame.server import tokens
from ame.server.ledger import assignments, rounds, sessions
from ame.server.visits.assignments import Why

if TYPE_CHECKING:
    from collections.abc import Collection

    from ame.protocol.wires import Caller
    from ame.server.fleet import Fleet
    from ame.server.ledger.assignments import Assignment
    from ame.server.ledger.sessions import Shown
    from ame.server.rounds import Round
    from ame.server.visits.assignments import Wish
    from ame.server.visits.openings import Opening
    from ame.server.visits.population import Population
    from ame.storage.databases import Rows

DRAWS: Final = 4
"""How many tasks are tried whose rounds turn out to be full."""
REASONS: Final = {
    Why.FULL: "NO_TASK_AVAILABLE",
    Why.NOT_OPEN: "NO_TASK_AVAILABLE",
    Why.NOT_ELIGIBLE: "NO_TASK_AVAILABLE",
    Why.SILENT: "NO_TASK_AVAILABLE",
    Why.VERSION: "CLIENT_VERSION_MISMATCH",
    Why.NO_TASK: "NO_ACTIVE_TASK_EXISTS",
}
SOON: Final = frozenset({Why.FULL, Why.NOT_OPEN, Why.NOT_ELIGIBLE, Why.SILENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """A session's wish for a share of a round, as the work of one transaction."""

    shown: Shown
    population: str
    version: str
    only: str
    """The one task that it is about; empty where any will do."""
    beside: Collection[int]
    """Tasks that are done beside others: a session that has them may have another one still."""
    chosen: Opening | Why
    made: str
    due: float
    now: float

    def take(self, rows: Rows) -> tuple[Assignment, Round] | None:
        """The share that the session has or gets; none where it gets none."""
        refused = str(self.chosen) if isinstance(self.chosen, Why) else ""
        note = partial(
            sessions.put_session,
            rows,
            self.shown.id,
            self.population,
            version=self.version,
            refused=refused,
            now=self.now,
        )
        if self.shown.task or not note(anew=True):
            sessions.check_session(rows, self.shown)
            for had in assignments.assignments_of(rows, self.shown.id):
                if self._meant(had):
                    return had, rounds.round_numbered(rows, had.population, had.task, had.round)
            note()
        if isinstance(self.chosen, Why):
            return None
        return assignments.join(
            rows,
            self.chosen.aggregation,
            assignment=self.made,
            session=self.shown.id,
            due=self.due,
            now=self.now,
        )

    def _meant(self, had: Assignment) -> bool:
        """Whether a share that the session has is the one that it asks for again."""
        if self.only:
            return self.only == f"{had.population}/{had.task}"
        return had.task not in self.beside


async def join(
    fleet: Fleet,
    population: Population,
    shown: Shown,
    wish: Wish,
    *,
    only: str = "",
    refused: Why | None = None,
) -> tuple[Assignment, Round] | Why:
    """A share of a round for a session; the same one again for a session that has one.

    Where it is `refused`, it gets none that it does not have.

    Raises:
        errors.SessionEnded: the session is over.
    """
    for _ in range(DRAWS):
        now = fleet.clock()
        chosen = refused or population.choose(wish, fleet.draw, now=now, only=only)
        share = _Share(
            shown=shown,
            population=population.name,
            version=wish.version,
            only=only,
            beside=population.beside,
            chosen=chosen,
            made=tokens.fresh(),
            due=now + fleet.settings.compute_seconds,
            now=now,
        )
        joined = await fleet.database.do(share.take)
        if joined is not None:
            return joined
        if isinstance(chosen, Why):
            return chosen
        until = now + fleet.settings.full_seconds
        population.shut(chosen.aggregation, until=until)
    now = fleet.clock()
    await fleet.database.do(
        lambda rows: sessions.put_session(
            rows,
            shown.id,
            population.name,
            version=wish.version,
            refused=str(Why.FULL),
            now=now,
        )
    )
    return Why.FULL


def resource(
    fleet: Fleet, made: common.Resource, digest: str, caller: Caller, *, gzip: bool
) -> None:
    """Says where the device gets a plan or a checkpoint; the same to all within a second."""
    until = int(fleet.clock() + fleet.settings.url_seconds)
    name = f"{digest} {until} {gzip} {caller.base}"
    told = fleet.addresses.get(name)
    if told is None:
        token = fleet.tokens.make("resource", f"{digest}.{until}")
        made.uri = f"{caller.base}/v1/resources/{token}{'?gzip=1' if gzip else ''}"
        made.client_cache_id = digest
        made.max_age.FromSeconds(int(fleet.settings.cache_seconds))
        told = made.SerializeToString()
        fleet.addresses.put(name, told, len(name) + len(told))
    else:
        made.MergeFromString(told)


def rejection(fleet: Fleet, why: Why) -> common.RejectionInfo:
    """What a device is told that gets no task."""
    window = fleet.window(soon=why in SOON)
    return common.RejectionInfo(reason=REASONS[why], retry_window=window)


def gzips(able: common.ResourceCapabilities) -> bool:
    """Whether a device decompresses what it downloads."""
    return common.RESOURCE_COMPRESSION_FORMAT_GZIP in able.supported_compression_formats
