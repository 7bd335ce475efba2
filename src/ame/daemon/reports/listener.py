"""The parent's end of reports: whole reports in the order they were made, each once.

Whoever does not have the token has no effect. A report counts as arrived when `acknowledge` was
called after it was taken; before that its sender keeps it.
"""

import hmac
import os
import socket
from dataclasses import dataclass, field

from ame.daemon.reports import wire

_ROOM = 4 << 20
"""Bytes that arrive while nobody takes them, if the system gives so many."""
TURN = 512
"""Datagrams that are taken at a time, lest who sends many keeps others waiting."""
_PIECES = wire.LONGEST // wire.CONTENT + 1
_STREAMS = 10_000
_HELD = 64 << 20
"""Bytes of pieces that wait for others, of all streams together."""


@dataclass(slots=True, kw_only=True)
class _Stream:
    """What has arrived of one process."""

    next: int = 0
    """The number of the first piece that has not."""
    ahead: dict[int, tuple[int, bool, bytes]] = field(default_factory=dict)
    """Pieces that overtook others."""
    begun: list[bytes] = field(default_factory=list)
    """Pieces of the report that has not arrived as a whole."""
    taken: list[int] = field(default_factory=list)
    """Numbers to acknowledge."""
    address: tuple[str, int] = ("", 0)


class Listener:
    """Hears reports on a port of its own, of the loopback interface alone."""

    def __init__(self) -> None:
        self._line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._line.setblocking(False)
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        self._line.bind((wire.HOST, 0))
        self._token = os.urandom(wire.TOKEN_BYTES)
        self._streams: dict[bytes, _Stream] = {}
        self._owed: dict[bytes, _Stream] = {}
        """Streams with something to acknowledge."""
        self._held = 0

    @property
    def variables(self) -> dict[str, str]:
        """What a child has to have in its environment to be heard."""
        return {wire.PORT: str(self._line.getsockname()[1]), wire.TOKEN: self._token.hex()}

    def fileno(self) -> int:
        """To be polled for input."""
        return self._line.fileno()

    def close(self) -> None:
        """Hears no more; who reports is refused."""
        self._line.close()

    def take(self, most: int = TURN) -> list[tuple[int, bytes]]:
        """Reports that have arrived, of so many datagrams at most.

        Each is the time of its call, in nanoseconds since 1970, and its content.
        """
        reports: list[tuple[int, bytes]] = []
        for _ in range(most):
            try:
                datagram, address = self._line.recvfrom(wire.LARGEST)
            except BlockingIOError:
                break
            piece = wire.read(datagram)
            if piece is not None and hmac.compare_digest(piece[0], self._token):
                self._arrive(piece, address, reports)
        return reports

    def acknowledge(self) -> None:
        """Tells the senders of all that was taken that it has arrived."""
        for name, stream in self._owed.items():
            for datagram in wire.write_taken(name, stream.taken):
                try:
                    self._line.sendto(datagram, stream.address)
                except OSError:  # no room, or nobody there: who still is sends again
                    break
            stream.taken.clear()
        self._owed.clear()

    def _arrive(
        self, piece: wire.Piece, address: tuple[str, int], reports: list[tuple[int, bytes]]
    ) -> None:
        _, name, number, called, last, content = piece
        stream = self._streams.get(name)
        if stream is None:
            if len(self._streams) >= _STREAMS:
                return
            stream = self._streams[name] = _Stream()
        stream.address = address
        known = number < stream.next or number in stream.ahead
        if not known:
            room = self._held + len(content) <= _HELD or number == stream.next
            if not room or number >= stream.next + wire.WINDOW * 2:
                return
            stream.ahead[number] = (called, last, content)
            self._held += len(content)
        stream.taken.append(number)
        self._owed[name] = stream
        while stream.next in stream.ahead:
            called, last, content = stream.ahead.pop(stream.next)
            stream.next += 1
            stream.begun.append(content)
            if last or len(stream.begun) > _PIECES:  # a longer one is none of ours
                whole = b"".join(stream.begun)
                self._held -= len(whole)
                stream.begun.clear()
                reports.append((called, whole))
