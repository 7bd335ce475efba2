"""Sites: where orders go and replies come from.

Three words: an order is one task given to one site; a reply is what it returned; a loss says that
there will be none, and why.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ame.federation.spec.shareable import Shareable

Kind = Literal["raised", "exited", "silent", "killed", "timeout", "dropped", "unfit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a site gives no reply."""

    kind: Kind
    text: str
    """In words; of `raised`, the error as Python prints its last line."""
    trace: str = ""
    """The site's own traceback."""
    place: str = ""
    """`file:line`, in the user's code."""

    @property
    def line(self) -> str:
        """In words, with the place."""
        return f"{self.text} ({self.place})" if self.place else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One task, given to one site. `number` is of this order alone."""

    number: int
    site: str
    task: str
    data: Shareable
    timeout: float | None = None
    given: int = 0
    """The same in all orders of one task of a controller. It stays at the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a site returned."""

    number: int
    site: str
    task: str
    result: Shareable
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A site that returns nothing."""

    number: int
    site: str
    task: str
    why: Why
    told: bool = False
    """Whether the watcher has been told, before those whose turn it was to be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one side says to others outside of tasks: federated events, aux requests.

    `sender` and `target` are sites' names, or `"server"`. An answer has the number of what it
    answers, and `answer` set. `number` is 0 if no answer is wanted.
    """

    sender: str
    target: str
    topic: str
    data: Shareable
    number: int = 0
    answer: bool = False


class Sites(Protocol):
    """Takes orders to sites and brings their replies.

    Orders of one `send` are one broadcast: their `data` is one object unless filters made it
    differ, and is encoded once for each object. `take` brings the replies of one broadcast in the
    order of its orders, whatever order the sites worked in. `send`, `withdraw` and `tell` do not
    block and may be called from any thread; `take` is called from one.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """All sites, in the job's order."""

    def send(self, orders: Sequence[Order]) -> None:
        """Take a broadcast to its sites. The data is not changed afterwards."""

    def take(self, timeout: float) -> Reply | Lost | Message | None:
        """What came next: a reply, a loss, a message to the server; None when nothing did.

        Waits up to `timeout` seconds, and returns at once when it is closed. Each order that is
        not withdrawn ends in one reply or loss.
        """

    def withdraw(self, numbers: Iterable[int]) -> None:
        """These orders are no longer wanted: their replies may stay out."""

    def tell(self, message: Message) -> None:
        """Take a message to a site. One to a site that is lost goes nowhere."""

    def close(self) -> None:
        """The run is over: end the sites. Idempotent."""


class Post(Protocol):
    """Takes messages of this side to others, and brings their answers."""

    def tell(self, message: Message) -> None:
        """Take a message away. Does not wait."""

    def ask(self, messages: Sequence[Message], timeout: float) -> Mapping[str, Shareable]:
        """The answers by who gave them. Waits until all are there, or `timeout` seconds.

        Messages that come meanwhile are heard, so that two that ask each other do not wait for
        ever.
        """
