"""Calling functions of services, for code that does not await.

A call is answered by its envelope: `status_code`, with `return` or `exception`. What keeps an
answer from coming is an envelope too: 404, nobody serves the function; 503, the broker is not
reached; 504, no answer in time.
"""

import logging
import os
import time
from functools import cache
from typing import Any

from ame import broker, errors
from ame.broker import blocking, events
from microservice_interconnect.brokers import address

TIMEOUT = 60.0
"""How long a call may take, in seconds."""
_log = logging.getLogger(__name__)


class RpcClient:
    """Calls one function. Clients of one broker share a connection within a process."""

    def __init__(
        self, queue_name: str, host: str = "localhost", port: int = 5672, timeout: float = TIMEOUT
    ) -> None:
        self.queue_name = queue_name
        self._timeout = timeout
        self._caller = _caller(os.getpid(), address(host, port))

    def call(self, data: object) -> dict[str, Any]:
        """The answer to a call with these arguments. Blocks; never raises for what went wrong."""
        try:
            return self._caller.ask(self.queue_name, data, self._timeout)
        except errors.Error as error:
            return {"status_code": _status(error), "exception": str(error)}

    def publish(self, data: object, properties: object = None) -> None:
        """Sends what is not answered; it is dropped if there is no such queue.

        `properties` are those of the message in other libraries, and have no effect.

        Raises:
            errors.BrokerSilent, errors.BrokerDenied: the broker does not take it.
        """
        del properties
        self._caller.publish(self.queue_name, data, self._timeout)

    def close(self) -> None:
        """Has no effect: the connection is shared, and ends with the process."""


def rpc_send(
    func_name: str,
    request: object,
    host: str = "localhost",
    port: int = 5672,
    timeout: float = TIMEOUT,
) -> dict[str, Any]:
    """The answer of a function, as `RpcClient.call`."""
    return RpcClient(func_name, host, port, timeout).call(request)


def publish_event(data: object, host: str = "localhost", port: int = 5672) -> None:
    """Sends an event as it is. A broker that does not take it is a line in the log."""
    try:
        RpcClient(events.QUEUE, host, port, timeout=5).publish(data)
    except errors.Error as error:
        _log.warning("an event is lost: %s", error)


def register_event(
    service_name: str,
    func_name: str,
    event_descr: str,
    allow_registering: bool = True,
    host: str = "localhost",
    port: int = 5672,
) -> None:
    """Says what a service does, if that is wanted."""
    if allow_registering:
        publish_event(
            events.event(service_name, func_name, event_descr, at=time.time()), host, port
        )


@cache
def _caller(process: int, address: str) -> blocking.BlockingCaller:
    """The one of this process: a child that was forked has a connection of its own."""
    del process
    return blocking.BlockingCaller(broker.opened(address))


def _status(error: errors.Error) -> int:
    match error:
        case errors.MessageUnfit():
            return 400
        case errors.FunctionUnserved():
            return 404
        case errors.FunctionSilent():
            return 504
        case errors.BrokerSilent() | errors.BrokerDenied():
            return 503
        case _:
            return 500
