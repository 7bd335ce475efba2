"""What a child writes, as it comes."""

import os
import select
from collections.abc import Callable
from typing import BinaryIO, Protocol

_CHUNK = 1 << 16
_PATIENCE = 500
"""Milliseconds without output after which it is asked whether the child is still there."""


class Source(Protocol):
    """What a `Child` shows of itself here; so may what stands for one."""

    @property
    def output(self) -> BinaryIO:
        """The end of the pipe that is read."""

    def ended(self) -> bool:
        """Whether nothing more can come but what is in the pipe."""


def pump(child: Source, sink: Callable[[bytes], None]) -> None:
    """Gives everything that the child and its tree write to `sink`, in order; then closes it.

    Returns at the end of output. That comes when the tree is gone, even where a process outside
    of the tree was handed the pipe and keeps it open; what such a one writes is given up.
    """
    with child.output as output:
        waiter = select.poll()
        waiter.register(output, select.POLLIN)
        while True:
            if not waiter.poll(_PATIENCE):
                if child.ended():
                    return
                continue
            chunk = os.read(output.fileno(), _CHUNK)
            if not chunk:
                return
            sink(chunk)
