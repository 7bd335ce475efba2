"""A server of a fleet, put together. Here alone is chosen what it is made of."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ame import errors
from ame.server.calls.attestation import Attestation
from ame.server.calls.doors import Doors
from ame.server.calls.rates import Shared
from ame.server.calls.service import Service
from ame.server.fleet import Contents, Fleet
from ame.server.leading.beside import going
from ame.server.leading.keeping import Keeping
from ame.server.leading.leader import Leader
from ame.server.ledger import populations
from ame.server.operators.builds import Builds
from ame.server.operators.management import Management
from ame.server.settings import Settings
from ame.server.tokens import Tokens
from ame.server.visits import payloads
from ame.server.visits.checkins import CheckIns
from ame.server.visits.operations import Operations
from ame.server.visits.personal import PersonalCheckIns
from ame.server.visits.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ame.server.calls.attestation import Verifier
    from ame.server.cloud.opening import Running as Cloud
    from ame.server.visits.payloads import Payloads
    from ame.storage.databases import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The parts of a running server."""

    fleet: Fleet
    doors: Doors
    service: Service
    uploads: Uploads
    management: Management
    leader: Leader
    keeping: Keeping
    payloads: Payloads
    attestation: Attestation
    public: str = ""
    cloud: Cloud | None = None
    """Flower tasks, where they are served."""


@asynccontextmanager
async def running(
    database: Database,
    blobs: Contents,
    *,
    settings: Settings | None = None,
    doors: Doors | None = None,
    clock: Callable[[], float] = time.time,
    plain: bool = True,
    verifier: Verifier | None = None,
    public: str = "",
    cloud: Cloud | None = None,
) -> AsyncIterator[App]:
    """A server over what is kept there; it leads until the end.

    `plain` lets in payloads of the On-Device Personalization dialect that are not encrypted;
    `verifier` says which of its devices are genuine, without one all of them are. `public` is
    where devices reach it; empty: wherever they did.

    Raises:
        errors.DatabaseUnusable: the database cannot be reached.
    """
    fresh = {"tokens": secrets.token_urlsafe(32), "owner": secrets.token_hex(16)}
    key, owner = await database.do(
        lambda rows: [populations.server_key(rows, *each) for each in fresh.items()]
    )
    fleet = Fleet(
        database=database,
        blobs=blobs,
        tokens=Tokens(key.encode()),
        clock=clock,
        settings=settings or Settings(),
    )
    leader, keeping = Leader(fleet), Keeping(fleet, owner)
    check_ins, management = CheckIns(fleet), Management(fleet)
    keys = await payloads.kept(database, now=clock(), plain=plain)
    uploads = Uploads(fleet, leader.accepted, keys.opened)
    builds = Builds(management)
    operations, personal = Operations(check_ins, uploads), PersonalCheckIns(fleet)
    service = Service(check_ins, operations, personal, uploads, management, builds)
    await fleet.refresh()
    doors = doors or Doors()
    shared = Shared(doors.rates, fleet)
    try:
        async with going(leader.run(), keeping.run(), _rotate(keys, fleet), shared.run()):
            yield App(
                fleet=fleet,
                doors=doors,
                service=service,
                uploads=uploads,
                management=management,
                leader=leader,
                keeping=keeping,
                payloads=keys,
                attestation=Attestation(fleet=fleet, verifier=verifier),
                public=public.rstrip("/"),
                cloud=cloud,
            )
    finally:
        builds.end()
        fleet.close()


async def _rotate(keys: Payloads, fleet: Fleet) -> None:
    """New keys in time."""
    while True:
        await asyncio.sleep(fleet.settings.rotate_seconds)
        with suppress(errors.DatabaseUnusable):
            await keys.rotate(fleet.clock())
