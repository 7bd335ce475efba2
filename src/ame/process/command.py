"""What is to be started, within which limits, and how it ended."""
# ruff: noqa: PTH110, PTH112, PTH113, PTH118  # `find_program` is hot, and pathlib thrice as slow

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from ame import errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to start. Nothing of it passes through a shell."""

    argv: tuple[str, ...]
    """The program, found by the PATH in `variables` or relative to `folder`, and its arguments."""
    folder: Path
    """Where it works."""
    variables: Mapping[str, str]
    """Its whole environment; nothing is added but the marker of its Supervisor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a command and all that it starts may use together; None means no limit."""

    memory: int | None = None
    """Bytes, in memory and in swap."""
    cpu: Decimal | None = None
    """CPUs: 0.5 is half the time of one."""
    storage: int | None = None
    """Bytes that all of `folder` takes on the disk."""
    folder: Path | None = None
    """The folder whose size `storage` limits; the command's own if not given."""


class Cause(StrEnum):
    """Why a command was ended by us and not by itself."""

    MEMORY = "memory"
    STORAGE = "storage"
    """Also when it ended by itself and its folder was over the limit then."""
    ASKED = "asked"
    LOST = "lost"
    """The process that kept it was killed, and it was ended for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a command ended."""

    code: int
    """Its exit code; minus the number of the signal that ended it."""
    cause: Cause | None = None
    """Set when it was ended by us; None when it ended by itself."""
    peak_memory: int | None = None
    """Bytes, of the whole tree, where it could be measured. What the kernel counts for a group
    includes the files that it caches for it; without a group it is sampled."""
    cpu_seconds: float | None = None
    """Of the whole tree."""


def find_program(command: Command) -> str:
    """The file that a command runs, as a shell in its folder with its variables would find it.

    Raises:
        errors.ProgramNotFound: there is no such file.
        errors.NotExecutable: there is, but it may not be run, or there is no name at all.
        errors.FolderNotFound: the command's folder is not there.

    """
    program = command.argv[0] if command.argv else ""
    if not program or "\0" in program:
        raise errors.NotExecutable(program, "it is empty, or its name has a null character")
    folder = str(command.folder.absolute())
    if not os.path.isdir(folder):
        raise errors.FolderNotFound(command.folder)
    if "/" in program:
        file = os.path.join(folder, program)
        if _is_executable(file):
            return file
        if not os.path.exists(file):
            raise errors.ProgramNotFound(program, None)
        raise errors.NotExecutable(program, _why(errno.EACCES))
    path = command.variables.get("PATH", os.defpath)
    seen = False
    for entry in path.split(os.pathsep):
        file = os.path.join(folder, entry, program)
        if _is_executable(file):
            return file
        seen |= os.path.isfile(file)
    if seen:
        raise errors.NotExecutable(program, _why(errno.EACCES))
    raise errors.ProgramNotFound(program, path)


def refused(command: Command, number: int, text: str) -> errors.Error:
    """The error for what the kernel said to a command whose program was there: an `errno`."""
    match number:
        case errno.ENOENT | errno.EACCES | errno.ENOEXEC | errno.E2BIG | errno.ENOTDIR:
            return errors.NotExecutable(command.argv[0], _why(number))
        case errno.EILSEQ:
            return errors.NotExecutable(
                command.argv[0], f"an argument or variable is wrong, {text}"
            )
        case errno.EOPNOTSUPP:
            return errors.Unavailable(
                "limits were to be held by control groups, and none can be made here; "
                "let limits be held by watching, or run as a user to whom groups are delegated"
            )
        case errno.EBUSY | errno.EINVAL:
            return errors.Unavailable(f"the kernel does not accept the limits: {text}")
        case _:
            return errors.Unavailable(f"`{command.argv[0]}` could not be started: {text}")


def _is_executable(file: str) -> bool:
    return os.access(file, os.X_OK) and os.path.isfile(file)


def _why(number: int) -> str:
    match number:
        case errno.ENOENT | errno.ENOTDIR:
            return "the interpreter that its first line names is not there"
        case errno.EACCES:
            return "it may not be executed; allow that with `chmod +x`"
        case errno.ENOEXEC:
            return "it is no program; a script begins with a line such as `#!/bin/sh`"
        case errno.E2BIG:
            return "its arguments and its environment are too long together"
        case _:
            return os.strerror(number)
