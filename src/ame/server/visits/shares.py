"""A device's share of a round: how it comes to one, and what it is told of it. For all dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ame.protocol.pb import common
from ame.server import tokens
from ame.server.ledger import sessions, together
from ame.server.visits.assignments import Why
from ame.server.visits.openings import Opening

if TYPE_CHECKING:
    from ame.protocol.wires import Caller
    from ame.server.fleet import Fleet
    from ame.server.ledger.assignments import Assignment
    from ame.server.ledger.sessions import Shown
    from ame.server.rounds import Round
    from ame.server.visits.assignments import Wish
    from ame.server.visits.population import Population

DRAWS: Final = 4
"""How many tasks are tried whose rounds turn out to be full."""
REASONS: Final = {
    Why.FULL: "NO_TASK_AVAILABLE",
    Why.NOT_OPEN: "NO_TASK_AVAILABLE",
    Why.NOT_ELIGIBLE: "NO_TASK_AVAILABLE",
    Why.SILENT: "NO_TASK_AVAILABLE",
    Why.VERSION: "CLIENT_VERSION_MISMATCH",
    Why.NO_TASK: "NO_ACTIVE_TASK_EXISTS",
    Why.PAUSED: "NO_TASK_AVAILABLE",
}
SOON: Final = frozenset({Why.FULL, Why.NOT_OPEN, Why.NOT_ELIGIBLE, Why.SILENT, Why.PAUSED})


async def join(
    fleet: Fleet,
    population: Population,
    shown: Shown,
    wish: Wish,
    *,
    only: str = "",
    refused: Why | None = None,
    noted: bool = True,
) -> tuple[Assignment, Round] | Why:
    """A share of a round for a session; the same one again for a session that has one.

    Where it is `refused`, it gets none that it does not have. A session that nobody can come back
    to need not be `noted`.

    Raises:
        errors.SessionEnded: the session is over.
    """
    for _ in range(DRAWS):
        now = fleet.clock()
        chosen = refused or population.choose(wish, fleet.draw, now=now, only=only)
        why = chosen if isinstance(chosen, Why) else None
        room = population.collecting(chosen.aggregation) if isinstance(chosen, Opening) else None
        asked = together.Joining(
            shown=shown,
            population=population.name,
            version=wish.version,
            only=only,
            beside=population.beside,
            aggregation=room.aggregation if room else "",
            refused=str(why or ""),
            noted=noted,
            made=tokens.fresh(),
            due=now + fleet.settings.compute_seconds,
            now=now,
        )
        joined = await fleet.database.do_together(together.join, asked)
        if joined is not None and (found := joined[1] or room) is not None:
            return joined[0], found
        if why is not None:
            return why
        if room is not None:
            population.shut(room.aggregation, until=now + fleet.settings.full_seconds)
    if not noted:
        return Why.FULL
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


def share(fleet: Fleet, population: Population, joined: Round, caller: Caller) -> str:
    """What is the same of all shares of which devices are told the same, within a second."""
    until = int(fleet.clock() + fleet.settings.url_seconds)
    return f"{joined.aggregation} {population.revision} {until} {caller.base}"


def resource(
    fleet: Fleet, made: common.Resource, digest: str, caller: Caller, *, gzip: bool
) -> None:
    """Says where the device gets a plan or a checkpoint; the same to all within a second."""
    until = int(fleet.clock() + fleet.settings.url_seconds)
    name = f"{digest} {until} {gzip} {caller.base}"
    told = fleet.told.get(name)
    if told is None:
        token = fleet.tokens.make("resource", f"{digest}.{until}")
        made.uri = f"{caller.base}/v1/resources/{token}{'?gzip=1' if gzip else ''}"
        made.client_cache_id = digest
        made.max_age.FromSeconds(int(fleet.settings.cache_seconds))
        told = made.SerializeToString()
        fleet.told.put(name, told, len(name) + len(told))
    else:
        made.MergeFromString(told)


def rejection(fleet: Fleet, why: Why) -> common.RejectionInfo:
    """What a device is told that gets no task."""
    window = fleet.window(soon=why in SOON)
    return common.RejectionInfo(reason=REASONS[why], retry_window=window)


def gzips(able: common.ResourceCapabilities) -> bool:
    """Whether a device decompresses what it downloads."""
    return common.RESOURCE_COMPRESSION_FORMAT_GZIP in able.supported_compression_formats


def version(client: common.ClientVersion) -> str:
    """A device's version, as every database can hold it."""
    return client.version_code.replace("\0", "")
