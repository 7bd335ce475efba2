"""Who looks on while a federated job goes."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from ame.federation.exchange.sites import Lost, Message, Order, Reply, Sites, Why

if TYPE_CHECKING:
    from ame.federation.client.record import Record
    from ame.federation.spec.context import FLContext


class Watcher(Protocol):
    """Told what happens, from several threads. Every call must return soon, and raises nothing."""

    def sent(self, orders: Sequence[Order]) -> None:
        """A broadcast has gone out to its sites."""

    def replied(self, reply: Reply) -> None:
        """A site has answered; before the server's filters."""

    def lost(self, lost: Lost) -> None:
        """A site will not answer."""

    def refused(self, site: str, why: Why) -> None:
        """What a site has answered in the round under way cannot be used, or it answers no more."""

    def closed(self, *, best: bool) -> None:
        """The round under way, which sites lead, has its model; is it the best one so far?"""

    def printed(self, site: str, chunk: bytes) -> None:
        """A site, or `server`, has printed this. Borders of chunks mean nothing."""

    def recorded(self, site: str, record: "Record") -> None:
        """A site's script has recorded a metric, a parameter, a tag or a text."""

    def fired(self, event: str, fl_ctx: "FLContext") -> None:
        """An event has reached all of the server's components."""

    def note(self, text: str) -> None:
        """Something that a person wants to know now."""


class Nobody:
    """Does not look."""

    def sent(self, orders: Sequence[Order]) -> None:
        """Passes over it."""

    def replied(self, reply: Reply) -> None:
        """Passes over it."""

    def lost(self, lost: Lost) -> None:
        """Passes over it."""

    def refused(self, site: str, why: Why) -> None:
        """Passes over it."""

    def closed(self, *, best: bool) -> None:
        """Passes over it."""

    def printed(self, site: str, chunk: bytes) -> None:
        """Passes over it."""

    def recorded(self, site: str, record: "Record") -> None:
        """Passes over it."""

    def fired(self, event: str, fl_ctx: "FLContext") -> None:
        """Passes over it."""

    def note(self, text: str) -> None:
        """Passes over it."""


class Watched:
    """Sites whose orders, replies and losses a watcher is told of, as they are sent and taken."""

    def __init__(self, sites: Sites, watcher: Watcher) -> None:
        self._sites = sites
        self._watcher = watcher

    @property
    def names(self) -> tuple[str, ...]:
        """All sites, in the job's order."""
        return self._sites.names

    def send(self, orders: Sequence[Order]) -> None:
        """See `Sites`."""
        self._watcher.sent(orders)
        self._sites.send(orders)

    def take(self, timeout: float) -> Reply | Lost | Message | None:
        """See `Sites`."""
        taken = self._sites.take(timeout)
        match taken:
            case Reply():
                self._watcher.replied(taken)
            case Lost(told=False):
                self._watcher.lost(taken)
        return taken

    def withdraw(self, numbers: Iterable[int]) -> None:
        """See `Sites`."""
        self._sites.withdraw(numbers)

    def tell(self, message: Message) -> None:
        """See `Sites`."""
        self._sites.tell(message)

    def close(self) -> None:
        """See `Sites`."""
        self._sites.close()
