"""One device's share of a round: how it moves, what a device asks for, and why it gets none."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from ame.protocol import statuses
from ame.protocol.pb import odp_task_assignments
from ame.protocol.pb.code import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.protocol.pb.status import Status

REASON: Final = 300
"""Characters that are kept of why an assignment ended: some of it is what its device says."""
Result = odp_task_assignments.ReportResultRequest


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


_RESULTS: Final[Mapping[int, AssignmentStatus]] = {
    Result.FAILED: AssignmentStatus.LOCAL_FAILED,
    Result.NOT_ELIGIBLE: AssignmentStatus.LOCAL_NOT_ELIGIBLE,
    Result.FAILED_EXAMPLE_GENERATION: AssignmentStatus.LOCAL_FAILED_EXAMPLE_GENERATION,
    Result.FAILED_MODEL_COMPUTATION: AssignmentStatus.LOCAL_FAILED_MODEL_COMPUTATION,
    Result.FAILED_OPS_ERROR: AssignmentStatus.LOCAL_FAILED_OPS_ERROR,
}
_CODES: Final = {
    statuses.CANCELLED: AssignmentStatus.CANCELED,
    statuses.FAILED_PRECONDITION: AssignmentStatus.LOCAL_FAILED_EXAMPLE_GENERATION,
}
"""What becomes of an assignment whose computation ended so; by any other code it has failed."""


class End(NamedTuple):
    """How an assignment ends without a contribution."""

    status: AssignmentStatus
    reason: str = ""
    """Why, where more is known than the status says."""

    @classmethod
    def refused(cls, why: Exception) -> End:
        """What its device has uploaded is not what its task asks for."""
        return cls(AssignmentStatus.REMOTE_FAILED, _fitting(str(why)))

    @classmethod
    def reported(cls, code: int) -> End:
        """Its device says that it did not compute its share."""
        ended = _CODES.get(code, AssignmentStatus.LOCAL_FAILED)
        return cls(ended, f"the device reported {_name(code)}")

    @classmethod
    def result(cls, said: int) -> End:
        """The same in the On-Device Personalization dialect."""
        known = Result.DESCRIPTOR.enum_types_by_name["Result"].values_by_number.get(said)
        ended = _RESULTS.get(said, AssignmentStatus.LOCAL_FAILED)
        return cls(ended, f"the device reported {known.name if known else f'result {said}'}")

    @classmethod
    def aborted(cls, said: Status) -> End:
        """Its device does not hand in what it has computed."""
        reason = f"the device gave up with {_name(said.code)}"
        if said.message:
            reason = _fitting(f"{reason}: {said.message}")
        return cls(AssignmentStatus.LOCAL_FAILED, reason)


def _name(code: int) -> str:
    """A code of google.rpc by its name."""
    return Code.Name(code) if code in Code.values() else f"status {code}"


def _fitting(said: str) -> str:
    """A reason on one line that every database can hold and every terminal show, cut where long."""
    line = "".join(each if each.isprintable() else " " for each in said[: REASON + 1])
    return line if len(line) <= REASON else f"{line[: REASON - 1]}…"


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
