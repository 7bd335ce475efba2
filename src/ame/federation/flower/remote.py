"""Sites behind SuperNodes, as the server sees them."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ame import errors
from ame.federation.exchange.sites import Lost, Message, Order, Reply, Why
from ame.federation.flower import frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ame.federation.exchange.watcher import Watcher
    from ame.federation.run.ledger import Ledger

_LOOK = 0.2
"""Seconds between two looks for replies."""
_FAREWELL = 20.0
"""Seconds that sites get to end."""


class Frames(Protocol):
    """By which frames go to nodes, and come back: `runtime.Run`."""

    over: threading.Event

    def send(self, frames: Sequence[tuple[int, Any]]) -> list[str | None]:
        """Sends each to its node; their numbers."""

    def replies(self, numbers: Iterable[str]) -> list[Any]:
        """Those that are there."""


class Nurse(Protocol):
    """Knows which sites can answer no more: who started them."""

    def gone(self) -> Mapping[str, str]:
        """In words, why each is gone."""


@dataclass(slots=True)
class _Site:
    """What is known of one site."""

    name: str
    node: int
    outbox: list[frames.Item] = field(default_factory=list)
    frame: str | None = None
    """The number of the frame that it has now."""
    busy: bool = False
    """Whether it will have something to say though it is told nothing."""
    open: dict[int, Order] = field(default_factory=dict)
    lost: str = ""
    ended: bool = False


class FlowerSites:
    """`Sites` of which each is behind a SuperNode.

    A site has one frame at a time, since its SuperNode takes one at a time. It gives the frame
    back when it has something to say, or after a while; as long as it is at work it gets another.
    """

    def __init__(
        self,
        run: Frames,
        nodes: Mapping[str, int],
        *,
        begin: Mapping[str, Any],
        watcher: Watcher,
        ledger: Ledger,
        nurse: Nurse | None = None,
    ) -> None:
        """`nodes`: by the sites' names, in the job's order; `begin`: what all are told first.

        `ledger`: what they had spent before, and what they spend.
        """
        self._run = run
        self._sites = {name: _Site(name=name, node=node) for name, node in nodes.items()}
        for site in self._sites.values():
            site.outbox.append((frames.BEGIN, site.name, {**begin, "spent": ledger.of(site.name)}))
        self._watcher = watcher
        self._ledger = ledger
        self._nurse = nurse
        self._changed = threading.Condition()
        self._broadcasts: list[deque[int]] = []
        self._outcomes: dict[int, Reply | Lost] = {}
        self._unwanted: set[int] = set()
        self._ready: deque[Reply | Lost | Message] = deque()
        self._failed: errors.Error | None = None
        self._closing = self._closed = False
        self._ends = 0.0
        self._courier = threading.Thread(target=self._carry, name="flower frames", daemon=True)
        self._courier.start()

    @property
    def names(self) -> tuple[str, ...]:
        """All sites."""
        return tuple(self._sites)

    def send(self, orders: Sequence[Order]) -> None:
        """See `Sites`."""
        with self._changed:
            self._broadcasts.append(deque(order.number for order in orders))
            for order in orders:
                site = self._sites[order.site]
                if site.lost:
                    self._outcomes[order.number] = _lost(order, site.lost)
                else:
                    site.open[order.number] = order
                    site.outbox.append(frames.of_order(order))
            self._collect()
            self._changed.notify_all()

    def take(self, timeout: float) -> Reply | Lost | Message | None:
        """See `Sites`.

        Raises:
            errors.FlowerRefused: the SuperLink has ended the run.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._ready or self._closing or self._failed is not None, timeout
            )
            if self._failed is not None and not self._closing:
                raise self._failed
            return self._ready.popleft() if self._ready and not self._closing else None

    def withdraw(self, numbers: Iterable[int]) -> None:
        """See `Sites`."""
        gone = set(numbers)
        with self._changed:
            for site in self._sites.values():
                mine = gone & site.open.keys()
                if not mine:
                    continue
                unsent = {item[1] for item in site.outbox if item[0] == frames.ORDER} & mine
                site.outbox = [
                    item
                    for item in site.outbox
                    if not (item[0] == frames.ORDER and item[1] in unsent)
                ]
                for number in unsent:
                    order = site.open.pop(number)
                    self._outcomes[number] = _lost(order, "no longer wanted", "dropped")
                if mine - unsent:
                    site.outbox.append((frames.WITHDRAW, sorted(mine - unsent)))
            self._unwanted |= gone
            self._collect()
            self._changed.notify_all()

    def tell(self, message: Message) -> None:
        """See `Sites`."""
        with self._changed:
            self._pass_on(message)
            self._changed.notify_all()

    def close(self) -> None:
        """See `Sites`."""
        with self._changed:
            if self._closed:
                return
            self._closed = self._closing = True
            self._ends = time.monotonic() + _FAREWELL
            for site in self._sites.values():
                if not site.lost:
                    site.outbox = [*_begins(site.outbox), (frames.END, None)]
            self._changed.notify_all()
        self._courier.join()

    # What the courier does.

    def _carry(self) -> None:
        try:
            while self._go_on():
                pass
        except Exception as error:  # noqa: BLE001 (this thread's end would leave all waiting)
            with self._changed:
                self._failed = _known(error)
                self._changed.notify_all()

    def _go_on(self) -> bool:
        """Sends what there is to send, and hears what has come; whether there is more to do."""
        with self._changed:
            if self._closing and (time.monotonic() > self._ends or not self._unended()):
                return False
            if self._run.over.is_set():
                raise errors.FlowerRefused("in use", "has ended the run")
            self._bury()
            outgoing = self._outgoing()
        self._give(outgoing)
        came = self._run.replies([site.frame for site in self._sites.values() if site.frame])
        with self._changed:
            for message in came:
                self._hear(message)
            self._collect()
            self._changed.notify_all()
            if not came and not any(
                site.outbox and not site.frame for site in self._sites.values()
            ):
                self._changed.wait(_LOOK)
        return True

    def _unended(self) -> bool:
        return any(not site.lost and not site.ended for site in self._sites.values())

    def _outgoing(self) -> list[tuple[_Site, list[frames.Item]]]:
        found = []
        for site in self._sites.values():
            if site.frame or site.lost or site.ended:
                continue
            if site.outbox or site.busy:
                found.append((site, site.outbox))
                site.outbox = []
        return found

    def _give(self, outgoing: Sequence[tuple[_Site, list[frames.Item]]]) -> None:
        if not outgoing:
            return
        known: dict[int, frames.Coded] = {}
        content = [(site.node, frames.pack(items, known)) for site, items in outgoing]
        numbers = self._run.send(content)
        with self._changed:
            for (site, _), number in zip(outgoing, numbers, strict=True):
                if number is None:
                    self._lose(site, "the SuperLink does not take messages for it")
                site.frame = number

    def _hear(self, message: Any) -> None:
        """Takes in a frame that came back."""
        number = message.metadata.reply_to_message_id
        site = next((each for each in self._sites.values() if each.frame == number), None)
        if site is None:
            return
        site.frame = None
        if message.has_error():
            self._lose(site, f"its SuperNode answers: {message.error.reason}")
            return
        try:
            items = frames.unpack(message.content)
        except ValueError as error:
            self._lose(site, f"it does not answer as a site of ame's does: {error}")
            return
        for item in items:
            self._hear_item(site, item)

    def _hear_item(self, site: _Site, item: frames.Item) -> None:
        match item[0]:
            case frames.STATE:
                site.busy, site.ended = bool(item[1]), site.ended or bool(item[2])
            case frames.REPLY | frames.LOST:
                outcome = frames.to_outcome(item)
                if isinstance(outcome, Reply | Lost) and outcome.number in site.open:
                    del site.open[outcome.number]
                    self._outcomes[outcome.number] = outcome
            case frames.MESSAGE:
                told = frames.to_outcome(item)
                if isinstance(told, Message):
                    self._pass_on(told)
            case frames.RECORD:
                self._watcher.recorded(site.name, frames.to_record(item))
            case frames.PRINTED:
                self._watcher.printed(site.name, item[1])
            case frames.SPENT:
                self._ledger.take_over(site.name, item[1])
            case frames.NOTE:
                self._watcher.note(item[1])

    def _pass_on(self, message: Message) -> None:
        site = self._sites.get(message.target)
        if site is None:
            self._ready.append(message)
        elif not site.lost:
            site.outbox.append(frames.of_outcome(message))

    def _bury(self) -> None:
        for name, why in (self._nurse.gone() if self._nurse else {}).items():
            site = self._sites[name]
            if not site.lost:
                self._lose(site, why)

    def _lose(self, site: _Site, why: str) -> None:
        site.lost, site.frame, site.outbox = why, None, []
        for number, order in site.open.items():
            self._outcomes[number] = _lost(order, why)
        site.open.clear()
        self._watcher.note(f"{site.name} is lost: {why}")
        self._collect()

    def _collect(self) -> None:
        """Makes ready what has no earlier order of its broadcast to wait for."""
        for numbers in self._broadcasts:
            while numbers and numbers[0] in self._outcomes:
                number = numbers.popleft()
                outcome = self._outcomes.pop(number)
                if number in self._unwanted:
                    self._unwanted.discard(number)
                else:
                    self._ready.append(outcome)
        self._broadcasts = [numbers for numbers in self._broadcasts if numbers]


def _lost(order: Order, why: str, kind: Any = "killed") -> Lost:
    told = Why(kind=kind, text=why)
    return Lost(number=order.number, site=order.site, task=order.task, why=told)


def _begins(outbox: Iterable[frames.Item]) -> list[frames.Item]:
    return [item for item in outbox if item[0] == frames.BEGIN]


def _known(error: Exception) -> errors.Error:
    return error if isinstance(error, errors.Error) else errors.FlowerRefused("in use", repr(error))
