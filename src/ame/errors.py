"""Every error that `ame` raises on purpose.

Error:
    ├── Invalid            what a person wrote is wrong
    │   └── ProjectInvalid an `ame.yml`, with all its faults
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
from dataclasses import dataclass
from pathlib import Path


class Error(Exception):
    """Something went wrong that a person or a program can act upon."""


class Invalid(Error):
    """What a person wrote is wrong: a file, a value, an argument."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong in a file, and where."""

    file: Path
    line: int
    """From 1; 0 when the fault is of no one line."""
    column: int
    """From 1; 0 when the fault is of no one column."""
    path: str
    """The way to it in the file's own keys, `tasks[2].executor.command`; empty for the whole."""
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ProjectInvalid(Invalid):
    """A project file says something that cannot be meant."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


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


class SecretInvalid(Invalid):
    """A secret's name or value cannot be kept, or cannot be given to a task."""

    def __init__(self, key: str, why: str) -> None:
        self.key = key
        self.why = why
        super().__init__(f"secret `{key}`: {why}")


class SecretNotFound(NotFound):
    """The store has no secret of that name."""

    def __init__(self, key: str, near: str = "") -> None:
        self.key = key
        self.near = near
        hint = f"did you mean `{near}`? If not, " if near else ""
        super().__init__(
            f"there is no secret `{key}`: {hint}run `ame secret add {key}`; "
            "`ame secret list` shows those there are"
        )


class SecretExists(Conflict):
    """The store has a secret of that name already."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"there is a secret `{key}` already: to give it a new value, "
            f"run `ame secret add --replace {key}`"
        )


class SecretsMissing(NotFound):
    """Secrets that tasks ask for cannot be read; nothing was started."""

    def __init__(self, faults: Sequence[tuple[str, Error]]) -> None:
        """`faults`: the name of a task and what is wrong with a secret of it."""
        self.faults = tuple(faults)
        lines = "".join(f"\n  task `{task}`: {error}" for task, error in self.faults)
        super().__init__(f"secrets cannot be read, so nothing was started:{lines}")


class KeyExposed(Denied):
    """A file that holds a key or a token can be read by others."""

    def __init__(self, file: Path) -> None:
        self.file = file
        super().__init__(
            f"{file}: other users can read this file, so it is not used: "
            f"run `chmod 600 {file}`, and replace what it protects if others have read it"
        )


class KeyLost(Denied):
    """The key that the stored secrets are encrypted with is not where it was put."""

    def __init__(self, file: Path, place: str) -> None:
        """`file`: of the secrets; `place`: where the key should be."""
        self.file = file
        self.place = place
        super().__init__(
            f"{file}: the key of these secrets is not in {place}: put it back, "
            "or delete each secret (`ame secret delete`) and add it again"
        )


class SecretsDamaged(Damaged):
    """A file of secrets, or its key, was changed by something else than `ame`."""

    def __init__(self, file: Path, why: str) -> None:
        self.file = file
        self.why = why
        super().__init__(
            f"{file}: {why}: restore the file from a copy, "
            "or move it away and add the secrets again"
        )


class ExtraMissing(Unsupported):
    """A package that only some users need is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        self.extra = extra
        self.purpose = purpose
        super().__init__(
            f"{purpose} needs a package that is not installed: "
            f"run `pip install 'ame-tasks[{extra}]'`"
        )


class VaultInvalid(Invalid):
    """What the settings or the environment say of a vault is wrong or missing."""

    def __init__(self, vault: str, why: str) -> None:
        self.vault = vault
        self.why = why
        super().__init__(f"vault `{vault}`: {why}")


class VaultUnavailable(Unavailable):
    """A vault does not answer, or cannot serve now."""

    def __init__(self, vault: str, address: str, why: str) -> None:
        self.vault = vault
        self.address = address
        self.why = why
        super().__init__(f"vault `{vault}` at {address}: {why}")


class VaultDenied(Denied):
    """A vault refuses the token, the role, or the reading of a path."""

    def __init__(self, vault: str, why: str) -> None:
        self.vault = vault
        self.why = why
        super().__init__(f"vault `{vault}`: {why}")


class VaultSecretNotFound(NotFound):
    """A vault has no such secret, or the secret has no such field."""

    def __init__(self, vault: str, key: str, why: str) -> None:
        self.vault = vault
        self.key = key
        self.why = why
        super().__init__(f"vault `{vault}`: secret `{key}`: {why}")


class ClaimTooLarge(Unavailable):
    """More was asked for than the machine ever has."""

    def __init__(self, short: Sequence[tuple[str, str, str]]) -> None:
        """`short`: what there is too little of, how much was asked for, how much there is."""
        self.short = tuple(short)
        parts = [f"{name} {asked}, of which it has {has}" for name, asked, has in short]
        super().__init__(f"this machine cannot give {'; '.join(parts)}: ask for less")
