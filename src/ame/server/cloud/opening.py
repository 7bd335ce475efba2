"""The Flower tasks of a server, put together."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import secrets
import time
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ame import broker, errors
from ame.daemon.events import Events
from ame.server.cloud import ledger
from ame.server.cloud.api import Api
from ame.server.cloud.cloud import Cloud
from ame.server.cloud.contract.functions import OURS, Functions
from ame.server.cloud.contract.gateway import Gateway
from ame.server.cloud.keeping import Keeping
from ame.server.cloud.leading.launching import Launcher, Place
from ame.server.cloud.leading.lookout import LOST
from ame.server.cloud.leading.services import Services
from ame.server.leading.beside import going
from ame.server.tokens import Tokens
from ame.storage import answers, sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from ame.server.calls.doors import Doors
    from ame.server.fleet import Contents
    from ame.storage.databases import Database

LOG = logging.getLogger("ame.cloud")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How Flower tasks are to be served."""

    folder: Path
    """Of the server."""
    home: Path
    """The state folder, in which runs are listed."""
    work: Path
    """Where `tasks/task_ID` is, for tasks whose code nobody uploaded."""
    broker: str = ""
    """Through whose queues functions are called as well; none: those of this process."""
    events: bool = False
    """Whether what happens is told to the queue `events`."""
    self_test: bool = False
    """Whether the client as which the self-test asks is known."""
    keep_services: bool = False
    """Whether services go on when the server is ended; the next one finds them."""
    lost: float = LOST
    """Seconds of its silence after which another manager of the database is taken for dead."""
    superlink_tls: Path | None = None
    """The folder with `ca.crt`, `server.pem` and `server.key`, by which SuperLinks speak TLS."""
    rate: float = 0.0
    """Calls a second that one sender may make through the broker; 0: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The parts of it."""

    cloud: Cloud
    functions: Functions
    gateway: Gateway
    api: Api


@asynccontextmanager
async def running(
    wish: Wish,
    database: Database,
    kept: Contents,
    doors: Doors,
    *,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Running]:
    """Finds services that were left running, takes calls, and leads services until the end.

    `kept` is for the code of tasks alone.

    Raises:
        errors.BrokerInvalid: the broker's address is none.
        errors.ExtraMissing: what RabbitMQ or the schemas need is not installed.
    """
    async with (
        _told(wish) as (queues, events),
        _led(wish, database, kept, events, clock) as (services, store, place),
    ):
        fresh = secrets.token_urlsafe(32)
        key = await database.do(lambda rows: ledger.key(rows, "tokens", fresh))
        cloud = Cloud(
            database=database,
            blobs=kept,
            tokens=Tokens(key.encode()),
            services=services,
            clock=clock,
            self_test=wish.self_test,
        )
        functions = Functions(cloud, events)
        service = broker.Service(queues, answers=answers.Answers(database, clock), rate=wish.rate)
        functions.serve(service)
        keeping = Keeping(
            database=database, code=kept, store=store, folder=place.folder, clock=clock
        )
        await services.open()
        async with going(_serve(service), keeping.run()):
            events.tell(OURS, "main", "Started")
            try:
                yield Running(
                    cloud=cloud,
                    functions=functions,
                    gateway=Gateway(cloud, functions, doors, events),
                    api=Api(cloud, store, wish.home),
                )
            finally:
                events.tell(OURS, "main", "Interrupted")


@asynccontextmanager
async def _told(wish: Wish) -> AsyncIterator[tuple[broker.Queues, Events]]:
    """The queues of the broker, and the events that are told to one of them."""
    queues = broker.opened(wish.broker or f"memory://{secrets.token_hex(8)}")
    caller = broker.Caller(queues)
    events = Events(caller if wish.events else None)
    try:
        async with going(events.run()):
            yield queues, events
    finally:
        await caller.close()


@asynccontextmanager
async def _led(
    wish: Wish, database: Database, kept: Contents, events: Events, clock: Callable[[], float]
) -> AsyncIterator[tuple[Services, sqlite.Database, Place]]:
    """What leads services, as a manager whose name nobody else has; closed at the end."""
    folder = wish.folder / "cloud"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        machine, held = _machine(folder)
        opened.callback(os.close, held)
        store = sqlite.Database(wish.home / "runs.db")
        place = Place(
            folder=folder / "services",
            home=wish.home,
            work=wish.work,
            machine=machine,
            tls=wish.superlink_tls,
        )
        services = Services(
            database,
            store,
            Launcher(place, kept),
            clock,
            failed=lambda task: _failed(events, task),
            lost=wish.lost,
        )
        try:
            yield services, store, place
        finally:
            await services.close(keep=wish.keep_services)
            await asyncio.to_thread(store.close)


async def _serve(service: broker.Service) -> None:
    """Takes calls until it is cancelled; over HTTP everything is served all the same."""
    try:
        await service.run()
    except errors.Error as error:
        what = "no calls are taken through the broker until the server is started again"
        LOG.error("%s: %s", what, error)  # noqa: TRY400 - whoever starts it can mend it


def _failed(events: Events, task: str) -> None:
    name = "handle_error_from_task"
    events.tell(OURS, name, f"Started handling error from task {task}")
    events.tell(OURS, name, f"Finished handling error from task {task}")


def _machine(folder: Path) -> tuple[str, int]:
    """As which manager this process leads services: the first that no living one is.

    A manager that starts where another was killed is the same one, and finds its services. What
    is returned beside the name is to be closed at the end.
    """
    number = 0
    while True:
        path = folder / f"manager-{number}"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            name = os.read(file, 100).decode() or secrets.token_hex(8)
            os.pwrite(file, name.encode(), 0)
            return name, file
        os.close(file)
        number += 1
