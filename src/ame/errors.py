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


class PythonVersionInvalid(Invalid):
    """What was given as a Python version is none."""

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(f"`{version}` is not a Python version: write `3.11` or `3.11.7`")


class DependenciesInvalid(Invalid):
    """A file that says what to install is missing, wrong or out of date."""

    def __init__(self, file: str, fault: str, remedy: str) -> None:
        self.file = file
        self.fault = fault
        self.remedy = remedy
        super().__init__(f"{file}: {fault}; {remedy}")


class DependencyUnsupported(Unsupported):
    """A file asks for something that `ame` does not install."""

    def __init__(self, file: str, dependency: str, remedy: str) -> None:
        self.file = file
        self.dependency = dependency
        self.remedy = remedy
        super().__init__(f"{file}: {dependency} is not supported; {remedy}")


class PythonMissing(Unavailable):
    """No interpreter of the version that was asked for, and none may be or could be fetched."""

    def __init__(self, version: str, found: Sequence[str], why: str) -> None:
        self.version = version
        self.found = tuple(found)
        self.why = why
        there = ", ".join(self.found) or "none"
        super().__init__(
            f"Python {version} is not on this machine and {why}; found: {there}. "
            f"Install it (`uv python install {version}` or `pyenv install {version}`) "
            "or ask for one of those"
        )


class EnvironmentFailed(Failed):
    """An environment could not be made."""

    def __init__(self, tool: str, code: int, lines: Sequence[str]) -> None:
        self.tool = tool
        self.code = code
        self.lines = tuple(lines)
        """The last ones that the tool printed."""
        last = "".join(f"\n  {line}" for line in self.lines)
        super().__init__(f"the environment could not be made: {tool} exited with {code}{last}")


class CommandInvalid(Invalid):
    """A command that is one process cannot be split into words."""

    def __init__(self, command: str, fault: str) -> None:
        self.command = command
        self.fault = fault
        super().__init__(f"the command `{command}` cannot be run: {fault}")


class BlobNotFound(NotFound):
    """The content of a file is not kept, or no longer."""

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(f"content {digest[:12]} is not kept: run again the step that made it")


class BlobDamaged(Damaged):
    """What is kept under a digest is not what was put there."""

    def __init__(self, digest: str, path: Path) -> None:
        self.digest = digest
        self.path = path
        super().__init__(
            f"content {digest[:12]} is damaged: delete {path} and run again the step that made it"
        )


class FileChanged(Conflict):
    """A file was written to while it was read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} changed while it was read: try again when it is complete")
