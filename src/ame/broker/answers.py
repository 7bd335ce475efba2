"""What is remembered of calls, so that one that comes twice is done once."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol

Work = Callable[[Any], bytes]
"""Does a call on the rows of a transaction, and returns its answer."""


class Answers(Protocol):
    """The answers of calls that changed something, kept together with what they changed."""

    async def once(self, call: str, work: Work) -> bytes:
        """Does the work and keeps its answer, in one transaction; or returns the answer kept.

        Of two that come with the same call, in whatever processes, one does the work and both
        get its answer. An error of the work undoes it, is raised here, and nothing is kept.
        """
        ...


class MemoryAnswers:
    """It promises what `Answers` does, within this process. The work is given `rows`."""

    def __init__(self, rows: object = None) -> None:
        self._rows = rows
        self._kept: dict[str, bytes] = {}
        self._lock = Lock()

    async def once(self, call: str, work: Work) -> bytes:
        """As `Answers` says."""
        with self._lock:
            if call not in self._kept:
                self._kept[call] = work(self._rows)
            return self._kept[call]


class Recent:
    """The last answers of a service; the oldest make room."""

    def __init__(self, *, most: int = 10_000, most_bytes: int = 32 << 20) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def get(self, call: str) -> bytes | None:
        """The answer of a call, if it is still known."""
        return self._kept.get(call)

    def put(self, call: str, answer: bytes) -> None:
        """Keeps an answer."""
        self._bytes += len(answer) - len(self._kept.pop(call, b""))
        self._kept[call] = answer
        while len(self._kept) > self._most or self._bytes > self._most_bytes:
            _, old = self._kept.popitem(last=False)
            self._bytes -= len(old)
