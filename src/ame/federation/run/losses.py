"""Sites that return nothing: what a controller is told of them, and how many the job can spare."""

import traceback
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ame import errors
from ame.federation.exchange.sites import Lost, Why
from ame.federation.run.chains import place, trace
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.shareable import ReservedHeaderKey, ReturnCode, Shareable, make_reply
from ame.federation.spec.task import ClientTask

WHY = "why"
"""Under which a client task's props say why its site failed."""

GONE = frozenset({"timeout", "killed", "dropped"})
"""Losses that are no answer: they do not count among `min_responses`."""

_CODES: Mapping[str, str] = {
    "raised": ReturnCode.EXECUTION_EXCEPTION,
    "exited": ReturnCode.EXECUTION_EXCEPTION,
    "silent": ReturnCode.EMPTY_RESULT,
    "unfit": ReturnCode.EXECUTION_RESULT_ERROR,
    "timeout": ReturnCode.TIMEOUT,
    "killed": ReturnCode.COMMUNICATION_ERROR,
    "dropped": ReturnCode.COMMUNICATION_ERROR,
}


def why_failed(error: BaseException) -> Why:
    """Why a site gives no result, of the error that ended its work."""
    match error:
        case errors.NoAnswer():
            kind: Any = error.kind
            return Why(kind=kind, text=error.text, trace=error.trace, place=error.place)
        case errors.ScriptFailed():
            kind = error.kind
            return Why(kind=kind, text=error.how, trace=error.trace, place=error.place)
        case errors.ComponentFailed():
            return Why(kind="raised", text=error.how, trace=error.trace, place=error.place)
    kind = "exited" if isinstance(error, SystemExit) else "raised"
    if not (where := place(error)):
        return Why(kind=kind, text=str(error))
    text = "".join(traceback.format_exception_only(error)).strip()
    return Why(kind=kind, text=text, trace=trace(error), place=where)


def as_result(lost: Lost, at: int | None) -> Shareable:
    """A loss in a round, as what a controller is told instead of a result."""
    result = make_reply(_CODES[lost.why.kind])
    result.set_header(ReservedHeaderKey.ERROR, lost.why.text)
    if at is not None:
        result.set_header(AppConstants.CURRENT_ROUND, at)
    return result


def as_answer(why: Why) -> Shareable:
    """A loss, as what a peer is told that has asked for a result."""
    result = make_reply(_CODES[why.kind])
    result.set_header(ReservedHeaderKey.ERROR, why.line)
    result.set_header(WHY, asdict(why))
    return result


def why_answered(result: Shareable) -> Why | None:
    """Why a peer has answered no result; None if it has."""
    code = result.get_return_code()
    if isinstance(told := result.get_header(WHY), dict):
        return Why(**told)
    if code == ReturnCode.OK:
        return None
    if code == ReturnCode.TIMEOUT:
        return Why(kind="timeout", text="it gave no answer in time")
    said = result.get_header(ReservedHeaderKey.ERROR)
    return Why(kind="unfit", text=f"{code}: {said}" if said else str(code))


@dataclass(slots=True, kw_only=True)
class Quota:
    """What one task needs, and who failed at it."""

    task: str
    at: int | None
    """The round."""
    targets: int
    needed: int
    """How many results are enough, at the least."""
    ignore: bool | None = None
    """True: any number may fail; False: none may."""
    mandatory: Collection[str] = ()
    """Sites that may not fail."""
    failed: dict[str, str] = field(default_factory=dict)
    """Why each site failed."""

    def fail(self, site: str, why: str) -> None:
        """A site's result cannot be used.

        Raises:
            errors.TooFewResults: too few are left.
        """
        self.failed[site] = why
        if self.ignore:
            return
        left = self.targets - len(self.failed)
        needed = self.targets if self.ignore is False else self.needed
        if left < needed or site in self.mandatory:
            raise errors.TooFewResults(
                task=self.task,
                at=self.at,
                needed=needed,
                given=left,
                lost=self.failed,
                mandatory=site in self.mandatory,
            )


def why_none(client_task: ClientTask) -> str:
    """Why a site returned no result, or nothing if it did."""
    result = client_task.result
    assert result is not None
    code = result.get_return_code()
    if code == ReturnCode.OK:
        return ""
    lost = client_task.props.get(WHY)
    if isinstance(lost, Why):
        return lost.line
    said = result.get_header(ReservedHeaderKey.ERROR)
    return f"{code}: {said}" if said else str(code)


def why_refused(error: errors.UpdateRefused) -> str:
    """What is wrong with an update, without whose it is."""
    return f"its update is refused: {f'`{error.key}` ' if error.key else ''}{error.why}"
