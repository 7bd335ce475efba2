"""What a device says of what went wrong."""

import asyncio
from typing import Final

from ame import errors
from ame.protocol import statuses

CODES: Final = (
    (errors.ExamplesMissing, statuses.FAILED_PRECONDITION),
    (errors.ExamplesTooFew, statuses.FAILED_PRECONDITION),
    (errors.PlanInvalid, statuses.INVALID_ARGUMENT),
    (errors.PlanUnsupported, statuses.UNIMPLEMENTED),
)
"""What is said of a computation that failed; of all others INTERNAL."""


def code(error: BaseException) -> int:
    """The status that the server hears."""
    if isinstance(error, asyncio.CancelledError):
        return statuses.CANCELLED
    return next((code for kind, code in CODES if isinstance(error, kind)), statuses.INTERNAL)


def unneeded(error: BaseException) -> bool:
    """Whether the server has no use for the result any more: nothing is to be said to it then."""
    return isinstance(error, errors.CallFailed) and error.code == statuses.ABORTED


def unreached(error: BaseException) -> bool:
    """Whether it is the server that was not reached."""
    return isinstance(error, errors.CallFailed) and error.code == statuses.UNAVAILABLE
