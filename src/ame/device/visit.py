"""What came of a device's visit to the server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Outcome(StrEnum):
    """What came of a visit."""

    CONTRIBUTED = "contributed"
    TURNED_AWAY = "turned away"
    """There was no task for the device; `why` has the server's reason."""
    UNNEEDED = "not needed"
    """The round, or the task, was over before the device handed in what it computed."""
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
    """What it was about; of several tasks, those that were contributed to, with commas between."""
    why: str = ""
    able: bool = True
    """False where the device found itself eligible for none of the tasks that there are."""
    session: str = ""
    """What the server knows the visit by; unknown of one that went on after a crash."""


def together(visits: Sequence[Visit]) -> Visit:
    """What came of one visit in which several tasks were done, the last of them last."""
    last, done = visits[-1], [each for each in visits if each.outcome is Outcome.CONTRIBUTED]
    if not done:
        return last
    kept = last if last.outcome in {Outcome.CUT_OFF, Outcome.DROPPED} else done[-1]
    why = next((each.why for each in visits if each.why), "")
    return replace(kept, task=", ".join(each.task for each in done), why=why)
