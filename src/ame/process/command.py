"""What is to be started, within which limits, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to start. Nothing of it passes through a shell."""

    argv: tuple[str, ...]
    folder: Path
    """Where it works."""
    variables: Mapping[str, str]
    """Its whole environment; nothing is added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a command and all that it starts may use together; None means no limit."""

    memory: int | None = None
    """Bytes."""
    cpu: Decimal | None = None
    """CPUs: 0.5 is half the time of one."""
    storage: int | None = None
    """Bytes in all of `folder`."""
    folder: Path | None = None
    """The folder whose size `storage` limits."""


class Cause(StrEnum):
    """Why a command was ended by us and not by itself."""

    MEMORY = "memory"
    STORAGE = "storage"
    ASKED = "asked"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a command ended."""

    code: int
    """Its exit code; minus the number of the signal that ended it."""
    cause: Cause | None = None
    """Set when it was ended by us; None when it ended by itself."""
    peak_memory: int | None = None
    """Bytes, of the whole tree, where it could be measured."""
    cpu_seconds: float | None = None
