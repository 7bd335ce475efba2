"""Which queues an address means."""

import os

from ame import errors
from ame.broker.queues import Queues
from ame.broker.queues.memory import named

VARIABLE = "AME_BROKER"
"""Names the broker where none is given."""
DEFAULT = "amqp://localhost"


def opened(address: str = "") -> Queues:
    """The queues at `amqp://…`, `amqps://…` or `memory://NAME`; without one, at `AME_BROKER`.

    Connects to nothing yet.

    Raises:
        errors.BrokerInvalid: the address is none of these.
        errors.ExtraMissing: RabbitMQ is meant, and its client is not installed.
    """
    address = address or os.environ.get(VARIABLE, DEFAULT)
    scheme, _, rest = address.partition("://")
    match scheme:
        case "memory":
            return named(rest)
        case "amqp" | "amqps":
            try:
                from ame.broker.queues.amqp import Amqp
            except ImportError:
                raise errors.ExtraMissing("broker", "RabbitMQ") from None
            return Amqp(address)
        case _:
            raise errors.BrokerInvalid(f"{scheme}://…", "no such scheme")
