"""How often a sender may call."""

from collections.abc import Callable
from time import monotonic

_MOST = 10_000
"""So many senders are remembered."""
TOLD = 0.5
"""How often a second it is worth a line that a sender is refused."""


class Rates:
    """A bucket for each sender: it holds two seconds' calls, and fills by `rate` a second."""

    def __init__(self, rate: float, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._held: dict[str, tuple[float, float]] = {}

    def allow(self, sender: str) -> bool:
        """Whether the sender may call now; counts it if so."""
        if not self._rate:
            return True
        now = self._clock()
        full = 2 * self._rate
        left, since = self._held.pop(sender, (full, now))
        left = min(full, left + (now - since) * self._rate)
        allowed = left >= 1
        self._held[sender] = (left - 1 if allowed else left, now)
        if len(self._held) > _MOST:
            del self._held[next(iter(self._held))]
        return allowed
