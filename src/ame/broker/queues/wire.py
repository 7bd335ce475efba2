"""pika's connection, which sends a message at once, and reads what others write into a message."""

import struct
from collections.abc import Sequence
from typing import Any

from pika import spec
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import InvalidFieldTypeException
from pika.frame import Header

_UNREADABLE = (
    InvalidFieldTypeException,
    ValueError,
    ArithmeticError,
    OSError,
    RecursionError,
    struct.error,
)
_FRAME = struct.Struct(">BHL")
_CONTENT = struct.Struct(">HHQH")
"""What begins a header frame: class, weight, size of the body, flags of the properties."""
_BEFORE = (spec.BasicProperties.FLAG_CONTENT_TYPE, spec.BasicProperties.FLAG_CONTENT_ENCODING)
"""The properties that stand before the headers, both texts."""


class Wire(AsyncioConnection):
    """A message is three frames, and pika makes a system call of each; here they are joined.

    Its headers may have values that pika cannot read. The broker would hand such a message out
    again after each loss of the connection, so here it is read without its headers.
    """

    def _output_marshaled_frames(self, marshaled_frames: Sequence[bytes]) -> None:
        super()._output_marshaled_frames([b"".join(marshaled_frames)])

    def _read_frame(self) -> tuple[int, Any]:
        try:
            return super()._read_frame()
        except _UNREADABLE:
            read = _without_headers(self._frame_buffer)
            if read is None:
                raise
            return read


def _without_headers(buffer: bytes) -> tuple[int, Header] | None:
    """The header frame that a buffer begins with, without its table of headers, if it has one."""
    kind, channel, size = _FRAME.unpack_from(buffer)
    content = buffer[_FRAME.size : _FRAME.size + size]
    if kind != spec.FRAME_HEADER:
        return None
    class_, _, length, flags = _CONTENT.unpack_from(content)
    if class_ != spec.BasicProperties.INDEX or not flags & spec.BasicProperties.FLAG_HEADERS:
        return None
    at = begin = _CONTENT.size
    for flag in _BEFORE:
        at += 1 + content[at] if flags & flag else 0
    (table,) = struct.unpack_from(">I", content, at)
    flags ^= spec.BasicProperties.FLAG_HEADERS
    properties = spec.BasicProperties()  # type: ignore[no-untyped-call]  # pika leaves it untyped
    rest = struct.pack(">H", flags) + content[begin:at] + content[at + 4 + table :]
    properties.decode(rest)  # type: ignore[no-untyped-call]  # the same
    return _FRAME.size + size + spec.FRAME_END_SIZE, Header(channel, length, properties)
