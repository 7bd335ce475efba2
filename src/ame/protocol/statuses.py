"""What became of a call: codes of google.rpc, and how HTTP and our errors say the same.

Source: the Federated Compute client's table for HTTP to status; gRPC's for status to HTTP.
"""

from typing import Final

from ame import errors

OK: Final = 0
CANCELLED: Final = 1
UNKNOWN: Final = 2
INVALID_ARGUMENT: Final = 3
DEADLINE_EXCEEDED: Final = 4
NOT_FOUND: Final = 5
ALREADY_EXISTS: Final = 6
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
FAILED_PRECONDITION: Final = 9
ABORTED: Final = 10
OUT_OF_RANGE: Final = 11
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
DATA_LOSS: Final = 15
UNAUTHENTICATED: Final = 16

PERMANENT: Final = frozenset({NOT_FOUND, INVALID_ARGUMENT, UNIMPLEMENTED})
"""What trying again does not mend."""

_FROM_HTTP: Final = {
    400: INVALID_ARGUMENT,
    401: UNAUTHENTICATED,
    403: PERMISSION_DENIED,
    404: NOT_FOUND,
    409: ABORTED,
    429: RESOURCE_EXHAUSTED,
    499: CANCELLED,
    501: UNIMPLEMENTED,
    503: UNAVAILABLE,
    504: DEADLINE_EXCEEDED,
}
_TO_HTTP: Final = {
    **{code: status for status, code in _FROM_HTTP.items()},
    OK: 200,
    ALREADY_EXISTS: 409,
    FAILED_PRECONDITION: 412,
    OUT_OF_RANGE: 400,
}
_OF_ERRORS: Final[tuple[tuple[type[errors.Error], int], ...]] = (
    (errors.Unauthenticated, UNAUTHENTICATED),
    (errors.RequestTooLarge, RESOURCE_EXHAUSTED),
    (errors.CallsTooMany, RESOURCE_EXHAUSTED),
    (errors.Invalid, INVALID_ARGUMENT),
    (errors.NotFound, NOT_FOUND),
    (errors.ContributionUnneeded, ABORTED),
    (errors.Conflict, FAILED_PRECONDITION),
    (errors.Unavailable, UNAVAILABLE),
    (errors.Unsupported, UNIMPLEMENTED),
    (errors.Denied, PERMISSION_DENIED),
    (errors.Cancelled, CANCELLED),
    (errors.Failed, INTERNAL),
    (errors.Damaged, DATA_LOSS),
)


def from_http(status: int) -> int:
    """The code that a client makes of an HTTP status."""
    if 200 <= status < 300:
        return OK
    if status in _FROM_HTTP:
        return _FROM_HTTP[status]
    if 400 <= status < 500:
        return FAILED_PRECONDITION
    return INTERNAL if 500 <= status < 600 else UNKNOWN


def to_http(code: int) -> int:
    """The HTTP status that says a code."""
    return _TO_HTTP.get(code, 500)


def of(error: errors.Error) -> int:
    """The code of an error of ours."""
    if isinstance(error, errors.CallFailed):
        return error.code
    return next(code for branch, code in _OF_ERRORS if isinstance(error, branch))
