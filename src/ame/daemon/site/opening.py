"""A site and its gateway, put together, until they are told to end."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ame import broker
from ame.daemon.events import Events
from ame.daemon.site import agent, gateway, link
from ame.storage import sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from ame.daemon.site.info import Info


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How the server is reached."""

    server: str
    """Its address over HTTP."""
    broker: str = ""
    """Functions are called through this broker, where a gateway or the server takes them."""
    key: str = ""
    """Shown to the server over HTTP."""
    events: bool = False
    """Whether what happens is told to that broker's queue `events`."""


async def run(
    wish: agent.Wish, info: Info, reached: Reached, told: Callable[[str], None], *, once: bool
) -> None:
    """Be a site until SIGINT or SIGTERM; with `once`, until what was started has ended."""
    store = sqlite.Database(wish.home / "runs.db")
    try:
        async with _reaching(reached) as (functions, tell):
            site = agent.Site(wish, info, functions, store, told, tell)
            await _until_told(site.run(once=once))
    finally:
        store.close()


async def serve_gateway(address: str, reached: Reached, ready: Callable[[], None]) -> None:
    """Takes calls of a site's clients through the site's own broker, until SIGINT or SIGTERM."""
    queues = broker.opened(address)
    async with broker.Caller(queues) as caller, _telling(caller, reached) as tell:
        service = gateway.gateway(queues, link.Http(reached.server, reached.key), tell)
        tell("client_gateway", "main", "Started")
        await service.open()
        try:
            ready()
            await _until_told(asyncio.Event().wait())
        finally:
            await service.close()


@asynccontextmanager
async def _reaching(reached: Reached) -> AsyncIterator[tuple[link.Functions, agent.Tell]]:
    if not reached.broker:
        yield link.Http(reached.server, reached.key), lambda *_: None
        return
    async with (
        broker.Caller(broker.opened(reached.broker)) as caller,
        _telling(caller, reached) as tell,
    ):
        yield link.Queued(caller), tell


@asynccontextmanager
async def _telling(caller: broker.Caller, reached: Reached) -> AsyncIterator[agent.Tell]:
    events = Events(caller if reached.events else None)
    sending = asyncio.create_task(events.run())
    try:
        yield events.tell
    finally:
        sending.cancel()


async def _until_told(work: Coroutine[object, object, object]) -> None:
    """Does the work until it is done, or until this process is told to end."""
    doing = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, doing.cancel)
    with suppress(asyncio.CancelledError):
        await doing
