"""One device's share of a round: how it moves, what a device asks for, and why it gets none."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class AssignmentStatus(IntEnum):
    """Where an assignment stands. What is below 2 is under way."""

    ASSIGNED = 0
    LOCAL_COMPLETED = 1
    UPLOAD_COMPLETED = 2
    CANCELED = 101
    LOCAL_FAILED = 102
    LOCAL_NOT_ELIGIBLE = 103
    REMOTE_FAILED = 104
    LOCAL_FAILED_EXAMPLE_GENERATION = 105
    LOCAL_FAILED_MODEL_COMPUTATION = 106
    LOCAL_FAILED_OPS_ERROR = 107
    LOCAL_TIMEOUT = 151
    UPLOAD_TIMEOUT = 152

    @property
    def active(self) -> bool:
        """Whether its device may still contribute."""
        return self < AssignmentStatus.UPLOAD_COMPLETED

    @property
    def timeout(self) -> AssignmentStatus:
        """What becomes of it when its time is over."""
        late = self is AssignmentStatus.LOCAL_COMPLETED
        return AssignmentStatus.UPLOAD_TIMEOUT if late else AssignmentStatus.LOCAL_TIMEOUT


class Why(StrEnum):
    """Why a device was given no task, from what is nearest to one to what is furthest."""

    FULL = "every task that it may do has as many devices as it takes"
    NOT_OPEN = "no round is open of a task that it may do"
    NOT_ELIGIBLE = "it is eligible for no task"
    SILENT = "it did not say what it is eligible for, which its population asks for"
    VERSION = "its version is one that no task takes"
    NO_TASK = "its population has no task that is open"
    PAUSED = "its population is paused"


class Wish(NamedTuple):
    """What a device that asks for a task brings."""

    version: str
    eligible: Mapping[str, float] | None = None
    """Tasks by name with the weights that the device computed; none where it computed nothing."""
    personal: bool = False
    """Whether it hears what a task asks of it only with the task, as far as that can be said in
    the On-Device Personalization dialect."""
