"""One connection to RabbitMQ that is made again whenever it is lost."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from pika import ConnectionParameters
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.channel import Channel
from pika.exceptions import (
    AMQPError,
    ConnectionClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from ame import errors
from ame.broker.queues.wire import Wire

_SOON = 0.05
_LATER = 2.0
_DENIED = 30.0
_LONG = 2.0
"""Seconds without an answer after which it is told that one is waited for."""
_log = logging.getLogger(__name__)
_spread = random.Random()  # noqa: S311 - it keeps no secret, and a program's own seed stays its own
SetUp = Callable[[Channel], Awaitable[None]]


def telling(future: "asyncio.Future[Any]") -> Callable[[object], None]:
    """A callback that gives the future its result, if it has none."""

    def tell(result: object) -> None:
        if not future.done():
            future.set_result(result)

    return tell


async def done(ask: Callable[..., Any], *values: object, **named: object) -> Any:  # noqa: ANN401 - frames of pika
    """The answer of the broker to one of pika's calls that take a `callback`."""
    answer = asyncio.get_running_loop().create_future()
    ask(*values, callback=telling(answer), **named)
    return await answer


class Connection:
    """Keeps a connection with one channel, until it is closed. For one loop.

    `set_up` is called with each new channel, before anyone else uses it; `changed` when a channel
    is ready, or when the broker refused the user.
    """

    def __init__(
        self,
        parameters: ConnectionParameters,
        shown: str,
        set_up: SetUp,
        changed: Callable[[], None],
    ) -> None:
        self._parameters = parameters
        self.shown = shown
        self._set_up = set_up
        self._changed = changed
        self._task: asyncio.Task[None] | None = None
        self._connection: Wire | None = None
        self._lost: asyncio.Future[BaseException] | None = None
        self.channel: Channel | None = None
        """Open and set up; None without a connection."""
        self.why: errors.Error | None = errors.BrokerSilent(shown, "not connected yet")
        """Why there is no channel."""
        self._ready = asyncio.Event()
        self._reached = False
        self._complaint = ""

    def start(self) -> None:
        """Begins to connect. Idempotent."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """Ends the connection, what was written first. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def ready(self) -> None:
        """Waits for a channel.

        Raises:
            errors.BrokerDenied: the broker refuses the user.
        """
        await self._ready.wait()
        if isinstance(self.why, errors.BrokerDenied):
            raise self.why

    async def extra(self) -> Channel:
        """Another channel of the same connection, to be closed by whoever asks for it.

        Raises what ended the connection, if it ends.
        """
        assert self._connection is not None
        return await self._opened(self._connection)

    async def until_lost(self, work: Awaitable[Any]) -> Any:  # noqa: ANN401 - what the work returns
        """What the work comes to; an AMQPError if the connection is lost before."""
        assert self._lost is not None
        doing = asyncio.ensure_future(work)
        await asyncio.wait((doing, self._lost), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return await doing
        doing.cancel()
        raise AMQPError(str(self._lost.result()))

    async def _keep(self) -> None:
        pause = _SOON
        try:
            while True:
                late = asyncio.get_running_loop().call_later(_LONG, self._complain)
                try:
                    await self._connect()
                except (AMQPError, AMQPConnectorException, OSError) as error:
                    self.why = self._reason(error)
                else:
                    late.cancel()
                    pause = _SOON
                    assert self._lost is not None
                    self.why = self._reason(await asyncio.shield(self._lost))
                finally:
                    late.cancel()
                self.channel = None
                self._ready.clear()
                self._complain()
                await self._leave()
                if isinstance(self.why, errors.BrokerDenied):
                    self._tell()
                    pause = _DENIED
                await asyncio.sleep(pause * _spread.uniform(0.5, 1))
                pause = min(2 * pause, _LATER)
        finally:
            self.channel = None
            await self._leave()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[Wire] = loop.create_future()
        lost = self._lost = loop.create_future()

        def fail(connection: object, error: BaseException) -> None:
            del connection
            if not opened.done():
                opened.set_exception(error)
            if not lost.done():
                lost.set_result(error)

        self._connection = Wire(
            self._parameters,
            on_open_callback=telling(opened),
            on_open_error_callback=fail,
            on_close_callback=fail,
            custom_ioloop=loop,
        )
        connection = await opened
        channel = await self._opened(connection)
        channel.add_on_close_callback(fail)
        await self.until_lost(self._set_up(channel))
        self.channel = channel
        self.why = None
        if self._complaint:
            _log.info("the broker %s is reached", self.shown)
            self._complaint = ""
        self._reached = True
        self._tell()

    def _complain(self) -> None:
        """Says why there is no connection, once for as long as it is for that.

        A broker that refuses the user at first is an error of whoever opens.
        """
        told = self._complaint == str(self.why)
        if told or (isinstance(self.why, errors.BrokerDenied) and not self._reached):
            return
        self._complaint = str(self.why)
        _log.warning("%s; waiting for it", self.why)

    def _tell(self) -> None:
        self._ready.set()
        self._changed()

    async def _opened(self, connection: Wire) -> Channel:
        opened = asyncio.get_running_loop().create_future()
        connection.channel(on_open_callback=telling(opened))
        channel: Channel = await self.until_lost(opened)
        return channel

    async def _leave(self) -> None:
        """Closes what is left of a connection."""
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed:
            return
        closed: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        connection.add_on_close_callback(lambda _, why: telling(closed)(why))
        with suppress(AMQPError):
            if not connection.is_closing:
                connection.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(closed, 5)

    def _reason(self, error: BaseException) -> errors.Error:
        words = _words(error)
        causes = (error, *_causes(error))
        denied = (ProbableAuthenticationError, ProbableAccessDeniedError)
        refused = any(
            isinstance(one, ConnectionClosedByBroker) and one.reply_code in {403, 530}
            for one in causes
        )
        if refused or any(isinstance(one, denied) for one in causes):
            return errors.BrokerDenied(self.shown, words)
        return errors.BrokerSilent(self.shown, words)


def _causes(error: BaseException) -> tuple[BaseException, ...]:
    """What pika packs into the errors of its connecting."""
    packed = [one for one in error.args if isinstance(one, BaseException)]
    packed += getattr(error, "exceptions", None) or ()
    inner = getattr(error, "exception", None)
    if isinstance(inner, BaseException):
        packed.append(inner)
    if error.__cause__ is not None:
        packed.append(error.__cause__)
    return tuple(deep for one in packed for deep in (one, *_causes(one)))


def _words(error: BaseException) -> str:
    last = (error, *_causes(error))[-1]
    return str(last) or type(last).__name__
