"""Addresses for answers that the broker itself gives out, as far as they can be told from others.

An answer to one that only looks like it costs RabbitMQ the connection on which it came, and the
call is then handed out again, without end.
"""

import base64
import binascii
import struct
from collections import OrderedDict

DIRECT = "amq.rabbitmq.reply-to"
"""The broker's own address for answers: no queue has to be made."""
_AGAIN = 3
"""So often a call may come again after its answer was sent."""
_MOST = 1000
_TERM = 131
_PIDS = {103: 9, 88: 12}
"""Bytes behind the name of the node, by the form of a process's id."""
_NAMES = {100: ">H", 118: ">H", 115: ">B", 119: ">B"}
"""How long that name is, by its form."""


class Replies:
    """Which calls can be answered: for one consumer."""

    def __init__(self) -> None:
        self._again: OrderedDict[str, int] = OrderedDict()

    def answers(self, reply_to: str, correlation_id: str, *, again: bool) -> bool:
        """Whether a call that came, perhaps not for the first time, is to be answered."""
        if not reply_to.startswith(f"{DIRECT}."):
            return True
        if not _is_direct(reply_to):
            return False
        if not again:
            return True
        key = f"{reply_to} {correlation_id}"
        times = self._again.pop(key, 0) + 1
        self._again[key] = times
        if len(self._again) > _MOST:
            self._again.popitem(last=False)
        return times < _AGAIN


def _is_direct(address: str) -> bool:
    """Whether it has a process's id of Erlang, and a key, both in Base64."""
    process, dot, key = address.removeprefix(f"{DIRECT}.").partition(".")
    try:
        term = base64.b64decode(process, validate=True)
        base64.b64decode(key, validate=True)
        known, form, name = struct.unpack_from(">BBB", term)
        width = _NAMES[name]
        (length,) = struct.unpack_from(width, term, 3)
    except (binascii.Error, ValueError, KeyError, struct.error):
        return False
    whole = 3 + struct.calcsize(width) + length + _PIDS.get(form, -1)
    return bool(dot and key) and known == _TERM and form in _PIDS and len(term) == whole
