"""Taking calls from queues, doing them, and answering."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

from ame import errors
from ame.broker import functions, message, rates
from ame.broker.answers import Answers, Recent
from ame.broker.functions import Function, Schema
from ame.broker.queues import Consumer, Delivery, Queues
from ame.broker.rates import Rates

WORKERS = 8
GRACE = 10.0
"""Seconds that calls in hand have when a service is closed."""
_log = logging.getLogger(__name__)


class Service:
    """Functions that are called through queues: one queue for each, of the same name.

    Up to `workers` calls are done at once, those of plain functions in threads; up to `prefetch`
    of each function are in hand. A call that comes twice is done once: this service joins it to
    the first, or answers it from what it remembers; what is registered by `once` holds over
    crashes and over several services too. Whatever a function raises becomes an answer.
    """

    def __init__(
        self,
        queues: Queues,
        *,
        workers: int = WORKERS,
        prefetch: int = 0,
        most_bytes: int = message.MOST_BYTES,
        rate: float = 0.0,
        answers: Answers | None = None,
        hide_errors: bool = False,
        threads: Executor | None = None,
    ) -> None:
        """`prefetch` is eight times `workers` by default.

        `rate` is how many calls a second one sender may make, 0 for any. `hide_errors` keeps the
        words of errors to the log. `answers` is needed for `once`. `threads` do plain functions;
        by default as many as there are workers.
        """
        self._queues = queues
        self._prefetch = prefetch or 8 * workers
        self._most_bytes = most_bytes
        self._rates = Rates(rate)
        self._told = Rates(rates.TOLD)
        self._answers = answers
        self._hide_errors = hide_errors
        self._threads = threads or ThreadPoolExecutor(workers, thread_name_prefix="calls")
        self._room = asyncio.Semaphore(workers)
        self._functions: dict[str, Function] = {}
        self._recent = Recent()
        self._refused = Recent()
        """Of senders that call too often, apart: they push out nothing of others."""
        self._going: dict[str, list[Delivery]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._consumer: Consumer | None = None

    def function(self, name: str, schema: Schema | None, do: Callable[[Any], Any]) -> None:
        """Serves `do(arguments)`, which may be a coroutine function. Its value is fit for JSON.

        `schema` is a JSON schema, draft-07 unless it says otherwise. After a crash in its midst
        a call may be done again: use it for what only reads, or may be repeated.

        Raises:
            errors.FunctionInvalid: the name is taken, or the schema is none.
        """
        self._add(functions.function(name, schema, do, once=False))

    def once(self, name: str, schema: Schema | None, do: Callable[[Any, Any], Any]) -> None:
        """Serves `do(rows, arguments)`, done in one transaction with the record of its answer.

        However often a call comes, and whatever crashes, it is done once. It may do nothing but
        read and write rows, and may be done over after a conflict. Raises as `function`.
        """
        if self._answers is None:
            raise errors.FunctionInvalid(name, "the service has nothing that keeps answers")
        self._add(functions.function(name, schema, do, once=True))

    async def open(self) -> None:
        """Returns when calls can come. Waits for a broker that does not answer yet.

        Raises:
            errors.BrokerDenied: the broker refuses the user.
        """
        consumer = self._queues.consumer(
            tuple(self._functions), self._take, prefetch=self._prefetch
        )
        self._consumer = consumer
        await consumer.open()

    async def close(self, grace: float = GRACE) -> None:
        """Takes no more calls, and gives those in hand `grace` seconds. Idempotent.

        What is not done by then goes back to its queue.
        """
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        await consumer.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()
        await consumer.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def run(self) -> None:
        """Serves until it is cancelled. Raises as `open`."""
        try:
            await self.open()
            await asyncio.Event().wait()
        finally:
            await self.close()

    def _add(self, function: Function) -> None:
        if function.name in self._functions:
            raise errors.FunctionInvalid(function.name, "there is one of this name")
        self._functions[function.name] = function

    def _take(self, delivery: Delivery) -> None:
        asked = delivery.message
        name = asked.type or delivery.queue
        if asked.reply_to in self._functions:
            delivery.refuse(b"")
            self._warn(delivery, "a call of %s wants its answer in a queue of calls", name)
            return
        key = _key(delivery)
        if key in self._going:
            self._going[key].append(delivery)
            return
        known = self._recent.get(key) or self._refused.get(key)
        if known is not None:
            delivery.answer(known)
            return
        function = self._functions.get(name)
        if function is None:
            self._warn(delivery, "a call of %s came to the queue %s", name, delivery.queue)
            delivery.refuse(message.unknown(name))
            return
        sender = asked.user or asked.reply_to
        if not self._rates.allow(sender):
            if self._told.allow(sender):
                _log.warning("%s calls %s too often, and is refused", sender[:100], name)
            answer = message.excused(message.TOO_MANY, f"{name} is called too often")
            self._refused.put(key, answer)
            delivery.answer(answer)
            return
        try:
            message.check_size(asked.body, self._most_bytes)
            arguments = message.arguments_of(asked.body)
        except errors.MessageUnfit as error:
            self._warn(delivery, "a call of %s was refused: %s", name, error)
            delivery.refuse(message.unfit(name, str(error)))
            return
        wrong = function.check(arguments)
        if wrong:
            delivery.answer(message.unfit(name, wrong))
            return
        self._going[key] = [delivery]
        task = asyncio.get_running_loop().create_task(self._serve(function, arguments, key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _warn(self, delivery: Delivery, said: str, *values: object) -> None:
        """Tells the like of a queue now and then: a flood of it does not fill the log."""
        if self._told.allow(f"{delivery.queue}: {said}"):
            _log.warning(said, *values)

    async def _serve(self, function: Function, arguments: object, key: str) -> None:
        """Does a call, and answers all that wait for it."""
        try:
            async with self._room:
                answer = await self._answer(function, arguments, key)
        except asyncio.CancelledError:
            del self._going[key]
            raise
        if len(answer) > self._most_bytes:
            size = f"{len(answer):,} bytes, at most {self._most_bytes:,} are sent"
            answer = message.excused(message.FAILED, f"{function.name} returns {size}")
        self._recent.put(key, answer)
        for delivery in self._going.pop(key):
            delivery.answer(answer)

    async def _answer(self, function: Function, arguments: object, key: str) -> bytes:
        try:
            if function.once:
                assert self._answers is not None
                return await self._answers.once(key, partial(_done, function, arguments))
            if function.waits:
                return message.returned(await function.do(arguments))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the caller is told
            return self._failed(function, error)
        work = partial(self._in_thread, function, arguments)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _in_thread(self, function: Function, arguments: object) -> bytes:
        try:
            return message.returned(function.do(arguments))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the caller is told
            return self._failed(function, error)

    def _failed(self, function: Function, error: BaseException) -> bytes:
        if isinstance(error, errors.CallsTooMany):
            return message.excused(message.TOO_MANY, str(error))
        if isinstance(error, errors.Error):
            _log.info("%s failed: %s", function.name, error)
        else:
            _log.error("%s failed", function.name, exc_info=error)
        return message.excused(
            message.FAILED, "Internal error" if self._hide_errors else str(error)
        )


def _done(function: Function, arguments: object, rows: object) -> bytes:
    return message.returned(function.do(rows, arguments))


def _key(delivery: Delivery) -> str:
    """By what a call is known when it comes again.

    Who repeats a call does so under its id, whatever its address is by then. What others sent is
    only repeated by the broker, as it was.
    """
    asked = delivery.message
    if asked.correlation_id.startswith(message.REPEATING):
        return f"{delivery.queue} {asked.correlation_id}"
    if asked.reply_to and asked.correlation_id:
        return f"{delivery.queue} {asked.reply_to} {asked.correlation_id}"
    return f"{delivery.queue} {uuid4().hex}"
