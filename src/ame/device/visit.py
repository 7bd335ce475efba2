"""What came of a device's visit to the server."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What came of a visit."""

    CONTRIBUTED = "contributed"
    TURNED_AWAY = "turned away"
    """There was no task for the device; `why` has the server's reason."""
    FAILED = "failed"
    CUT_OFF = "cut off"
    """The server is not reached any more; the session goes on at the next visit."""
    DROPPED = "dropped out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What came of a visit, and when the next one is due."""

    outcome: Outcome
    wait: float
    """Seconds until the device is to come back."""
    task: str = ""
    why: str = ""
