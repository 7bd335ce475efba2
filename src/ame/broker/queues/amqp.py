"""Queues of RabbitMQ."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from pika import BasicProperties
from pika.channel import Channel
from pika.exceptions import AMQPError, ChannelClosedByBroker, ConnectionClosedByBroker
from pika.spec import Basic

from ame import errors
from ame.broker.message import Message
from ame.broker.queues import address as addresses
from ame.broker.queues.connection import Connection, done, telling
from ame.broker.queues.queues import Consumer, Delivery, Depth, Sender
from ame.broker.queues.replies import DIRECT, Replies
from ame.broker.rates import TOLD, Rates

_PERSISTENT = 2
_NONE, _OTHER = 404, 406
_JSON = "application/json"
_TRANSIENT = "transient_nonexcl_queues"
"""What RabbitMQ calls queues that are neither durable nor exclusive, where it refuses them."""
_log = logging.getLogger(__name__)


class Amqp:
    """It promises what `Queues` does; a consumer and a sender have a connection each."""

    def __init__(self, address: str) -> None:
        """Raises errors.BrokerInvalid: the address cannot be used. Connects to nothing yet."""
        self._parameters = addresses.parameters(address)
        self._shown = addresses.shown(address)
        logging.getLogger("pika").setLevel(logging.CRITICAL)  # what it says is in our errors

    def consumer(
        self, queues: Sequence[str], take: Callable[[Delivery], None], *, prefetch: int
    ) -> Consumer:
        made = _Consumer(queues, take, prefetch)
        made.connection = Connection(self._parameters, self._shown, made.set_up, made.change)
        return made

    def sender(
        self,
        *,
        replied: Callable[[Message], None],
        returned: Callable[[str], None],
        changed: Callable[[], None],
    ) -> Sender:
        made = _Sender(replied, returned)
        made.connection = Connection(self._parameters, self._shown, made.set_up, changed)
        return made


class _Held:
    """A message in hand."""

    __slots__ = ("_channel", "_tag", "message", "queue")

    def __init__(self, channel: Channel, tag: int, queue: str, message: Message) -> None:
        self._channel = channel
        self._tag = tag
        self.queue = queue
        self.message = message

    def answer(self, body: bytes) -> None:
        if self._channel.is_open:
            self._reply(body)
            self._channel.basic_ack(self._tag)

    def refuse(self, body: bytes) -> None:
        if self._channel.is_open:
            self._reply(body)
            self._channel.basic_reject(self._tag, requeue=False)

    def _reply(self, body: bytes) -> None:
        """Before the message is settled: if the broker dies in between, it comes again."""
        asked = self.message
        if asked.reply_to:
            kept = BasicProperties(correlation_id=asked.correlation_id or None)  # type: ignore[no-untyped-call]  # pika leaves it untyped
            self._channel.basic_publish("", asked.reply_to, body, kept)


class _Consumer:
    connection: Connection

    def __init__(
        self, queues: Sequence[str], take: Callable[[Delivery], None], prefetch: int
    ) -> None:
        self._queues = queues
        self._take = take
        self._prefetch = prefetch
        self._there: set[str] = set()
        self._durable = False
        self._replies = Replies()
        self._told = Rates(TOLD)
        self._ready = asyncio.Event()

    async def open(self) -> None:
        self.connection.start()
        await self._ready.wait()
        if self.connection.why is not None:
            why = self.connection.why
            await self.connection.close()
            raise why

    async def stop(self) -> None:
        channel = self.connection.channel
        if channel is not None:
            with suppress(AMQPError):
                for tag in list(channel.consumer_tags):
                    await self.connection.until_lost(done(channel.basic_cancel, tag))

    async def close(self) -> None:
        await self.connection.close()

    def change(self) -> None:
        self._ready.set()

    async def set_up(self, channel: Channel) -> None:
        await done(channel.basic_qos, prefetch_count=self._prefetch)
        channel.add_on_cancel_callback(lambda _: channel.close())  # a queue was deleted: make it
        for queue in self._queues:
            if queue not in self._there:
                await self._declare(channel, queue)
        for queue in self._queues:
            await done(channel.basic_consume, queue, self._got)

    async def _declare(self, channel: Channel, queue: str) -> None:
        """Not durable, as clients and services of the contract have always declared it.

        Brokers that refuse that (RabbitMQ from 4.3 on, unless it is permitted) get a durable one.
        """
        channel.add_on_close_callback(lambda _, why: self._closed(queue, why))
        await done(channel.queue_declare, queue, durable=self._durable)

    def _closed(self, queue: str, why: BaseException) -> None:
        """If someone has declared it in another way, it is taken as it is."""
        if isinstance(why, ConnectionClosedByBroker) and _TRANSIENT in str(why):
            self._durable = True
        other = isinstance(why, ChannelClosedByBroker) and why.reply_code == _OTHER
        if other and f"'{queue}'" in str(why):
            self._there.add(queue)

    def _got(
        self, channel: Channel, how: Basic.Deliver, what: BasicProperties, body: bytes
    ) -> None:
        message = _message(what, body)
        again = how.redelivered
        if self._replies.answers(message.reply_to, message.correlation_id, again=again):
            self._take(_Held(channel, how.delivery_tag, how.routing_key, message))
        else:
            if self._told.allow(how.routing_key):
                _log.warning("a call of %s names no address for its answer", how.routing_key)
            channel.basic_reject(how.delivery_tag, requeue=False)


class _Sender:
    connection: Connection

    def __init__(self, replied: Callable[[Message], None], returned: Callable[[str], None]) -> None:
        self._replied = replied
        self._returned = returned

    async def open(self) -> None:
        self.connection.start()

    @property
    def why(self) -> Exception | None:
        return self.connection.why

    def send(self, queue: str, message: Message) -> None:
        channel = self.connection.channel
        if channel is None or not channel.is_open:
            return
        wait = None if message.seconds is None else str(max(1, int(message.seconds * 1000)))
        properties = BasicProperties(  # type: ignore[no-untyped-call]  # as above
            type=message.type,
            reply_to=DIRECT,
            correlation_id=message.correlation_id,
            expiration=wait,
        )
        channel.basic_publish("", queue, message.body, properties, mandatory=True)

    async def publish(self, queue: str, message: Message, *, timeout: float) -> bool:
        async def send(channel: Channel) -> bool:
            came_back: list[object] = []
            confirmed = asyncio.get_running_loop().create_future()
            channel.add_on_return_callback(lambda *what: came_back.append(what))
            await done(channel.confirm_delivery, confirmed.set_result)
            properties = _properties(
                content_type=_JSON,
                type=message.type or None,
                reply_to=message.reply_to or None,
                correlation_id=message.correlation_id or None,
                delivery_mode=_PERSISTENT,
            )
            channel.basic_publish("", queue, message.body, properties, mandatory=True)
            confirmation = (await confirmed).method
            return isinstance(confirmation, Basic.Ack) and not came_back

        return bool(await self._apart(send, timeout))

    async def depth(self, queue: str, *, timeout: float) -> Depth | None:
        async def look(channel: Channel) -> Depth | None:
            answer = await _unless_none(channel, done(channel.queue_declare, queue, passive=True))
            return answer and Depth(
                waiting=answer.method.message_count, consumers=answer.method.consumer_count
            )

        found: Depth | None = await self._apart(look, timeout)
        return found

    async def first(
        self, queue: str, most: int, *, remove: bool, timeout: float
    ) -> Sequence[Message] | None:
        async def look(channel: Channel) -> Sequence[Message] | None:
            if (
                await _unless_none(channel, done(channel.queue_declare, queue, passive=True))
                is None
            ):
                return None
            found: list[Message] = []
            while len(found) < most:
                message = await _got(channel, queue)
                if message is None:
                    break
                found.append(message)
            if remove and found:
                channel.basic_ack(0, multiple=True)
            return found  # what is not acknowledged goes back when the channel is closed

        found: Sequence[Message] | None = await self._apart(look, timeout)
        return found

    async def close(self) -> None:
        await self.connection.close()

    async def set_up(self, channel: Channel) -> None:
        channel.add_on_return_callback(self._came_back)
        await done(channel.basic_consume, DIRECT, self._answered, auto_ack=True)

    def _answered(
        self, channel: Channel, how: Basic.Deliver, what: BasicProperties, body: bytes
    ) -> None:
        del channel, how
        self._replied(_message(what, body))

    def _came_back(
        self, channel: Channel, how: Basic.Return, what: BasicProperties, body: bytes
    ) -> None:
        del channel, how, body
        self._returned(what.correlation_id or "")

    async def _apart(self, work: Callable[[Channel], Awaitable[Any]], timeout: float) -> Any:  # noqa: ANN401 - what the work returns
        """Does it on a channel of its own, as soon as there is a connection."""
        self.connection.start()
        try:
            async with asyncio.timeout(timeout):
                while True:
                    await self.connection.ready()
                    with suppress(AMQPError):
                        channel = await self.connection.extra()
                        try:
                            return await self.connection.until_lost(work(channel))
                        finally:
                            if channel.is_open:
                                channel.close()
        except TimeoutError:
            raise self.connection.why or errors.BrokerSilent(
                self.connection.shown, f"no word in {timeout:g} s"
            ) from None


async def _unless_none(channel: Channel, answer: Awaitable[Any]) -> Any:  # noqa: ANN401 - frames
    """The answer, or None where the broker says that there is no such queue."""
    closed = asyncio.get_running_loop().create_future()
    channel.add_on_close_callback(lambda _, why: telling(closed)(why))
    asking = asyncio.ensure_future(answer)
    await asyncio.wait((asking, closed), return_when=asyncio.FIRST_COMPLETED)
    if asking.done():
        return await asking
    asking.cancel()
    why = closed.result()
    if isinstance(why, ChannelClosedByBroker) and why.reply_code == _NONE:
        return None
    raise AMQPError(str(why))


async def _got(channel: Channel, queue: str) -> Message | None:
    """The first message of a queue, taken and not acknowledged."""
    got = asyncio.get_running_loop().create_future()
    tell = telling(got)
    channel.add_callback(lambda _: tell(None), [Basic.GetEmpty])
    channel.basic_get(queue, lambda _, __, what, body: tell(_message(what, body)))
    message: Message | None = await got
    return message


def _properties(**named: object) -> BasicProperties:
    return BasicProperties(**named)  # type: ignore[no-untyped-call]  # pika leaves it untyped


def _message(what: BasicProperties, body: bytes) -> Message:
    return Message(
        body=body,
        type=_text(what.type),
        reply_to=_text(what.reply_to),
        correlation_id=_text(what.correlation_id),
        user=_text(what.user_id),
    )


def _text(said: str | bytes | None) -> str:
    """Pika gives on as bytes what is no UTF-8."""
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""
