"""A caller for code that does not await, and services whose functions want one thread."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Executor, Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from ame.broker.caller import SECONDS, Caller
from ame.broker.queues import Queues

Value = TypeVar("Value")
Given = ParamSpec("Given")


class Loop:
    """An event loop in a thread of its own, until it is closed."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, Value]) -> Value:
        """What the work returns; blocks. Interrupted, it cancels the work."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()

    def close(self) -> None:
        """Ends the thread. Idempotent."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


class BlockingCaller:
    """A `Caller` for any thread; all its calls share one connection."""

    def __init__(self, queues: Queues) -> None:
        self._loop = Loop("calls")
        self._caller = Caller(queues)
        self._closed = False

    def call(self, function: str, arguments: object, timeout: float = SECONDS) -> Any:  # noqa: ANN401 - whatever JSON holds
        """As `Caller.call`."""
        return self._loop.do(self._caller.call(function, arguments, timeout))

    def ask(self, function: str, arguments: object, timeout: float = SECONDS) -> dict[str, Any]:
        """As `Caller.ask`."""
        return self._loop.do(self._caller.ask(function, arguments, timeout))

    def publish(self, queue: str, value: object, timeout: float = SECONDS) -> bool:
        """As `Caller.publish`."""
        return self._loop.do(self._caller.publish(queue, value, timeout))

    def close(self) -> None:
        """Ends the connection. Idempotent."""
        if not self._closed:
            self._closed = True
            self._loop.do(self._caller.close())
            self._loop.close()


class OneThread(Executor):
    """Does all that it is given in the thread that calls `run`, one after another."""

    def __init__(self) -> None:
        self._given: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def submit(
        self, work: Callable[Given, Value], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Value]:
        """Does it when its turn comes."""
        future: Future[Value] = Future()

        def do() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work(*args, **kwargs))
                except Exception as error:  # noqa: BLE001 - it belongs to who waits
                    future.set_exception(error)
                except BaseException:
                    future.set_exception(CancelledError())
                    raise

        self._given.put(do)
        return future

    def run(self) -> None:
        """Works until it is shut down, or interrupted."""
        while (do := self._given.get()) is not None:
            do()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Lets `run` return when what was given before is done."""
        del wait, cancel_futures
        self._given.put(None)
