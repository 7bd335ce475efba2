"""A service that other services are made from: functions by name, called through RabbitMQ."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any

from ame import broker
from ame.broker import blocking
from microservice_interconnect.brokers import address


class BaseService:
    """Serves functions that do not await.

    Without `workers` they are called one at a time, in the thread that serves, as they always
    were; with it so many at once, in threads of their own.
    """

    def __init__(
        self,
        hide_error_info: bool = False,
        broker_host: str = "localhost",
        broker_port: int = 5672,
        workers: int = 1,
    ) -> None:
        """Connects to nothing yet. `hide_error_info` keeps the words of errors from callers."""
        self.broker_host = broker_host
        self.broker_port = broker_port
        self.hide_error_info = hide_error_info
        self._workers = workers
        self._functions: dict[str, tuple[Mapping[str, Any] | None, Callable[[Any], Any]]] = {}
        self._loop: blocking.Loop | None = None
        self._turn: blocking.OneThread | None = None

    def add_api_endpoint(
        self, func_name: str, schema: Mapping[str, Any] | None, func: Callable[[Any], Any]
    ) -> None:
        """Serves `func` by this name, for arguments that fit the JSON schema."""
        self._functions[func_name] = (schema, func)

    def start(self, background: bool = False) -> None:
        """Serves: until `stop` or Ctrl-C, or in a thread if `background`, from when this returns.

        Raises:
            errors.BrokerDenied: the broker refuses the user.
            errors.FunctionInvalid: the schema of a function is none.
        """
        self._turn = blocking.OneThread()
        many = self._workers > 1
        service = broker.Service(
            broker.opened(address(self.broker_host, self.broker_port)),
            workers=self._workers,
            hide_errors=self.hide_error_info,
            threads=ThreadPoolExecutor(self._workers) if many else self._turn,
        )
        for name, (schema, func) in self._functions.items():
            service.function(name, schema, func)
        self._service = service
        self._loop = blocking.Loop("service")
        try:
            self._loop.do(service.open())
            if background:
                Thread(target=self._turn.run, name="functions", daemon=True).start()
            else:
                self._turn.run()
        except BaseException:
            self.stop(grace=0)
            raise

    def stop(self, grace: float = 10.0) -> None:
        """Takes no more calls, ends those in hand, and ends the connection. Idempotent.

        Those that are not done in `grace` seconds go back to their queue.
        """
        loop, self._loop = self._loop, None
        if loop is not None and self._turn is not None:
            loop.do(self._service.close(grace))
            self._turn.shutdown()
            loop.close()
