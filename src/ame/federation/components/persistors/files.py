"""Where persistors keep their files, and how they write them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ame import errors
from ame.federation.spec.context import FLContext
from ame.federation.spec.names.keys import FLContextKey


def app_folder(fl_ctx: FLContext) -> Path:
    """The folder of the app: models come here."""
    folder = Path(str(fl_ctx.get_prop(FLContextKey.APP_ROOT)))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run_folder(fl_ctx: FLContext) -> Path:
    """The folder of the run."""
    return Path(fl_ctx.get_workspace().get_run_dir(fl_ctx.get_job_id()))


def source(name: str, fl_ctx: FLContext, component: str) -> Path:
    """A file that a job begins with: where it is, or among the job's own code.

    Raises:
        errors.SourceMissing: it is not there.
    """
    path = Path(name)
    found = path if path.is_absolute() else app_folder(fl_ctx) / "custom" / path
    if not found.exists():
        raise errors.SourceMissing(component, found)
    return found


def within(folder: Path, name: str) -> Path:
    """A path in a folder.

    Raises:
        errors.PathLeaves: it leads out of it.
    """
    found = (folder / name).resolve()
    if not found.is_relative_to(folder.resolve()):
        raise errors.PathLeaves(name, "a model's file")
    found.parent.mkdir(parents=True, exist_ok=True)
    return found


def write(path: Path, write_to: Callable[[Path], Any]) -> None:
    """Write a file such that it is there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        write_to(made)
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
