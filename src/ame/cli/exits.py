"""The exit codes. Each has one meaning, for good."""

from ame import errors

USAGE = 2
INTERRUPTED = 130

CODES: dict[type[errors.Error], int] = {
    errors.Failed: 1,
    errors.Invalid: 3,
    errors.NotFound: 4,
    errors.Conflict: 5,
    errors.Unavailable: 6,
    errors.Unsupported: 7,
    errors.Denied: 8,
    errors.Damaged: 9,
    errors.Cancelled: INTERRUPTED,
}

REFUSED: dict[int, type[errors.Error]] = {
    400: errors.Invalid,
    401: errors.Denied,
    403: errors.Denied,
    404: errors.NotFound,
    409: errors.Conflict,
    412: errors.Conflict,
    413: errors.Invalid,
    429: errors.Unavailable,
    501: errors.Unsupported,
    503: errors.Unavailable,
}
"""What the HTTP status means by which a server refused what a command asked of it."""


def code_of(error: errors.Error) -> int:
    """The exit code of an error: that of the nearest branch of the tree that has one.

    What a server refused is what it would be here.
    """
    if isinstance(error, errors.ServerRefused):
        return CODES[REFUSED.get(error.status, errors.Failed)]
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
