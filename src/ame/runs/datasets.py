"""Data sets kept by content: which there are, in which state. Their files are blobs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ame.runs.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One version of a data set."""

    project: str
    name: str
    key: str
    """Digest of all that its content depends on."""
    manifest: str = ""
    """Digest of the manifest of its files; empty until it succeeded."""
    size: int = 0
    """Bytes of all its files."""
    created: datetime
    state: State = State.PENDING
    run: str = ""
    """The name of the run that makes or made it."""


class Datasets(Protocol):
    """The data sets of one state folder or one server. Every call may be made from any thread."""

    def find(self, project: str, name: str, key: str) -> Dataset | None:
        """The version with that key."""

    def save(self, dataset: Dataset) -> None:
        """Adds it, or replaces the one of the same project, name and key."""

    def list(self, project: str = "") -> tuple[Dataset, ...]:
        """All versions, of one project or of all, by project and name, the newest first."""

    def remove(self, dataset: Dataset) -> None:
        """Forgets the version of that project, name and key, if there is one."""
