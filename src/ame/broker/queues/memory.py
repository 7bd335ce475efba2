"""Queues within this process, for tests and for a server that is alone."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from threading import RLock
from time import monotonic

from ame.broker.message import Message
from ame.broker.queues.queues import Consumer, Delivery, Depth, Sender

_named: dict[str, "Memory"] = {}


def named(name: str) -> "Memory":
    """The one broker of this name in this process."""
    return _named.setdefault(name, Memory())


class Memory:
    """It promises what `Queues` does, over threads and loops. Closing is not needed."""

    def __init__(self, *, dead: str = "") -> None:
        """`dead` names the queue that keeps what consumers refuse."""
        self._dead = dead
        self._lock = RLock()
        self._queues: dict[str, _Queue] = {}
        self._consumers: list[_Consumer] = []
        self._senders: dict[str, _Sender] = {}
        self._numbers = count(1)

    def consumer(
        self, queues: Sequence[str], take: Callable[[Delivery], None], *, prefetch: int
    ) -> Consumer:
        return _Consumer(broker=self, queues=tuple(queues), take=take, prefetch=prefetch)

    def sender(
        self,
        *,
        replied: Callable[[Message], None],
        returned: Callable[[str], None],
        changed: Callable[[], None],
    ) -> Sender:
        address = f"memory.reply-to.{next(self._numbers)}"
        return _Sender(
            broker=self, address=address, replied=replied, returned=returned, changed=changed
        )

    def restart(self) -> None:
        """What a broker that is restarted does: all that waits is lost, all connections too."""
        with self._lock:
            self._queues.clear()
            for consumer in self._consumers:
                consumer.inhand.clear()
                self._declare(consumer)
            for sender in self._senders.values():
                sender.post(sender.changed)

    def join(self, consumer: "_Consumer") -> None:
        """Declares its queues, and hands out to it."""
        with self._lock:
            self._consumers.append(consumer)
            self._declare(consumer)

    def leave(self, consumer: "_Consumer", *, put_back: bool) -> None:
        """Hands out nothing more to it; what it has in hand goes back, if that is wanted."""
        with self._lock:
            if consumer in self._consumers:
                self._consumers.remove(consumer)
            for queue in self._queues.values():
                if consumer in queue.consumers:
                    queue.consumers.remove(consumer)
            if put_back:
                for held in reversed(consumer.inhand.values()):
                    self._queues[held.queue].waiting.appendleft((held.message, held.until))
                consumer.inhand.clear()
            for name in consumer.queues:
                self._give(name)

    def enrol(self, sender: "_Sender") -> None:
        """Answers reach it from now on."""
        with self._lock:
            self._senders[sender.address] = sender
            sender.post(sender.changed)

    def dismiss(self, sender: "_Sender") -> None:
        """Answers reach it no longer."""
        with self._lock:
            self._senders.pop(sender.address, None)

    def put(self, name: str, message: Message) -> bool:
        """Puts a message at the end of a queue. False if there is none."""
        with self._lock:
            sender = self._senders.get(name)
            if sender is not None:
                sender.post(sender.replied, message)
                return True
            queue = self._queues.get(name)
            if queue is None:
                return False
            until = None if message.seconds is None else monotonic() + message.seconds
            queue.waiting.append((message, until))
            self._give(name)
            return True

    def settle(self, held: "_Held", answer: bytes, *, refused: bool) -> None:
        """Sends an answer, and lets the next message come."""
        with self._lock:
            if held.consumer.inhand.pop(held.number, None) is None:
                return
            if held.message.reply_to:
                reply = Message(body=answer, correlation_id=held.message.correlation_id)
                self.put(held.message.reply_to, reply)
            if refused and self._dead:
                self._queues.setdefault(self._dead, _Queue())
                self.put(self._dead, held.message)
            self._give(held.queue)

    def depth(self, name: str) -> Depth | None:
        """How a queue stands."""
        with self._lock:
            queue = self._queues.get(name)
            if queue is None:
                return None
            return Depth(waiting=len(queue.waiting), consumers=len(queue.consumers))

    def first(self, name: str, most: int, *, remove: bool) -> Sequence[Message] | None:
        """The front of a queue."""
        with self._lock:
            queue = self._queues.get(name)
            if queue is None:
                return None
            found = [message for message, _ in list(queue.waiting)[:most]]
            for _ in found if remove else ():
                queue.waiting.popleft()
            return found

    def _declare(self, consumer: "_Consumer") -> None:
        for name in consumer.queues:
            self._queues.setdefault(name, _Queue()).consumers.append(consumer)
            self._give(name)

    def _give(self, name: str) -> None:
        """Hands out what can be, to consumers in turn."""
        queue = self._queues.get(name)
        while queue and queue.waiting:
            taker = next((one for one in queue.consumers if one.has_room(name)), None)
            if taker is None:
                return
            queue.consumers.remove(taker)
            queue.consumers.append(taker)
            message, until = queue.waiting.popleft()
            if until is None or monotonic() < until:
                held = _Held(
                    broker=self,
                    consumer=taker,
                    number=next(self._numbers),
                    queue=name,
                    message=message,
                    until=until,
                )
                taker.inhand[held.number] = held
                taker.post(taker.take, held)


@dataclass(slots=True, eq=False)
class _Queue:
    waiting: deque[tuple[Message, float | None]] = field(default_factory=deque)
    consumers: "deque[_Consumer]" = field(default_factory=deque)


@dataclass(slots=True, eq=False, kw_only=True)
class _Held:
    broker: Memory
    consumer: "_Consumer"
    number: int
    queue: str
    message: Message
    until: float | None

    def answer(self, body: bytes) -> None:
        self.broker.settle(self, body, refused=False)

    def refuse(self, body: bytes) -> None:
        self.broker.settle(self, body, refused=True)


@dataclass(slots=True, eq=False, kw_only=True)
class _Party:
    """One that is told in its own loop."""

    broker: Memory
    loop: asyncio.AbstractEventLoop | None = None

    def post(self, tell: Callable[..., None], *what: object) -> None:
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(tell, *what)


@dataclass(slots=True, eq=False, kw_only=True)
class _Consumer(_Party):
    queues: tuple[str, ...]
    take: Callable[[Delivery], None]
    prefetch: int
    inhand: dict[int, _Held] = field(default_factory=dict)

    def has_room(self, queue: str) -> bool:
        return sum(held.queue == queue for held in self.inhand.values()) < self.prefetch

    async def open(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.broker.join(self)

    async def stop(self) -> None:
        self.broker.leave(self, put_back=False)

    async def close(self) -> None:
        self.broker.leave(self, put_back=True)


@dataclass(slots=True, eq=False, kw_only=True)
class _Sender(_Party):
    address: str
    replied: Callable[[Message], None]
    returned: Callable[[str], None]
    changed: Callable[[], None]
    why: Exception | None = None

    async def open(self) -> None:
        if self.loop is None:
            self.loop = asyncio.get_running_loop()
            self.broker.enrol(self)

    def send(self, queue: str, message: Message) -> None:
        if not self.broker.put(queue, message._replace(reply_to=self.address)):
            self.post(self.returned, message.correlation_id)

    async def publish(self, queue: str, message: Message, *, timeout: float) -> bool:
        return self.broker.put(queue, message)

    async def depth(self, queue: str, *, timeout: float) -> Depth | None:
        return self.broker.depth(queue)

    async def first(
        self, queue: str, most: int, *, remove: bool, timeout: float
    ) -> Sequence[Message] | None:
        return self.broker.first(queue, most, remove=remove)

    async def close(self) -> None:
        self.broker.dismiss(self)
