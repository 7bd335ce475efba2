"""What went wrong in a script: in its own words, and where in its own lines."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING

from ame.federation.exchange.sites import Why
from ame.federation.simulator.worker import modules

if TYPE_CHECKING:
    from types import TracebackType

_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120
_FRAMES = 40
"""Of a traceback that is longer, the first and the last half of these are shown."""
_SIGNS = (
    "signal only works in main thread",
    "set_wakeup_fd only works in main thread",
    "context has already been set",
    "cannot set number of interop threads",
    "There is no current event loop in thread",
    "threads cannot be modified after initialization",
    "devices cannot be modified after being initialized",
)
"""What Python, torch and TensorFlow say to who sets what a process has one of, too late or in a
thread that is not the main one."""


def why(error: BaseException) -> Why:
    """The error that ended a script, or an executor's work."""
    if isinstance(error, SystemExit):
        return Why(
            kind="exited",
            text=f"exited with {_code(error)}",
            trace=_trace(error),
            place=_place(error),
        )
    text = "".join(traceback.format_exception_only(error)).strip().rpartition("\n")[2]
    return Why(kind="raised", text=text, trace=_trace(error), place=_place(error))


def wants_own_process(why: Why) -> bool:
    """Whether the script failed for want of a process of its own."""
    return why.kind == "raised" and any(sign in why.text for sign in _SIGNS)


def _code(error: SystemExit) -> str:
    match error.code:
        case None:
            return "code 0"
        case int(number):
            return f"code {number}"
        case text:
            return f"code 1: {text}"


def _trace(error: BaseException) -> str:
    """As Python prints it, without the lines by which the script was started."""
    told = traceback.TracebackException.from_exception(error)
    inside = [frame for frame in told.stack if not frame.filename.startswith(_OURS)]
    if len(inside) > _FRAMES:
        inside = inside[: _FRAMES // 2] + inside[-_FRAMES // 2 :]
    told.stack = traceback.StackSummary.from_list(inside)
    return "".join(told.format())


def _place(error: BaseException) -> str:
    """The innermost line of the user's own."""
    if isinstance(error, SyntaxError) and error.filename and modules.is_own(error.filename):
        return f"{error.filename}:{error.lineno}"
    place = ""
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if modules.is_own(file):
            place = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
