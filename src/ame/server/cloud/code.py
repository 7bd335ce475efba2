"""The code of a Flower task: versions of a tree of files, each file kept by its content.

A task may be run for several uses. The files below a folder that is named for a use replace those
of the task for that use: `inference/server.py` stands in for `server.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.daemon import paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

USES: Final = ("training", "inference", "aggregation")
SERVER: Final = "server.py"
APP: Final = "pyproject.toml"
"""What stands in for it in a Flower app."""
FILES: Final = 2000
"""How many files the code of a task may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The files of a task, as they stood from one upload to the next."""

    task: str
    number: int
    """From 1."""
    files: Mapping[str, str]
    """Digest of the content, by path."""
    made: float

    def laid(self, use: str) -> dict[str, str]:
        """The files for one use, by path."""
        own = {
            path.removeprefix(f"{use}/"): digest
            for path, digest in self.files.items()
            if path.startswith(f"{use}/")
        }
        shared = {
            path: digest
            for path, digest in self.files.items()
            if path.partition("/")[0] not in USES
        }
        return shared | own


def merged(task: str, before: Version | None, given: Mapping[str, str], *, now: float) -> Version:
    """The version after an upload; the one before it, where nothing has changed.

    Raises:
        errors.CloudTaskInvalid: the files have become too many, or one stands where a folder is.
    """
    files = {**(before.files if before else {}), **given}
    if before and files == before.files:
        return before
    if len(files) > FILES:
        raise errors.CloudTaskInvalid("files", f"are more than {FILES}")
    folders = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    if clash := sorted(folders & files.keys()):
        raise errors.CloudTaskInvalid("files", f"have both a file and a folder {clash[0]!r}")
    number = before.number + 1 if before else 1
    return Version(task=task, number=number, files=files, made=now)


def named(task: str, given: Iterable[str]) -> set[str]:
    """The paths of those that name a file within the task."""
    found = set()
    for each in given:
        try:
            found.add(paths.within(task, each))
        except errors.CodePathInvalid:
            continue
    return found
