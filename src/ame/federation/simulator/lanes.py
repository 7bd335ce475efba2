"""Orders on their way through workers: which worker gets which, and what becomes of its end."""

from __future__ import annotations

import os
import select
import signal
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from ame.federation.exchange import memory
from ame.federation.exchange.sites import Lost, Reply, Why

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ame.federation.exchange import codec
    from ame.federation.exchange.sites import Order
    from ame.federation.simulator.crew import Crew, Worker
    from ame.process.beside import wire

INLINE = 32768
"""Bytes of arrays that travel within a message; more lie in memory that is handed over."""
AHEAD, AHEAD_OF_CROWDS, AHEAD_IF_LARGE = 8, 512, 2
"""How many orders a worker has before it: of a crowd as many as make it seldom that one side waits
for the other; where replies are large, so few that little memory waits."""


@dataclass(slots=True, eq=False)
class Body:
    """What orders are about, written once for all of them."""

    number: int
    head: bytes
    size: int
    kept: codec.Encoded
    """So that the arrays that it was written from are not made over meanwhile."""
    inline: bytes = b""
    memory: int = -1
    """A descriptor, if the arrays are too large to travel in messages."""
    wanted: int = 0
    """How many orders on their way are about it."""
    holders: set[Worker] = field(default_factory=set)

    @classmethod
    def written(cls, number: int, encoded: codec.Encoded) -> Self:
        """The arrays, put where workers will find them."""
        body = cls(number, encoded.head, encoded.size, encoded)
        if encoded.size <= INLINE:
            inline = bytearray(encoded.size)
            encoded.write(inline)
            body.inline = bytes(inline)
        else:
            body.memory = memory.keep(encoded)
        return body

    def drop(self) -> None:
        """Nobody wants it any more."""
        for worker in self.holders:
            worker.tell(("drop", self.number))
        self.holders.clear()
        if self.memory >= 0:
            os.close(self.memory)


@dataclass(slots=True, eq=False)
class Entry:
    """An order on its way."""

    order: Order
    body: Body
    head: bytes = b""
    """Its own head, where it differs from the body's."""
    since: float = 0.0
    """When its worker turned to it."""
    times: float = 1.0
    """How many times as long as it takes it is to have taken."""
    sent: bool = False
    wanted: bool = True
    outcome: Reply | Lost | None = None
    waiting: int = 0
    """Bytes of its reply, while that waits for earlier ones."""


@dataclass(slots=True, eq=False)
class Lane:
    """Sites that work one at a time: those of one worker, and those beside it in their own."""

    number: int
    queue: deque[Entry] = field(default_factory=deque)
    flying: deque[Entry] = field(default_factory=deque)
    """What the worker has before it; it is at the first."""
    at: Worker | None = None
    """Who has what flies, or whose script goes on after its answer."""
    tail: Entry | None = None
    """Answered, but its script goes on."""
    shared: Worker | None = None
    alone: dict[str, Worker] = field(default_factory=dict)
    ahead: int = AHEAD
    over: set[Worker] = field(default_factory=set)
    """Whose scripts have all ended."""


