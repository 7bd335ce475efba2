"""What a worker does: orders and messages as they come, each in the world of its site."""

from __future__ import annotations

import _thread
import os
import queue
import struct
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from ame.federation.exchange import codec
from ame.federation.exchange.giving import Body, Room
from ame.federation.exchange.lending import Lender
from ame.federation.exchange.sites import Lost, Message, Order, Reply, Why
from ame.federation.simulator.lanes import INLINE
from ame.federation.simulator.worker import faults, mail, modules
from ame.federation.simulator.worker.host import Host, Hosts
from ame.federation.simulator.worker.output import Output
from ame.federation.simulator.worker.world import Process
from ame.process.beside import wire

if TYPE_CHECKING:
    import mmap
    import socket
    from collections.abc import Callable, Mapping, Sequence

    from ame.federation.client import Record
    from ame.federation.simulator.setup import Setup
    from ame.federation.spec.shareable import Shareable

_NOW = struct.Struct("<q")
_RECORDS = 64
_PATIENCE = 0.5
"""How many records, and for how many seconds, are kept back while a script works."""
_REPLIES = 128
_HURRY = 0.05
"""The same of replies of a crowd, while the next orders are there."""


def live(setup: Setup, line: socket.socket, now: mmap.mmap, *, isolated: bool) -> None:
    """Returns when the line ends. An isolated worker has one site, and its main thread for it."""
    process = Process(Output(spooled=setup.crowd))
    modules.SOURCES.update(setup.sources)
    os.register_at_fork(after_in_child=line.close)
    if not isolated:
        _Loop(setup, line, now, process, _in_a_thread, isolated=False).live()
        return
    scripts: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def lead() -> None:
        try:
            _Loop(setup, line, now, process, scripts.put, isolated=True).live()
        finally:
            os._exit(0)

    threading.Thread(target=lead, name="orders", daemon=True).start()
    while script := scripts.get():
        script()


def _in_a_thread(script: Callable[[], None]) -> None:
    """`Thread.start` would wait until it runs, though its turn comes later."""
    _thread.start_new_thread(_in_this_thread, (script,))


def _in_this_thread(script: Callable[[], None]) -> None:
    threading.current_thread().name = "MainThread"
    script()


