"""Calling functions of services, each call until it is answered."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from ame import errors
from ame.broker import message
from ame.broker.message import Message
from ame.broker.queues import Depth, Queues

SECONDS = 60.0
"""How long a call may take, unless told otherwise."""
PATIENCE = 3.0
"""How long a function may have no queue before it is taken for unknown."""
_SOON = 0.02
_LATER = 0.5


@dataclass(slots=True, eq=False)
class _Call:
    """A call that was not answered yet."""

    function: str
    message: Message
    answered: asyncio.Future[bytes]
    pause: float = _SOON
    since: float | None = None
    """When it first came back for want of a queue."""


class Caller:
    """Calls functions through queues, many at a time. Use it within one loop.

    A call is sent again, under the same id, after every loss of the connection and while its
    queue does not exist; services of ours do it once. Closed with `async with` or `close`.
    """

    def __init__(
        self,
        queues: Queues,
        *,
        patience: float = PATIENCE,
        most_bytes: int = message.MOST_BYTES,
    ) -> None:
        self._most_bytes = most_bytes
        self._patience = patience
        self._name = message.REPEATING + uuid4().hex
        self._numbers = count(1)
        self._calls: dict[str, _Call] = {}
        self._connected = 0.0
        self._sender = queues.sender(
            replied=self._replied, returned=self._returned, changed=self._changed
        )

    async def call(self, function: str, arguments: object, timeout: float = SECONDS) -> Any:  # noqa: ANN401 - whatever JSON holds
        """What the function returns.

        Raises:
            errors.FunctionRefused: its service does not take it: arguments, or too many calls.
            errors.FunctionFailed: it raised an error.
            and what `ask` raises.
        """
        return message.value_of(await self.ask(function, arguments, timeout), function)

    async def ask(
        self,
        function: str,
        arguments: object,
        timeout: float = SECONDS,
    ) -> dict[str, Any]:
        """The answer as it was sent: `status_code` with `return` or `exception`.

        Raises:
            errors.MessageUnfit: the arguments are no JSON, or too long.
            errors.FunctionUnserved: no service takes such calls.
            errors.FunctionSilent: it did not answer in `timeout` seconds.
            errors.BrokerSilent: in that time the broker was not reached.
            errors.BrokerDenied: the broker refuses the user.
            errors.ReplyUnreadable: what came back is no answer.
        """
        body = message.body_of(arguments, self._most_bytes)
        await self._sender.open()
        id_ = f"{self._name}-{next(self._numbers)}"
        sent = Message(body=body, type=function, correlation_id=id_, seconds=timeout)
        loop = asyncio.get_running_loop()
        call = _Call(function, sent, loop.create_future())
        self._calls[id_] = call
        ending = loop.call_later(timeout, self._late, call, timeout)
        if isinstance(self._sender.why, errors.BrokerDenied):
            self._end(call, self._sender.why)
        self._sender.send(function, sent)
        try:
            return message.answer_of(await call.answered, function)
        finally:
            ending.cancel()
            del self._calls[id_]

    async def publish(self, queue: str, value: object, timeout: float = SECONDS) -> bool:
        """Sends what is not answered. Whether there is such a queue; if so, the broker has it.

        Raises:
            errors.MessageUnfit: it is no JSON, or too long.
            errors.BrokerSilent: the broker was not reached in time.
            errors.BrokerDenied: the broker refuses the user.
        """
        body = message.body_of(value, self._most_bytes)
        await self._sender.open()
        return await self._sender.publish(queue, Message(body=body), timeout=timeout)

    async def depth(self, queue: str, timeout: float = SECONDS) -> Depth | None:
        """How a queue stands; None if there is none. Raises what `publish` does."""
        await self._sender.open()
        return await self._sender.depth(queue, timeout=timeout)

    async def first(
        self, queue: str, most: int, timeout: float = SECONDS, *, remove: bool = False
    ) -> Sequence[Message]:
        """Up to so many messages from the front of a queue, which keeps them unless `remove`.

        Raises:
            errors.QueueUnknown: there is no such queue.
            and what `publish` raises.
        """
        await self._sender.open()
        found = await self._sender.first(queue, most, remove=remove, timeout=timeout)
        if found is None:
            raise errors.QueueUnknown(queue)
        return found

    async def close(self) -> None:
        """Ends the connection; calls that are not answered are cancelled."""
        for call in self._calls.values():
            call.answered.cancel()
        await self._sender.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _replied(self, reply: Message) -> None:
        call = self._calls.get(reply.correlation_id)
        if call is not None and not call.answered.done():
            call.answered.set_result(reply.body)

    def _changed(self) -> None:
        if isinstance(self._sender.why, errors.BrokerDenied):
            for call in self._calls.values():
                self._end(call, self._sender.why)
            return
        self._connected = asyncio.get_running_loop().time()
        for call in self._calls.values():
            call.pause = _SOON
            self._sender.send(call.function, call.message)

    def _returned(self, id_: str) -> None:
        """There is no such queue; perhaps its service has only not come back yet."""
        call = self._calls.get(id_)
        if call is None or call.answered.done():
            return
        loop = asyncio.get_running_loop()
        if call.since is None:
            call.since = loop.time()
        if loop.time() - max(call.since, self._connected) >= self._patience:
            self._end(call, errors.FunctionUnserved(call.function))
            return
        loop.call_later(call.pause, self._repeat, id_)
        call.pause = min(2 * call.pause, _LATER)

    def _repeat(self, id_: str) -> None:
        call = self._calls.get(id_)
        if call is not None:
            self._sender.send(call.function, call.message)

    def _late(self, call: _Call, timeout: float) -> None:
        self._end(call, self._sender.why or errors.FunctionSilent(call.function, timeout))

    def _end(self, call: _Call, error: Exception) -> None:
        if not call.answered.done():
            call.answered.set_exception(error)
