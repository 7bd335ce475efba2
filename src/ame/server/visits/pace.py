"""When a device is to come back: late enough, and not all at the same time.

Source: Bonawitz et al. 2019, "Towards Federated Learning at Scale: System Design", section 2.3 on
pace steering; the windows for each reason are those of the On-Device Personalization server.
"""

import math
from dataclasses import dataclass
from typing import Final

MINUTE: Final = 60.0
DAY: Final = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Seconds between which a device picks the moment of its return, uniformly."""

    least: float
    most: float


SOON: Final = Window(least=MINUTE, most=5 * MINUTE)
"""There may be room in a while."""
LATER: Final = Window(least=DAY, most=2 * DAY)
"""Only a new task, or a new version of the device, changes it."""


def window(base: Window, *, devices: float, rate: float, longest: float = 2 * DAY) -> Window:
    """The window, wide enough that `devices` that come back come at `rate` a second at most.

    `devices` is how many are thought to be about; `rate` is what the server wants. A window is
    never narrowed, and never ends later than `longest` where its base does not.
    """
    if rate <= 0:
        return base
    wanted = base.least + devices / rate
    return Window(least=base.least, most=max(base.most, min(wanted, max(longest, base.most))))


class Census:
    """About how many devices come, from how many came lately.

    Counts check-ins with a half-life: of devices that come once in `period` seconds each, it
    counts about all.
    """

    def __init__(self, *, period: float = DAY) -> None:
        self._period = period
        self._count = 0.0
        self._at = 0.0

    def add(self, now: float) -> None:
        """One came."""
        self._count = self.devices(now) + 1
        self._at = now

    def devices(self, now: float) -> float:
        """How many there are, so far as is known."""
        passed = max(now - self._at, 0.0)
        return self._count * math.pow(0.5, passed / self._period)
