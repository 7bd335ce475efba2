"""What a broker of queues promises to those who send and to those who take.

All callbacks are called in the loop in which the party was opened, and must not block.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ame.broker.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How a queue stands."""

    waiting: int
    """Messages that nobody has taken."""
    consumers: int


class Delivery(Protocol):
    """A message that was handed out, and is neither settled nor lost.

    It is settled once, by one of these. Settling what was handed out before the connection was
    lost has no effect: such a message was put back, if its queue outlived the loss.
    """

    @property
    def queue(self) -> str:
        """Where it came from."""

    @property
    def message(self) -> Message:
        """What it says."""

    def answer(self, body: bytes) -> None:
        """Sends the answer to where it is wanted, if it is; then the message is done with."""

    def refuse(self, body: bytes) -> None:
        """The same, but the message goes where the broker keeps dead ones, if it does."""


class Consumer(Protocol):
    """Takes from queues until it is closed, over losses of the connection."""

    async def open(self) -> None:
        """Returns when messages can come. Waits for a broker that does not answer yet.

        Raises:
            errors.BrokerDenied: the broker refuses the user.
        """

    async def stop(self) -> None:
        """Takes no more; what was handed out can still be settled."""

    async def close(self) -> None:
        """What was not settled goes back to its queue. Idempotent."""


class Sender(Protocol):
    """Sends until it is closed, over losses of the connection."""

    async def open(self) -> None:
        """Begins to connect; does not wait. Idempotent."""

    @property
    def why(self) -> Exception | None:
        """Why there is no connection: errors.BrokerSilent or BrokerDenied. None if there is."""

    def send(self, queue: str, message: Message) -> None:
        """Sends a call, its `reply_to` set to this sender. It may be lost, so repeat it.

        Without a connection nothing is done; `changed` is called when there is one.
        """

    async def publish(self, queue: str, message: Message, *, timeout: float) -> bool:
        """Sends what is not answered. False if there is no such queue.

        When this returns True the broker has it.

        Raises:
            errors.BrokerSilent: there was no connection, or no word, in `timeout` seconds.
            errors.BrokerDenied: the broker refuses the user.
        """

    async def depth(self, queue: str, *, timeout: float) -> Depth | None:
        """How a queue stands; None if there is none. Raises as `publish`."""

    async def first(
        self, queue: str, most: int, *, remove: bool, timeout: float
    ) -> Sequence[Message] | None:
        """Up to so many messages from the front of a queue, which keeps them unless `remove`.

        None if there is no such queue. Raises as `publish`.
        """

    async def close(self) -> None:
        """Ends the connection. Idempotent."""


class Queues(Protocol):
    """A broker: queues by name, which are declared neither durable nor exclusive.

    A queue is made when a consumer names it, and is gone when the broker is restarted. What a
    consumer has not settled when its connection ends is handed out again.
    """

    def consumer(
        self, queues: Sequence[str], take: Callable[[Delivery], None], *, prefetch: int
    ) -> Consumer:
        """One that takes from these queues; it has at most `prefetch` of each in hand."""

    def sender(
        self,
        *,
        replied: Callable[[Message], None],
        returned: Callable[[str], None],
        changed: Callable[[], None],
    ) -> Sender:
        """One that sends.

        `replied` gets the answers. `returned` gets the correlation id of a call whose queue does
        not exist. `changed` is called when a connection was made: what was sent before may have
        been lost, and is to be sent once more. Also when the broker refused the user: see `why`.
        """
