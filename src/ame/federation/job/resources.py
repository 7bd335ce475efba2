"""Scripts, files and folders that travel with a job, and where they come to lie."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

from ame import errors
from ame.federation.job.capture import imports
from ame.federation.program import File

FOLDERS: Mapping[str, Literal["custom", "config"]] = {"custom": "custom", "config": "config"}
LEFT_OUT = frozenset({"__pycache__", ".git", ".ipynb_checkpoints"})


def script(path: str, *, asked: str) -> Iterator[File]:
    """A script, and the local modules that it imports if it is Python's.

    Raises:
        errors.ResourceMissing: it is not there.
    """
    place = _found(path, asked)
    yield File(source=place, target=target_of(path))
    if place.suffix == ".py":
        roots = [place.parent, *imports.local_roots()]
        yield from imports.followed(place.read_bytes(), place, "", roots)


def target_of(path: str) -> PurePosixPath:
    """Where a script comes to lie: in its folder as seen from here, if that is below here."""
    full = Path(os.path.normpath(Path.cwd() / path))
    if full.is_relative_to(Path.cwd()):
        return PurePosixPath(*full.relative_to(Path.cwd()).parts)
    return PurePosixPath(full.name)


def resource(path: str, *, asked: str) -> Iterator[File]:
    """A script, or what is in a folder.

    Raises:
        errors.ResourceMissing: it is neither.
        errors.JobFolderUnsafe: a link in the folder leads out of it.
    """
    if Path(path).is_dir():
        yield from folder(Path(path), PurePosixPath())
    else:
        yield from script(path, asked=asked)


def folder(place: Path, below: PurePosixPath) -> Iterator[File]:
    """What is in a folder, below another."""
    for found in sorted(place.rglob("*")):
        inside = found.relative_to(place)
        if found.is_file() and not LEFT_OUT.intersection(inside.parts):
            if not found.resolve().is_relative_to(place.resolve()):
                raise errors.JobFolderUnsafe(str(found), "the link leads out of the folder")
            yield File(source=found, target=below / PurePosixPath(*inside.parts))


def bundled(path: str, dest_dir: str | None, kind: str | None, *, asked: str) -> Iterator[File]:
    """A file or a folder for a place of its own in an app's folder `custom` or `config`.

    Raises:
        errors.ResourceMissing: it is not there.
        errors.JobInvalid: there is no such folder in an app.
        errors.JobFolderUnsafe: `dest_dir` leads out of the app's folder.
    """
    into = FOLDERS.get(kind or "custom")
    if into is None:
        raise errors.JobInvalid(f"`app_folder_type` is {kind!r}; give 'custom' or 'config'")
    place, below = Path(path), PurePosixPath(dest_dir or "")
    files = (
        folder(place, below / place.name)
        if place.is_dir()
        else iter([File(source=_found(path, asked), target=below / place.name)])
    )
    for file in files:
        yield File(source=file.source, target=file.target, folder=into)


def _found(path: str, asked: str) -> Path:
    place = Path(path)
    if not path or not place.is_file():
        raise errors.ResourceMissing(
            f"Could not locate external script: {path}: `{asked}` names neither a file nor a "
            f"folder, as seen from {Path.cwd()}{_elsewhere(path)}"
        )
    return place.resolve()


def _elsewhere(path: str) -> str:
    """That it is beside the script that defines the job, if it is."""
    beside = Path(sys.path[0]).absolute()
    return (
        f"; it is in {beside}: run the job from there" if path and (beside / path).exists() else ""
    )
