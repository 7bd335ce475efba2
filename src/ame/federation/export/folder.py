"""A folder that is there whole, or not at all."""

import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

from ame import errors


def put(files: Mapping[PurePosixPath, bytes], place: Path) -> Path:
    """Writes the files beside `place`, then makes that folder be them.

    Raises:
        errors.JobConflict: something is there that is no job.
    """
    if place.exists() and not (place / "meta.json").is_file():
        raise errors.JobConflict(
            f"{place} is there and is no job, so it is not replaced; name another folder or job"
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    made = Path(mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        new = made / "new"
        for name, content in files.items():
            file = new / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        _swap(new, place, made / "old")
    finally:
        shutil.rmtree(made)
    return place


def _swap(new: Path, place: Path, old: Path) -> None:
    if not place.exists():
        new.rename(place)
        return
    place.rename(old)
    try:
        new.rename(place)
    except OSError:
        old.rename(place)
        raise
