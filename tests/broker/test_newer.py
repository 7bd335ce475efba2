"""A broker that refuses queues neither durable nor exclusive, as RabbitMQ does from 4.3 on."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pika import frame, spec

from ame import broker
from broker.places import Place
from parts.servers import rabbitmq

WHY = (
    "INTERNAL_ERROR - Feature `transient_nonexcl_queues` is deprecated. "
    "By default, this feature is not permitted anymore."
)
DECLARE = (50, 10)
DURABLE, EXCLUSIVE = 2, 4


class Strict:
    """Stands before a real broker, and ends connections that declare such a queue."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.refused = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asks = await asyncio.open_connection("127.0.0.1", self._port)
        back = asyncio.create_task(self._hand_on(answers, writer))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            asks.write(await reader.readexactly(8))
            while True:
                head = await reader.readexactly(7)
                body = await reader.readexactly(struct.unpack(">BHL", head)[2] + 1)
                if is_transient(head, body):
                    self.refused += 1
                    back.cancel()
                    close = spec.Connection.Close(541, WHY, *DECLARE)  # type: ignore[no-untyped-call]  # pika leaves it untyped
                    writer.write(frame.Method(0, close).marshal())
                    await reader.read(100)
                    break
                asks.write(head + body)
        asks.close()
        writer.close()
        await asyncio.gather(back, return_exceptions=True)

    async def _hand_on(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await answers.read(65536):
            writer.write(said)
        writer.close()


def is_transient(head: bytes, body: bytes) -> bool:
    if head[0] != spec.FRAME_METHOD or struct.unpack(">HH", body[:4]) != DECLARE:
        return False
    bits = body[7 + body[6]]
    return not bits & (DURABLE | EXCLUSIVE)


@asynccontextmanager
async def strict(port: int) -> AsyncIterator[tuple[Strict, str]]:
    before = Strict(port)
    server = await asyncio.start_server(before.serve, "127.0.0.1", 0)
    async with server:
        own = server.sockets[0].getsockname()[1]
        yield before, f"amqp://guest:guest@127.0.0.1:{own}/"


def test_a_service_declares_durable_queues_where_others_are_refused(
    broker_of_all: rabbitmq.RabbitMQ,
) -> None:
    async def use() -> None:
        async with strict(broker_of_all.port) as (before, address):
            place = Place(address=address, restart=lambda: None)

            async def double(number: int) -> int:
                return number * 2

            double.__name__ = place.name_of_queue()
            async with place.serving(double), place.caller(patience=60) as caller:
                assert await caller.call(double.__name__, 21) == 42
            assert before.refused == 1
            old = broker.opened(broker_of_all.address)
            async with broker.Caller(old, patience=60) as caller, place.serving(double):
                assert await caller.call(double.__name__, 4) == 8  # whoever knows nothing of it

    asyncio.run(use())
