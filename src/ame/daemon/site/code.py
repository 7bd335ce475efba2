"""The code of a task, as it comes to a site."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from typing import TYPE_CHECKING

from ame.daemon.site import link

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ame.daemon.site.offers import Offer


def fetch(server: str, offer: Offer, folder: Path, most: int) -> None:
    """Downloads a task's code into a folder of its own: all of it, or what was there before stays.

    Sites that work beside each other in one folder leave the same code where it is.

    Raises:
        errors.ServerSilent, errors.DownloadFailed: a file does not come.
    """
    files: dict[str, bytes] = {}
    for name in offer.files:
        files[name] = link.download(server, offer, name, most)
        most -= len(files[name])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_name(f".{folder.name}.lock")):
        if _lies(folder, files):
            return
        fresh = folder.with_name(f".{folder.name}")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for name, content in files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)


def _lies(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Whether just this code is in a folder; what Python has compiled of it does not count."""
    there = {
        str(path.relative_to(folder)): path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return there.keys() == files.keys() and all(
        path.read_bytes() == files[name] for name, path in there.items()
    )


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Holds a file that one process holds at a time."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
