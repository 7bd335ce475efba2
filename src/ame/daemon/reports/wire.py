"""Datagrams between a child that reports and the parent that listens.

A report is JSON, cut into pieces that are numbered from 0 within a stream; a process that reports
has one stream. The parent acknowledges pieces by their numbers. What is not acknowledged is sent
again; what arrives twice is acknowledged again and left aside.

    piece            TOKEN:16 STREAM:8 NUMBER:8 CALLED:8 LAST:1 CONTENT
    acknowledgement  STREAM:8 NUMBER:8 ...

Standard library only, and of that little: training scripts load this.
"""

import struct

PORT = "AME_DAEMON_PORT"
"""The variable that names the port of the parent, on the loopback interface."""
TOKEN = "AME_DAEMON_TOKEN"  # noqa: S105  # a name
"""The variable with the token, in hexadecimal digits, without which the parent hears nobody."""
HOST = "127.0.0.1"

LONGEST = 1 << 20
"""Bytes of a report."""
CONTENT = 32 << 10
"""Bytes of it in one piece: two fit where one datagram of a loopback interface does."""
WINDOW = 64
"""Pieces of a stream that may be on their way at a time."""
BURST = 128 << 10
"""Bytes of them."""
LARGEST = 65_535
"""Bytes to make room for: no datagram is longer."""

TOKEN_BYTES = 16
STREAM_BYTES = 8
_HEAD = struct.Struct(f"!{TOKEN_BYTES}s{STREAM_BYTES}sQQ?")
_STREAM = struct.Struct(f"!{STREAM_BYTES}s")
_MOST = 1000
"""Numbers in one acknowledgement."""

Piece = tuple[bytes, bytes, int, int, bool, bytes]
"""Token, stream, number, time of the call in nanoseconds since 1970, whether it is the last of its
report, content."""


def cut(content: bytes) -> list[bytes]:
    """A report as the contents of its pieces; at least one."""
    return [content[at : at + CONTENT] for at in range(0, len(content), CONTENT)] or [b""]


def write(piece: Piece) -> bytes:
    """As a datagram."""
    *head, content = piece
    return _HEAD.pack(*head) + content


def read(datagram: bytes) -> Piece | None:
    """What the datagram says; None when it is no piece."""
    if len(datagram) < _HEAD.size:
        return None
    token, stream, number, called, last = _HEAD.unpack_from(datagram)
    return token, stream, number, called, last, datagram[_HEAD.size :]


def write_taken(stream: bytes, numbers: list[int]) -> list[bytes]:
    """Acknowledgements of these pieces, as datagrams."""
    parts = [numbers[at : at + _MOST] for at in range(0, len(numbers), _MOST)]
    return [_STREAM.pack(stream) + struct.pack(f"!{len(part)}Q", *part) for part in parts]


def read_taken(datagram: bytes) -> tuple[bytes, tuple[int, ...]]:
    """The stream, and the numbers of its pieces that the parent has."""
    count = max(len(datagram) - _STREAM.size, 0) // 8
    numbers = struct.unpack_from(f"!{count}Q", datagram, _STREAM.size) if count else ()
    return datagram[: _STREAM.size], numbers