class Lanes:
    """All lanes. One thread uses them."""

    def __init__(
        self,
        crew: Crew,
        names: Sequence[str],
        *,
        lanes: int,
        isolate: bool,
        note: Callable[[str], None],
        lost: Callable[[Lost], None],
        ahead: int = AHEAD,
    ) -> None:
        """`ahead`: how many orders a worker has before it, while replies are small."""
        self._crew = crew
        self.names = tuple(names)
        self._ahead = ahead
        self._lanes = [Lane(number, ahead=ahead) for number in range(lanes)]
        self.homes = {name: self._lanes[at % lanes] for at, name in enumerate(names)}
        self._isolate = isolate
        self._alone: set[str] = set()
        self._note = note
        self._lost = lost
        self._of: dict[int, tuple[Lane, Worker]] = {}
        self.poll = select.epoll()

    def add(self, entry: Entry) -> None:
        """Puts an order at the end of its lane."""
        self.homes[entry.order.site].queue.append(entry)

    def all(self) -> Sequence[Lane]:
        """Every lane."""
        return self._lanes

    def workers(self) -> list[tuple[Lane, Worker]]:
        """All that there are."""
        return list(self._of.values())

    def of(self, descriptor: int) -> tuple[Lane, Worker] | None:
        """Whose line that is."""
        return self._of.get(descriptor)

    def advance(self, may: Callable[[Entry], bool]) -> None:
        """Sends as many of the orders as their workers are to have before them."""
        for _, worker in self._of.values():
            if given_back := worker.borrowed.give_back():
                worker.tell(("back", *given_back))
        for lane in self._lanes:
            orders: list[wire.Message] = []
            while lane.queue and len(lane.flying) < lane.ahead:
                entry = lane.queue[0]
                if entry.outcome is not None:  # it was withdrawn
                    lane.queue.popleft()
                    continue
                if not may(entry):
                    break
                if lane.at is not None and lane.at is not self._there(lane, entry.order.site):
                    break
                worker = self._worker(lane, entry.order.site)
                lane.queue.popleft()
                orders.append(self._begin(lane, worker, entry))
            # One that is gone says so by the end of its line, and then they go to the next.
            if orders and lane.at is not None:
                lane.at.tell(("orders", orders))

    def tell(self, site: str, message: wire.Message) -> None:
        """Tells a site something."""
        worker = self._worker(self.homes[site], site)
        worker.sites.add(site)
        worker.tell(message)

    def answered(self, lane: Lane, number: int, *, tail: bool = True) -> Entry | None:
        """An order has its outcome; the worker is at the script's next lines. None: it is old."""
        if not lane.flying or lane.flying[0].order.number != number:
            return None
        entry = lane.flying.popleft()
        lane.tail = entry if tail else None
        if not tail and not lane.flying:
            lane.at = None
        self._turn(lane)
        return entry

    def pace(self, lane: Lane, *, large: bool) -> None:
        """Its worker has few orders before it as long as replies are large."""
        lane.ahead = AHEAD_IF_LARGE if large else self._ahead

    def rested(self, lane: Lane, number: int) -> None:
        """The script of that order waits again."""
        if lane.tail is not None and lane.tail.order.number == number:
            lane.tail = None
            if not lane.flying:
                lane.at = None

    def lose(self, entry: Entry, why: Why) -> None:
        """An order will have no reply. That is told now, though earlier ones are awaited still."""
        told = lost_of(entry, why)
        if entry.wanted:
            told = replace(told, told=True)
            self._lost(told)
        entry.outcome = told

    def isolate(self, lane: Lane, entry: Entry, why: str) -> None:
        """A script cannot share a process with others: its order goes to one of its own."""
        site = entry.order.site
        self._alone.add(site)
        lane.queue.appendleft(entry)
        self._note(f"{site} gets a process of its own, since its script could not share one: {why}")

    def died(self, lane: Lane, worker: Worker) -> None:
        """A worker is gone: who ended it has lost its order, the others start again."""
        self._forget(lane, worker)
        code = self._crew.end_of(worker)
        at = worker.running()
        guilty = ""
        if lane.at is worker:
            flying, lane.flying = list(lane.flying), deque()
            if code is None:
                pass
            elif lane.tail is not None and lane.tail.order.number == at:
                guilty = lane.tail.order.site
                self._note(f"{guilty}: its script ended its process after its answer, {how(code)}")
            elif entry := _numbered(flying, at):
                guilty = entry.order.site
                flying.remove(entry)  # those before it were done, and their replies are gone too
                self.lose(entry, self._verdict(entry, worker, code))
            lane.queue.extendleft(reversed(flying))
            lane.at = lane.tail = None
        others = [name for name in self.names if name in worker.sites and name != guilty]
        if guilty:
            self._alone.add(guilty)
        if others:
            self._note(
                f"a worker ended, {how(code)}"
                + (f", while {guilty} was at work" if guilty else "")
                + f"; the scripts of {_listed(others)} start again from the top"
            )

    def end_if_late(self, lane: Lane, now: float) -> None:
        """Ends the worker of a lane, if it takes longer than it may with an order."""
        if not lane.flying or lane.at is None:
            return
        entry = _numbered(lane.flying, lane.at.running()) or lane.flying[0]
        entry.since = entry.since or now
        if entry.order.timeout and now - entry.since > entry.order.timeout:
            entry.since = float("inf")
            lane.at.overdue = True
            self._crew.kill(lane.at)

    def close(self) -> None:
        """Lets all go."""
        for lane, worker in self.workers():
            self._forget(lane, worker)
        self.poll.close()

    def _verdict(self, entry: Entry, worker: Worker, code: int | None) -> Why:
        if worker.overdue:
            text = f"it took longer than the {entry.order.timeout:g} s that the task may take"
            return Why(kind="timeout", text=text)
        return Why(kind="killed", text=_killed(code))

    def _worker(self, lane: Lane, site: str) -> Worker:
        """The worker of a site; made, if it is not there."""
        there = self._there(lane, site)
        if there is not None:
            return there
        alone = self._is_alone(site)
        made = self._crew.fork(lane.number, isolated=alone)
        if alone:
            lane.alone[site] = made
        else:
            lane.shared = made
        self._of[made.line.fileno()] = (lane, made)
        self.poll.register(made.line.fileno(), select.EPOLLIN)
        return made

    def _forget(self, lane: Lane, worker: Worker) -> None:
        descriptor = worker.line.fileno()
        del self._of[descriptor]
        self.poll.unregister(descriptor)
        worker.close()
        if lane.shared is worker:
            lane.shared = None
        lane.alone = {site: each for site, each in lane.alone.items() if each is not worker}

    def _begin(self, lane: Lane, worker: Worker, entry: Entry) -> wire.Message:
        """What the worker is to be told of an order that flies from now on."""
        body, order = entry.body, entry.order
        if worker not in body.holders:
            body.holders.add(worker)
            fds = () if body.memory < 0 else (body.memory,)
            worker.tell(("body", body.number, body.head, body.size, body.inline), *fds)
        worker.sites.add(order.site)
        entry.sent = True
        lane.flying.append(entry)
        lane.at = worker
        if len(lane.flying) == 1:
            self._turn(lane)
        return order.number, order.site, order.task, body.number, entry.head

    def _turn(self, lane: Lane) -> None:
        if lane.flying:
            lane.flying[0].since = time.monotonic()

    def _there(self, lane: Lane, site: str) -> Worker | None:
        return lane.alone.get(site) if self._is_alone(site) else lane.shared

    def _is_alone(self, site: str) -> bool:
        return self._isolate or site in self._alone


def _numbered(entries: Iterable[Entry], number: int) -> Entry | None:
    """Of these the order of that number; None if it is not among them."""
    return next((entry for entry in entries if entry.order.number == number), None)


def lost_of(entry: Entry, why: Why) -> Lost:
    """The loss of an order."""
    order = entry.order
    return Lost(number=order.number, site=order.site, task=order.task, why=why)


def how(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None:
        return "with the process it was forked from"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"with exit code {code}"


def _killed(code: int | None) -> str:
    text = f"the script's process ended, {how(code)}"
    if code == -signal.SIGKILL:
        text += "; if nobody killed it, the machine had no memory left"
    return text


def _listed(sites: Sequence[str]) -> str:
    shown = ", ".join(sites[:8])
    return shown if len(sites) <= 8 else f"{shown} and {len(sites) - 8} more"
