"""Packets between a site and its script: a verb, plain values, and one value with arrays."""

from __future__ import annotations

import array
import mmap
import os
import select
import socket
import threading
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it has no types

from ame.federation.exchange import codec

_MOST = 60_000
"""Bytes of a packet; what is longer travels in memory that is handed over with it."""
_INLINE = 32_000
_FDS = array.array("i")
_ROOM = socket.CMSG_SPACE(_FDS.itemsize)

Message = tuple[Any, ...]  # Any: what msgpack and the codec read
"""A verb, plain values, and last a value with arrays if there is one."""


class Line:
    """One end. One thread receives; any thread may send."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._poll = select.poll()
        self._poll.register(end, select.POLLIN)
        self._sending = threading.Lock()

    def fileno(self) -> int:
        """To wait for, with others."""
        return self._end.fileno()

    def send(self, verb: str, *plain: object, value: object = None) -> None:
        """Sends a message. `value` may hold arrays; when this returns they may be changed.

        Raises:
            ConnectionError: the other end is gone.
            TypeError: there is something in it that does not travel.

        """
        if value is None:
            self._send(msgpack.packb((verb, plain)))
            return
        encoded = codec.encode(value)
        if len(encoded.head) + encoded.size <= _INLINE:
            short = bytearray(encoded.size)
            encoded.write(short)
            self._send(msgpack.packb((verb, plain, encoded.head, bytes(short))))
            return
        memory = os.memfd_create("model", os.MFD_CLOEXEC)
        try:
            encoded.pour(memory)
            os.pwrite(memory, encoded.head, encoded.size)
            self._send(msgpack.packb((verb, plain, encoded.size)), memory)
        finally:
            os.close(memory)

    def receive(self, timeout: float | None = None, *, peek: bool = False) -> Message | None:
        """Waits for the next message; None when `timeout` seconds have passed.

        The arrays in it are the caller's own: nobody else sees what is written there. `peek` gives
        a message's verb and plain values, and leaves it there.

        Raises:
            ConnectionError: the other end is gone.

        """
        if not self._poll.poll(None if timeout is None else max(timeout, 0) * 1000):
            return None
        flags = socket.MSG_CMSG_CLOEXEC | (socket.MSG_PEEK if peek else 0)
        packet, control, _, _ = self._end.recvmsg(_MOST, _ROOM, flags)
        if not packet:
            raise ConnectionResetError
        fds = array.array("i")
        for _, _, data in control:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        try:
            return _read(packet, None if peek or not fds else fds[0], whole=not peek)
        finally:
            for fd in fds:
                os.close(fd)

    def close(self) -> None:
        """The other end hears of it. Again and again has no further effect."""
        self._end.close()

    def _send(self, packet: bytes, *fds: int) -> None:
        if len(packet) > _MOST:
            raise TypeError("a message's plain values are too long")
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        with self._sending:
            try:
                self._end.sendmsg([packet], control, socket.MSG_NOSIGNAL)
            except OSError as error:
                if self._end.fileno() < 0:  # closed here, since the other end is gone
                    raise ConnectionResetError from error
                raise


def _read(packet: bytes, memory: int | None, *, whole: bool) -> Message:
    try:
        verb, plain, *rest = msgpack.unpackb(packet)
    except (ValueError, TypeError) as error:
        raise ConnectionResetError(f"not a message: {error}") from error
    message: Message = (verb, *plain)
    if not rest or not whole:
        return message
    if memory is None:
        head, body = rest
        return (*message, codec.decode(head, bytearray(body)))
    # Private: the pages that are written to become this process's own.
    mapped = mmap.mmap(memory, 0, access=mmap.ACCESS_COPY)
    return (*message, codec.decode(mapped[rest[0] :], mapped))
