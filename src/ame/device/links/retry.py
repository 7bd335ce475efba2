"""When a device checks in again.

Source: the Federated Compute client. A window that the server gives is kept to; where it gives
none, four hours after an error that trying again does not mend, else a quarter of an hour, a fifth
more or less.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ame.protocol import statuses

if TYPE_CHECKING:
    from ame.protocol.pb import common

Draw = Callable[[], float]
PERMANENT: Final = 4 * 3600.0
TRANSIENT: Final = 900.0
SPREAD: Final = 0.2


def within(window: common.RetryWindow, draw: Draw) -> float:
    """Seconds from now, anywhere in the window with equal chance."""
    least: float = window.delay_min.ToNanoseconds() / 1e9
    most: float = max(window.delay_max.ToNanoseconds() / 1e9, least)
    return least + (most - least) * draw()


def after(code: int, draw: Draw) -> float:
    """Seconds from now, after an error of this code to which the server gave no window."""
    span = PERMANENT if code in statuses.PERMANENT else TRANSIENT
    return span * (1 - SPREAD + 2 * SPREAD * draw())
