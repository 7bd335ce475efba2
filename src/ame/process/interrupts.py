"""Signals that ask a run to stop."""

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

_ASKED = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "cancelled",
    signal.SIGHUP: "the terminal was closed",
}
Stop = Callable[[str], None]
"""Takes the reason. A signal handler calls it: it only leaves word."""


class Interrupts:
    """As long as it is open, Ctrl-C and its like stop what is done, in an order.

    Without a `stop` they raise a KeyboardInterrupt with the reason, from wherever the main thread
    is. While there is one they call it, each time, and nothing else.
    """

    def __init__(self) -> None:
        self.stop: Stop | None = None

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._asked) for number in _ASKED}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        del frame
        reason = _ASKED[signal.Signals(number)]
        if self.stop is None:
            raise KeyboardInterrupt(reason)
        self.stop(reason)
