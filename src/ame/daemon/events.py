"""What happens, told to the queue `events` for those who measure."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.broker import events

if TYPE_CHECKING:
    from ame.broker import Caller

MOST: Final = 1000
"""Events that may wait to be sent; more are let go."""
LOG = logging.getLogger("ame.cloud")


class Events:
    """Tells events in their order, as far as there is somebody to tell. Any thread may tell."""

    def __init__(self, caller: Caller | None) -> None:
        self._caller = caller
        self._loop = asyncio.get_running_loop() if caller else None
        self._waiting: asyncio.Queue[dict[str, object]] = asyncio.Queue(MOST)

    def tell(self, service: str, function: str, event: str) -> None:
        """Says that something has happened; does not wait."""
        if self._loop is None or not event:
            return
        what = events.event(service, function, event, at=time.time())
        self._loop.call_soon_threadsafe(self._put, what)

    async def run(self) -> None:
        """Sends what is told, until it is cancelled."""
        while self._caller is not None:
            what = await self._waiting.get()
            try:
                await self._caller.publish(events.QUEUE, what)
            except errors.Error as error:
                LOG.info("an event was not told: %s", error)

    def _put(self, what: dict[str, object]) -> None:
        if not self._waiting.full():
            self._waiting.put_nowait(what)
