"""Every error that `ame` raises on purpose.

Error:
    ├── Invalid            what a person wrote is wrong
    ├── NotFound           what was named does not exist
    ├── Conflict           it exists already, or its state forbids the deed
    ├── Unavailable        this machine lacks what is needed
    ├── Unsupported        it needs a part of ame that is not on this machine
    ├── Denied             a key, a token or a permission is missing or wrong
    ├── Failed             work was started and did not succeed
    ├── Cancelled          somebody asked for it to end
    └── Damaged            what was stored cannot be read back

A message says what happened, where, and what to do; the attributes hold the same for programs.

"""


class Error(Exception):
    """Something went wrong that a person or a program can act upon."""


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
