"""The sites of a simulation: their orders go to workers, their replies come back in order."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from ame.federation.exchange import codec
from ame.federation.exchange.sites import Lost, Message, Reply, Why
from ame.federation.simulator.lanes import Body, Entry, Lane, Lanes, lost_of
from ame.federation.simulator.worker import mail

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ame.federation.exchange.sites import Order
    from ame.federation.exchange.watcher import Watcher
    from ame.federation.simulator.chances import Fate
    from ame.federation.simulator.crew import Crew, Worker
    from ame.federation.simulator.logs import Logs
    from ame.federation.spec.shareable import Shareable
    from ame.process.beside import wire

BUDGET = 1 << 30
"""Bytes of replies that may wait for earlier ones."""
_LARGE = 1 << 20
_LOOK = 0.2
"""Seconds after which it is looked for what takes too long, and what was printed."""
_FAREWELL = 10.0
"""Seconds that a script may take to end, when the job is over."""


class SimulatedSites:
    """`Sites` in a few worker processes of this machine. It closes its crew.

    Replies are given out in the order of their orders, within each broadcast. What waits for an
    earlier one is bounded: beyond that, only who is waited for works.
    """

    def __init__(
        self,
        crew: Crew,
        lanes: Lanes,
        *,
        logs: Logs,
        watcher: Watcher,
        fate: Fate,
        budget: int = BUDGET,
    ) -> None:
        self._crew = crew
        self._lanes = lanes
        self._logs = logs
        self._watcher = watcher
        self._budget = budget
        self._fate = fate
        self._woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        lanes.poll.register(self._woken, select.EPOLLIN)
        self._posted: deque[Any] = deque()
        self._broadcasts: list[deque[Entry]] = []
        self._open: dict[int, Entry] = {}
        self._ready: deque[Reply | Lost | Message] = deque()
        self._waiting = 0
        self._bodies = itertools.count(1)
        self._looked = 0.0
        self._taking = threading.Lock()
        self._closing = False
        self._closed = False
        self._around = sys.exception()

    @property
    def names(self) -> tuple[str, ...]:
        """All sites."""
        return self._lanes.names

    def send(self, orders: Sequence[Order]) -> None:
        """See `Sites`."""
        self._post(tuple(orders))

    def withdraw(self, numbers: Iterable[int]) -> None:
        """See `Sites`."""
        self._post(frozenset(numbers))

    def tell(self, message: Message) -> None:
        """See `Sites`."""
        self._post(message)

    def take(self, timeout: float) -> Reply | Lost | Message | None:
        """See `Sites`."""
        with self._taking:
            ends = time.monotonic() + timeout
            while not self._closing:
                self._work_off()
                if self._ready:
                    return self._ready.popleft()
                left = ends - time.monotonic()
                if left < 0:
                    return None
                self._listen(min(left, _LOOK))
        return None

    def close(self) -> None:
        """See `Sites`. Scripts go on to their ends, unless it is closed because of an error."""
        aborted = sys.exception() is not self._around
        self._closing = True
        self._wake()
        with self._taking:
            if self._closed:
                return
            self._closed = True
            try:
                if not aborted:
                    self._finish()
            finally:
                self._crew.close()
                for body in {entry.body for entry in self._open.values()}:
                    body.drop()
                self._lanes.close()
                os.close(self._woken)

    # What other threads post.

    def _post(self, what: object) -> None:
        self._posted.append(what)
        self._wake()

    def _wake(self) -> None:
        if not self._closed:
            os.eventfd_write(self._woken, 1)

    def _work_off(self) -> None:
        while self._posted:
            match self._posted.popleft():
                case tuple(orders):
                    self._accept(orders)
                case frozenset(numbers):
                    self._withdraw(numbers)
                case Message() as message:
                    self._pass_on(message)

    def _accept(self, orders: Sequence[Order]) -> None:
        """Encodes a broadcast, and sends as much of it as workers are to have before them."""
        known: dict[int, tuple[Body, bytes]] = {}
        bodies: dict[tuple[int, ...], Body] = {}
        entries: deque[Entry] = deque()
        for order in orders:
            found = known.get(id(order.data))
            if found is None:
                found = known[id(order.data)] = self._encode(order.data, bodies)
            body, head = found
            body.wanted += 1
            entry = Entry(order, body, head)
            entries.append(entry)
            self._open[order.number] = entry
            entry.times, why = self._fate.of(order.site, order.number)
            if why is None:
                self._lanes.add(entry)
            else:
                entry.outcome = lost_of(entry, why)
        self._broadcasts.append(entries)
        self._collect()
        self._advance()

    def _encode(self, data: Shareable, bodies: dict[tuple[int, ...], Body]) -> tuple[Body, bytes]:
        """The body, and the head if it is not the body's: the same arrays are written once."""
        encoded = codec.encode(data)
        key = tuple(map(id, encoded.arrays))
        there = bodies.get(key) if key else None
        if there is not None:
            return there, encoded.head
        body = bodies[key] = Body.written(next(self._bodies), encoded)
        return body, b""

    def _withdraw(self, numbers: frozenset[int]) -> None:
        for number in numbers & self._open.keys():
            entry = self._open[number]
            entry.wanted = False
            if not entry.sent:
                entry.outcome = lost_of(entry, Why(kind="dropped", text="no longer wanted"))
        self._collect()

    def _pass_on(self, message: Message) -> None:
        if message.target in self._lanes.homes:
            self._lanes.tell(message.target, ("tell", message.target, mail.pack(message)))
        else:
            self._ready.append(message)

    # What workers say.

    def _listen(self, seconds: float) -> None:
        for descriptor, _ in self._lanes.poll.poll(seconds):
            if descriptor == self._woken:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._woken)
            elif found := self._lanes.of(descriptor):
                self._hear(*found)
        now = time.monotonic()
        if now - self._looked > _LOOK:
            self._looked = now
            self._look(now)
        self._collect()
        self._advance()

    def _hear(self, lane: Lane, worker: Worker) -> None:
        message, fds = worker.hear()
        match message:
            case None:
                self._lanes.died(lane, worker)
            case ("replies", list(replies), list(rested)):
                for number, site, printed in rested:
                    self._logs.grew(site, printed)
                    self._lanes.rested(lane, number)
                for reply in replies:
                    self._reply(lane, worker, reply, fds)
            case ("lost", int(number), *told):
                if entry := self._lanes.answered(lane, number):
                    self._lanes.lose(entry, mail.why(*told))
            case ("isolate", int(number), text):
                if entry := self._lanes.answered(lane, number):
                    self._lanes.isolate(lane, entry, text)
            case ("over",):
                lane.over.add(worker)
            case tuple(other):
                self._note(other)

    def _note(self, message: wire.Message) -> None:
        match message:
            case ("late", str(site), *told):
                failed = mail.why(*told)
                self._watcher.note(f"{site}, after its answer: {failed.trace or failed.text}")
            case ("records", records):
                mail.tell_records(self._watcher, records)
            case ("tell", bytes(packed)):
                self._pass_on(mail.unpack(packed))

    def _reply(self, lane: Lane, worker: Worker, told: wire.Message, fds: Sequence[int]) -> None:
        number, head, size, seconds, printed, tail, inline, lent = told
        body: codec.Buffer = bytearray(inline)
        if lent or fds:
            body = worker.borrowed.view(lent, size, *fds)
        entry = self._lanes.answered(lane, number, tail=tail)
        if entry is None:
            return
        order = entry.order
        entry.outcome = Reply(
            number=order.number,
            site=order.site,
            task=order.task,
            result=codec.decode(head, body),
            seconds=seconds * entry.times,
        )
        entry.waiting = size
        self._waiting += size
        self._lanes.pace(lane, large=size > _LARGE)
        self._logs.grew(order.site, printed)

    def _look(self, now: float) -> None:
        """Looks for what takes too long, and for what was printed meanwhile."""
        for lane in self._lanes.all():
            if lane.at is not None:
                for entry in (lane.tail, *list(lane.flying)[:1]):
                    if entry is not None:
                        self._logs.look(entry.order.site)
            self._lanes.end_if_late(lane, now)

    def _collect(self) -> None:
        """Makes ready what has no earlier order of its broadcast to wait for."""
        for entries in self._broadcasts:
            while entries and (outcome := entries[0].outcome) is not None:
                entry = entries.popleft()
                self._waiting -= entry.waiting
                del self._open[entry.order.number]
                self._release(entry.body)
                if entry.wanted:
                    self._ready.append(outcome)
        if self._broadcasts and not all(self._broadcasts):
            self._broadcasts = [entries for entries in self._broadcasts if entries]

    def _release(self, body: Body) -> None:
        body.wanted -= 1
        if not body.wanted:
            body.drop()

    def _advance(self) -> None:
        if self._waiting <= self._budget:
            self._lanes.advance(lambda _: True)
        else:
            first = {id(entries[0]) for entries in self._broadcasts}
            self._lanes.advance(lambda entry: id(entry) in first)

    def _finish(self) -> None:
        """Lets scripts go on to their ends, and ends those that do not get there."""
        waited = [(lane, worker) for lane, worker in self._lanes.workers()]
        for _, worker in waited:
            worker.tell(("finish", ""))
        ends = time.monotonic() + _FAREWELL
        while any(worker not in lane.over for lane, worker in self._lanes.workers()):
            left = ends - time.monotonic()
            if left < 0:
                self._watcher.note(
                    f"some scripts did not end within {_FAREWELL:.0f} s of the job's end, "
                    "and were killed"
                )
                return
            for descriptor, _ in self._lanes.poll.poll(left):
                if found := self._lanes.of(descriptor):
                    self._hear(*found)
