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


def code_of(error: errors.Error) -> int:
    """The exit code of an error: that of the nearest branch of the tree that has one."""
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
