"""Sites: where orders go and replies come from.

Three words: an order is one task given to one site; a reply is what it returned; a loss says that
there will be none, and why.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Condition
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One task, given to one site. `number` is of this order alone."""

    number: int
    site: str
    task: str
    data: Shareable
    timeout: float | None = None


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


Perform = Callable[[Order], Reply | Lost]


class MemorySites:
    """Sites of this process: each order is done by the thread that takes its reply.

    `do` names for each site what does its orders; `hear` what hears its messages.
    """

    def __init__(
        self, do: Mapping[str, Perform], hear: Mapping[str, Callable[[Message], None]] | None = None
    ) -> None:
        self.do = do
        self.hear = hear or {}
        self._todo: deque[Order] = deque()
        self._told: deque[Message] = deque()
        self._changed = Condition()
        self._closed = False

    @property
    def names(self) -> tuple[str, ...]:
        """All sites."""
        return tuple(self.do)

    def send(self, orders: Sequence[Order]) -> None:
        """Keep them until they are taken."""
        with self._changed:
            self._todo.extend(orders)
            self._changed.notify()

    def take(self, timeout: float) -> Reply | Lost | Message | None:
        """Bring a message to the server, or do the next order."""
        with self._changed:
            if not (self._todo or self._told or self._closed):
                self._changed.wait(timeout)
            if self._told:
                return self._told.popleft()
            if not self._todo:
                return None
            order = self._todo.popleft()
        return self.do[order.site](order)

    def withdraw(self, numbers: Iterable[int]) -> None:
        """Forget those that are not done."""
        gone = set(numbers)
        with self._changed:
            self._todo = deque(order for order in self._todo if order.number not in gone)

    def tell(self, message: Message) -> None:
        """Let the site hear it now; one to the server is taken next."""
        if message.target in self.hear:
            self.hear[message.target](message)
        elif message.target not in self.do:
            with self._changed:
                self._told.append(message)
                self._changed.notify()

    def close(self) -> None:
        """Forget what is not done."""
        with self._changed:
            self._todo.clear()
            self._told.clear()
            self._closed = True
            self._changed.notify_all()
