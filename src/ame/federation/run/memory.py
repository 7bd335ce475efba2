"""Sites of this process: a whole federation in one thread, without copies."""

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from threading import Condition

from ame.federation.exchange.sites import Lost, Message, Order, Reply
from ame.federation.run.engine import SERVER
from ame.federation.run.site import Site
from ame.federation.spec.shareable import Shareable


class LiveSites:
    """Sites whose orders are done, and messages heard, by the thread that takes replies.

    One order or message after another, in the order in which they came. It implements `Sites`, and
    is the `Post` of its sites.
    """

    def __init__(self) -> None:
        self._sites: dict[str, Site] = {}
        self._queue: deque[Order | Message] = deque()
        self._answers: dict[int, tuple[str, Shareable]] = {}
        self._changed = Condition()
        self._closed = False

    def add(self, site: Site) -> None:
        """One site more. The run of all begins when the first reply is asked for."""
        site.engine.post = self
        self._sites[site.name] = site

    def begin(self) -> None:
        """Let all sites know that the run begins.

        Raises:
            errors.ComponentFailed: a part of one of them raised an error.
        """
        for site in self._sites.values():
            site.begin()

    @property
    def names(self) -> tuple[str, ...]:
        """All sites."""
        return tuple(self._sites)

    def send(self, orders: Sequence[Order]) -> None:
        """Keep them until it is their turn."""
        with self._changed:
            self._queue.extend(orders)
            self._changed.notify_all()

    def take(self, timeout: float) -> Reply | Lost | Message | None:
        """Do what is next, until there is something for the server."""
        ends = time.monotonic() + timeout
        while True:
            with self._changed:
                while not self._queue and not self._closed:
                    left = ends - time.monotonic()
                    if left <= 0:
                        return None
                    self._changed.wait(left)
                if self._closed:
                    return None
                item = self._queue.popleft()
            if isinstance(item, Message):
                if item.target == SERVER:
                    return item
                self._hear(item)
                self._sites[item.target].work()
                continue
            site = self._sites[item.site]
            came = site.perform(item)
            site.work()
            return came

    def withdraw(self, numbers: Iterable[int]) -> None:
        """Forget those that are not done."""
        gone = set(numbers)
        with self._changed:
            self._queue = deque(
                item for item in self._queue if isinstance(item, Message) or item.number not in gone
            )

    def tell(self, message: Message) -> None:
        """Keep it until it is its turn; one to nobody goes nowhere."""
        if message.target == SERVER or message.target in self._sites:
            with self._changed:
                self._queue.append(message)
                self._changed.notify_all()

    def ask(self, messages: Sequence[Message], timeout: float) -> Mapping[str, Shareable]:
        """The answers. The server's come from its own thread: sites cannot ask it and wait."""
        wanted = {message.number for message in messages}
        for message in messages:
            if message.target in self._sites:
                self._hear(message)
        found = (self._answers.pop(number, None) for number in wanted)
        return dict(each for each in found if each is not None)

    def close(self) -> None:
        """Forget what is not done, and let the sites know that the run is over."""
        with self._changed:
            if self._closed:
                return
            self._queue.clear()
            self._closed = True
            self._changed.notify_all()
        for site in self._sites.values():
            site.end()

    def _hear(self, message: Message) -> None:
        """Let a site hear it; its answer goes to whoever asked."""
        if message.answer:
            self._answers[message.number] = (message.sender, message.data)
            return
        answer = self._sites[message.target].hear(message)
        if answer is None:
            return
        if answer.target == SERVER:
            self.tell(answer)
        else:
            self._answers[answer.number] = (answer.sender, answer.data)
