"""Signals that ask a run to stop."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_ASKED = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "cancelled",
    signal.SIGHUP: "the terminal was closed",
}


@contextmanager
def interrupts(stop: Callable[[str], None]) -> Iterator[None]:
    """As long as it is open, Ctrl-C and its like call `stop` with the reason, and nothing else."""

    def asked(number: int, frame: FrameType | None) -> None:
        del frame
        stop(_ASKED[signal.Signals(number)])

    before = {number: signal.signal(number, asked) for number in _ASKED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
