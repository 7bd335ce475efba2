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

from collections.abc import Sequence
from pathlib import Path


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


class RunNotFound(NotFound):
    """No run and no task has that name."""

    def __init__(self, name: str, nearest: Sequence[str] = ()) -> None:
        self.name = name
        self.nearest = tuple(nearest)
        hint = f"; did you mean {' or '.join(f'`{near}`' for near in nearest)}?" if nearest else ""
        super().__init__(f"no run is called `{name}`{hint or '; `ame task list` shows all'}")


class DatabaseDamaged(Damaged):
    """A database file is not one, or its pages cannot be read."""

    def __init__(self, path: Path, detail: str) -> None:
        self.path = path
        self.detail = detail
        super().__init__(
            f"the database {path} is damaged ({detail}): put back a copy of it, save what is left "
            f"with `sqlite3 {path} .recover`, or move it away to start with an empty one"
        )


class DatabaseNewer(Unsupported):
    """A database was written by a newer ame."""

    def __init__(self, path: Path, version: int, known: int) -> None:
        self.path = path
        self.version = version
        self.known = known
        super().__init__(
            f"the database {path} has version {version}, this ame knows up to {known}: "
            "upgrade ame, or point AME_HOME at another folder"
        )


class DatabaseUnusable(Unavailable):
    """A database cannot be opened or written: no room, no right, or a lock held too long."""

    def __init__(self, path: Path, detail: str) -> None:
        self.path = path
        self.detail = detail
        super().__init__(
            f"the database {path} cannot be used ({detail}): see that its folder can be written, "
            "that the disk has room, and that no stopped process holds it"
        )


class RunConflict(Conflict):
    """A run of that name is kept that was created at another time: it is another run."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"another run is called `{name}` already: give this one another name")
