"""The forms of queues, and services and callers over them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ame import broker


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A broker, and how it is restarted. What waits in it is lost by that."""

    address: str
    restart: Callable[[], None]

    def name_of_queue(self) -> str:
        """One that nobody else has."""
        return f"rpc_exec_{uuid4().hex}"

    def queues(self) -> broker.Queues:
        return broker.opened(self.address)

    @asynccontextmanager
    async def serving(self, *functions: Callable[..., Any], **options: Any) -> AsyncIterator[None]:
        """A service of plain functions, by their names."""
        service = broker.Service(self.queues(), **options)
        for function in functions:
            service.function(function.__name__, None, function)
        async with opened(service):
            yield

    def caller(self, **options: Any) -> broker.Caller:
        return broker.Caller(self.queues(), **options)


@asynccontextmanager
async def opened(service: broker.Service) -> AsyncIterator[broker.Service]:
    await service.open()
    try:
        yield service
    finally:
        await service.close()


async def until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Waits until it comes true."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)
