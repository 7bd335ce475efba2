"""What a child says to the parent that started it: reports, none lost and none twice.

`send` returns at once. A report is on its way when it does, unless many before it still are, and is
sent again until the parent has it. At its end the process waits for what is still on its way.
Without a parent, reports are printed as JSON lines.

Standard library only, and of that little: training scripts load this.
"""

import atexit
import contextlib
import json
import os
import select
import socket
import sys
import threading
import time
from collections import deque

from ame.daemon.reports import wire

_FIRST = 0.1
"""Seconds after which a piece is sent again; each time twice as long, up to a second."""
_LONGEST_PAUSE = 1.0
_BACKLOG = 64 << 20
"""Bytes that wait to be sent; then `send` waits too."""
_PATIENCE = 600.0
"""Seconds without a sign of the parent after which the rest is given up, at the end."""


def send(report: dict[str, object]) -> None:
    """Reports to the parent; without one, prints the report as a line of JSON.

    Raises:
        errors.ReportTooLarge: as JSON it is longer than 1 MiB.

    """
    content = json.dumps(report)
    if not os.environ.get(wire.PORT) or not os.environ.get(wire.TOKEN):
        sys.stdout.write(f"{content}\n")
        sys.stdout.flush()
        return
    encoded = content.encode()
    if len(encoded) > wire.LONGEST:
        from ame import errors  # not before it is needed: training scripts load this

        raise errors.ReportTooLarge(len(encoded), wire.LONGEST)
    with _making:
        if not _channels:
            token = bytes.fromhex(os.environ[wire.TOKEN])
            _channels.append(Channel(int(os.environ[wire.PORT]), token))
        channel = _channels[0]
    channel.send(encoded)


def flush(timeout: float | None = None) -> bool:
    """Waits until the parent has all reports; whether it does. Without one there is no wait."""
    return all(channel.flush(timeout) for channel in _channels)


class Channel:
    """The way to one parent: one stream of pieces. Any thread may use it."""

    def __init__(self, port: int, token: bytes) -> None:
        self._token = token
        self._stream = os.urandom(wire.STREAM_BYTES)
        self._line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Connected, it hears nobody else, and of the parent's end.
        self._line.connect((wire.HOST, port))
        self._line.setblocking(False)
        self._changed = threading.Condition()
        self._next = 0
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._backlog = 0
        self._flying: dict[int, bytes] = {}
        self._burst = 0
        self._due = 0.0
        self._pause = _FIRST
        self._heard = time.monotonic()
        self._lost = False
        threading.Thread(target=self._follow, name="reports", daemon=True).start()

    def send(self, content: bytes) -> None:
        """Takes a report over; waits while too many are ahead of it."""
        called = time.time_ns()
        parts = wire.cut(content)
        with self._changed:
            while self._backlog > _BACKLOG and not self._lost:
                self._changed.wait()
            if self._lost:
                return
            if not self._flying and not self._waiting:
                self._heard = time.monotonic()
            for at, part in enumerate(parts, 1):
                last = at == len(parts)
                piece = (self._token, self._stream, self._next, called, last, part)
                datagram = wire.write(piece)
                self._waiting.append((self._next, datagram))
                self._backlog += len(datagram)
                self._next += 1
            self._launch()

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until the parent has all reports; whether it does."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while self._flying or self._waiting:
                now = time.monotonic()
                given_up = self._lost or now - self._heard > _PATIENCE
                if given_up or (end is not None and now >= end):
                    return False
                self._changed.wait(_LONGEST_PAUSE if end is None else min(end - now, 1.0))
            return True

    def _launch(self) -> None:
        """Sends what may go. With the lock."""
        while self._waiting and len(self._flying) < wire.WINDOW and self._burst < wire.BURST:
            number, datagram = self._waiting.popleft()
            self._backlog -= len(datagram)
            if not self._flying:
                self._due = time.monotonic() + self._pause
            self._flying[number] = datagram
            self._burst += len(datagram)
            self._put(datagram)

    def _put(self, datagram: bytes) -> None:
        try:
            self._line.send(datagram)
        except ConnectionRefusedError:
            self._lose()
        except OSError:  # no room at the moment: it goes again when it is due
            return

    def _lose(self) -> None:
        """The parent is gone, and with it whoever would hear."""
        self._lost = True
        self._waiting.clear()
        self._flying.clear()
        self._backlog = 0
        self._changed.notify_all()

    def _follow(self) -> None:
        """Hears what has arrived, and sends again what has not."""
        arrivals = select.poll()
        arrivals.register(self._line, select.POLLIN)
        while True:
            with self._changed:
                if self._lost:
                    return
                # A report is not held up by waking this thread for it: an answer will, or its turn.
                pause = self._due - time.monotonic() if self._flying else _LONGEST_PAUSE
            arrivals.poll(max(pause, 0.0) * 1000)
            try:
                stream, numbers = wire.read_taken(self._line.recv(wire.LARGEST))
            except BlockingIOError:
                self._repeat()
            except ConnectionRefusedError:
                with self._changed:
                    self._lose()
            else:
                if stream == self._stream:
                    self._take(numbers)

    def _take(self, numbers: tuple[int, ...]) -> None:
        with self._changed:
            for number in numbers:
                self._burst -= len(self._flying.pop(number, b""))
            self._heard = time.monotonic()
            self._pause = _FIRST
            self._due = self._heard + self._pause
            self._launch()
            self._changed.notify_all()

    def _repeat(self) -> None:
        with self._changed:
            now = time.monotonic()
            if now < self._due or not self._flying:
                return
            for datagram in list(self._flying.values()):
                self._put(datagram)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            self._due = now + self._pause


_making = threading.Lock()
_channels: list[Channel] = []
"""Of this process, one at most: what several threads and reporters say stays in order."""


def _begin_anew() -> None:
    """A forked process has a stream of its own: what its parent sends is not its own to repeat."""
    global _making  # noqa: PLW0603  # it may have been held when the process was forked
    _making = threading.Lock()
    _channels.clear()


@atexit.register
def _end() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        flush()


os.register_at_fork(after_in_child=_begin_anew)
