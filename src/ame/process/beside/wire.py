"""Messages between a Supervisor and the processes that it has beside it: one packet each.

This module, and those it is used by on the other side, leave out what is slow to load: `typing`,
`contextlib`, `socket`, `pathlib` would double the time that the keeper takes to start.
"""

from __future__ import annotations

import _socket as socket
import array
import marshal
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # Any: what marshal reads back. Both ends are one version of this file under one Python.
    Message = tuple[Any, ...]

_MOST = 60_000
"""Bytes of a packet; a longer message travels in a file in memory, handed over with it."""
_IN_MEMORY = b"memory"
_FDS = array.array("i")
_ROOM = socket.CMSG_SPACE(3 * _FDS.itemsize)


def send(line: socket.socket, message: Message, *fds: int) -> None:
    """Sends one message, with copies of at most two file descriptors."""
    packet = marshal.dumps(message)
    if len(packet) <= _MOST:
        _send(line, packet, fds)
        return
    memory = os.memfd_create("message")
    try:
        with os.fdopen(memory, "wb", closefd=False) as file:
            file.write(packet)
        _send(line, _IN_MEMORY, (memory, *fds))
    finally:
        os.close(memory)


def receive(line: socket.socket, flags: int = 0) -> tuple[Message | None, list[int]]:
    """Waits for one message; None when the other end is gone, and all that it said is heard.

    The descriptors are the caller's.
    """
    try:
        packet, control = _receive(line, flags)
    except ConnectionError:
        # It was gone before it had heard all: that is told first, once; only then what it had said.
        try:
            packet, control = _receive(line, flags)
        except ConnectionError:
            return None, []
    fds = array.array("i")
    for _, _, data in control:
        fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    if not packet:
        return None, []
    if packet == _IN_MEMORY:
        with os.fdopen(fds.pop(0), "rb") as file:
            file.seek(0)
            packet = file.read()
    return marshal.loads(packet), list(fds)  # noqa: S302  # from our own process, over our socket


def _receive(line: socket.socket, flags: int) -> tuple[bytes, list[tuple[int, int, bytes]]]:
    return line.recvmsg(_MOST + 1, _ROOM, flags | socket.MSG_CMSG_CLOEXEC)[:2]


def _send(line: socket.socket, packet: bytes, fds: tuple[int, ...]) -> None:
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    line.sendmsg([packet], control, socket.MSG_NOSIGNAL)