class _Loop:
    """Takes what comes on the line; it is also the way of the sites' own messages."""

    def __init__(
        self,
        setup: Setup,
        line: socket.socket,
        now: mmap.mmap,
        process: Process,
        launch: Callable[[Callable[[], None]], None],
        *,
        isolated: bool,
    ) -> None:
        self._line = line
        self._now = now
        self._process = process
        self._bodies: dict[int, tuple[bytes, bytes | Body]] = {}
        self._room = Room()
        self._hosts = Hosts(setup, process, launch, self, isolated=isolated)
        self._backlog: deque[wire.Message] = deque()
        self._lender = Lender()
        self._replies: list[wire.Message] = []
        self._rested: list[wire.Message] = []
        """Whose scripts wait again, which is told together with the next reply."""
        self._answered_since = 0.0
        self._answers: dict[int, tuple[str, Shareable]] = {}
        self._records: list[bytes] = []
        self._kept_since = 0.0

    def live(self) -> None:
        while (message := self._next()) is not None:
            self._take(message)

    def _next(self) -> wire.Message | None:
        if self._backlog:
            return self._backlog.popleft()
        if self._replies:
            self._flush_replies()
        return self._receive()

    def _receive(self) -> wire.Message | None:
        """The next message; bodies are put away on the way.

        That a script rests is told with the next reply, unless that is a long way off.
        """
        while True:
            if self._rested and not _readable(self._line, 0):
                self._flush_replies()
            message, fds = wire.receive(self._line)
            match message:
                case ("body", int(number), bytes(head), int(size), bytes(inline)):
                    self._bodies[number] = (head, Body(fds[0], size) if fds else inline)
                case ("back", kept, dropped):
                    self._lender.take_back(kept, dropped)
                case ("drop", int(number)):
                    _, body = self._bodies.pop(number)
                    if isinstance(body, Body):
                        body.close()
                case _:
                    return message

    def _take(self, message: wire.Message) -> None:
        match message:
            case ("orders", list(orders)):
                for order in orders:
                    self._perform(*order)
            case ("tell", str(site), bytes(packed)):
                self._hear(site, packed)
            case ("finish", str(aborted)):
                self._finish(aborted)

    def _perform(self, number: int, site: str, task: str, body: int, head: bytes) -> None:
        _NOW.pack_into(self._now, 0, number)
        try:
            host = self._hosts.of(site)
        except BaseException as error:  # noqa: BLE001 (a job's own code makes its parts)
            self._lose(number, faults.why(error))
            self._rested.append((number, site, 0))
            return
        order = Order(number=number, site=site, task=task, data=self._data(body, head))
        outcome = host.perform(order)
        del order
        match outcome:
            case Reply():
                self._reply(host, outcome)
            case Lost(why=why):
                if faults.wants_own_process(why) and host.has_script and not self._hosts.isolated:
                    self._hosts.forget(site)
                    self._send(("isolate", number, why.text))
                else:
                    self._lose(number, why)
        tail = host.has_tail() or not isinstance(outcome, Reply)
        if late := host.rest():
            self._send(("late", site, *mail.told(late)))
        self._flush_records()
        self._process.output.flush()
        _NOW.pack_into(self._now, 0, 0)
        if tail:
            self._rested.append((number, site, host.printed()))

    def _data(self, number: int, own: bytes) -> Shareable:
        """What the order is about; the arrays in it are the site's own."""
        head, body = self._bodies[number]
        its = body.own(self._room) if isinstance(body, Body) else bytearray(body)
        data: Shareable = codec.decode(own or head, its)
        return data

    def _reply(self, host: Host, reply: Reply) -> None:
        self._flush_records()
        try:
            encoded = codec.encode(reply.result)
        except TypeError as error:
            self._lose(reply.number, Why(kind="unfit", text=f"the result cannot travel: {error}"))
            return
        told = (reply.seconds, host.printed(), host.has_tail())
        head = (reply.number, encoded.head, encoded.size, *told)
        if encoded.size <= INLINE:
            body = bytearray(encoded.size)
            encoded.write(body)
            self._answer((*head, bytes(body), 0), at_once=not host.of_crowd)
            return
        number, descriptor = self._lender.write(encoded)
        fds = () if descriptor < 0 else (descriptor,)
        rested, self._rested = self._rested, []
        self._send(("replies", [(*head, b"", number)], rested), *fds)
        if not number:
            os.close(descriptor)

    def _answer(self, reply: wire.Message, *, at_once: bool) -> None:
        """Sends a reply; those of a crowd many together, for they can be made again."""
        now = time.monotonic()
        if not self._replies:
            self._answered_since = now
        self._replies.append(reply)
        if at_once or len(self._replies) >= _REPLIES or now - self._answered_since > _HURRY:
            self._flush_replies()

    def _flush_replies(self) -> None:
        if self._replies or self._rested:
            replies, self._replies = self._replies, []
            rested, self._rested = self._rested, []
            self._send(("replies", replies, rested))

    def _lose(self, number: int, why: Why) -> None:
        self._flush_records()
        self._send(("lost", number, *mail.told(why)))

    def _hear(self, site: str, packed: bytes) -> None:
        message: Message = mail.unpack(packed)
        if message.answer:
            self._answers[message.number] = (message.sender, message.data)
            return
        here = self._process.here
        try:
            answer = self._hosts.of(site).hear(message)
        except BaseException as error:  # noqa: BLE001 (whatever a job's own code raises)
            self._send(("late", site, *mail.told(faults.why(error))))
            answer = None
        finally:
            self._process.switch(here)
        if answer is not None:
            self.tell(answer)

    def _finish(self, aborted: str) -> None:
        for site, host in self._hosts.all():
            if why := host.finish(aborted):
                self._send(("late", site, *mail.told(why)))
            self._flush_records()
            self._process.output.flush()
            self._rested.append((0, site, host.printed()))
            self._flush_replies()
        self._send(("over",))

    def _send(self, message: wire.Message, *fds: int) -> None:
        self._flush_replies()
        try:
            wire.send(self._line, message, *fds)
        except OSError:  # nobody leads any more
            os._exit(0)

    # What sites tell and ask by (`run.engine.Post`).

    def tell(self, message: Message) -> None:
        self._send(("tell", mail.pack(message)))

    def ask(self, messages: Sequence[Message], timeout: float) -> Mapping[str, Shareable]:
        wanted = {message.number for message in messages}
        for message in messages:
            self.tell(message)
        ends = time.monotonic() + timeout
        while not wanted <= self._answers.keys():
            left = ends - time.monotonic()
            if left <= 0 or not _readable(self._line, left):
                break
            match self._receive():
                case None:
                    os._exit(0)
                case ("tell", str(site), bytes(packed)):
                    self._hear(site, packed)
                case other:
                    self._backlog.append(other)
        found = (self._answers.pop(number, None) for number in wanted)
        return dict(each for each in found if each is not None)

    # What scripts record.

    def record(self, site: str, record: Record) -> None:
        self._records.append(mail.pack_record(site, record))
        now = time.monotonic()
        if len(self._records) == 1:
            self._kept_since = now
        if len(self._records) >= _RECORDS or now - self._kept_since > _PATIENCE:
            self._flush_records()

    def _flush_records(self) -> None:
        if self._records:
            records, self._records = self._records, []
            self._send(("records", records))


def _readable(line: socket.socket, seconds: float) -> bool:
    import select

    return bool(select.select([line], [], [], seconds)[0])
