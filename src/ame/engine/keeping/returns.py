"""Artifacts brought back into the project's folder."""

import errno
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ame import runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What came of bringing artifacts back."""

    written: tuple[str, ...]
    """Paths that are now in the project's folder."""
    kept: tuple[str, ...]
    """Paths where a person's own file stands, which was left as it is."""


def bring_back(
    artifacts: Iterable[runs.Artifact],
    folder: Path,
    *,
    blobs: runs.Blobs,
    store: runs.Store,
    project: str,
) -> Returned:
    """Writes artifacts where they were made, in the project's own folder.

    A file that stands there already is replaced only if its content came from an artifact of this
    project: what a person wrote is never overwritten.
    """
    written: list[str] = []
    kept: list[str] = []
    for artifact in artifacts:
        target = folder / artifact.path
        if not _inside(target, folder):
            kept.append(artifact.path)
            continue
        if target.is_symlink() or target.exists():
            if not target.is_file() or target.is_symlink():
                kept.append(artifact.path)
                continue
            there = _digest(target)
            if there != artifact.digest and not store.saved(project, artifact.path, there):
                kept.append(artifact.path)
                continue
        try:
            _write(artifact, target, blobs)
        except OSError as error:
            if error.errno not in _IN_THE_WAY:
                raise
            kept.append(artifact.path)
        else:
            written.append(artifact.path)
    return Returned(written=tuple(written), kept=tuple(kept))


_IN_THE_WAY = (
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
)
"""A file of a person's where a folder is needed, or nothing may be written there."""


def _write(artifact: runs.Artifact, target: Path, blobs: runs.Blobs) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{os.getpid()}.ame")
    try:
        blobs.copy_to(artifact.digest, fresh, artifact.mode)
        fresh.replace(target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _inside(target: Path, folder: Path) -> bool:
    """Whether no folder on the way is a link that leads out of the project."""
    return target.parent.resolve().is_relative_to(folder.resolve())
