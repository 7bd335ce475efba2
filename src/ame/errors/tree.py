"""The branches: what kind of thing went wrong. Each has an exit code of its own."""

from collections.abc import Callable


class Error(Exception):
    """Something went wrong that a person or a program can act upon."""

    def __reduce__(self) -> tuple[Callable[..., "Error"], tuple[object, ...]]:
        """In another process it says the same: it is not made again from its message."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[Error], args: tuple[object, ...], known: dict[str, object]) -> Error:
    error = kind.__new__(kind, *args)
    error.__dict__.update(known)
    return error


class Invalid(Error):
    """What a person wrote is wrong: a file, a value, an argument."""


class NotFound(Error):
    """What was named does not exist."""


class Conflict(Error):
    """It exists already, or the state that it is in forbids the deed."""


class Unavailable(Error):
    """This machine lacks what is needed: a resource, a tool, a service."""


class Unsupported(Error):
    """What was asked for needs a part of ame that is not there."""


class Denied(Error):
    """A key, a token or a permission is missing or wrong."""


class Failed(Error):
    """Work was started and did not succeed."""


class Cancelled(Error):
    """Somebody asked for it to end."""


class Damaged(Error):
    """What was stored cannot be read back."""
