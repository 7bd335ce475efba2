"""Which port a service gets."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ame import errors, process

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST: Final = 20000
LAST: Final = 29999


def chosen(wanted: int, taken: Mapping[int, str], *, first: int = FIRST, last: int = LAST) -> int:
    """The port of a new service, beside those that are taken, by whom.

    To be called in the transaction that then takes it, so that no two services get the same one.

    Raises:
        errors.PortTaken: the one that is wanted is another service's.
        errors.PortsSpent: none is left.
    """
    if wanted:
        if wanted in taken:
            raise errors.PortTaken(wanted, f"service `{taken[wanted]}`")
        return wanted
    for port in range(first, last + 1):
        if port not in taken:
            return port
    raise errors.PortsSpent(first, last)


def host() -> str:
    """Tells those who share this process's ports from all others."""
    network = Path("/proc/self/ns/net").stat().st_ino
    return f"{process.own_identity().boot} {network}"


def free(port: int) -> bool:
    """Whether no process of this machine listens there."""
    with suppress(OSError), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("", port))
        return True
    return False
