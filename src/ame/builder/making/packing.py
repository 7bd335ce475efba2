"""A model as one row of bytes, within a message: a `.keras` file as it is, or an archive.

It comes from somebody else, so only the child unpacks it, within its limits.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Final

from ame import errors

PACKED: Final = "model.packed"
"""How a file is called that is to be unpacked before it is loaded."""
WHERE: Final = "the request"
KERAS: Final = {"config.json", "metadata.json"}
"""What there is in a `.keras` file."""
LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)


def pack(model: Path) -> bytes:
    """A file as it is; a folder as a ZIP archive, which is the same for the same files."""
    if model.is_file():
        return model.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in sorted(model.rglob("*")):
            if each.is_file():
                about = zipfile.ZipInfo(each.relative_to(model).as_posix(), LONG_AGO)
                about.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(about, each.read_bytes())
    return packed.getvalue()


def unpack(packed: Path, into: Path) -> Path:
    """The `.keras` file or the folder of the SavedModel, below a folder that is made.

    It may be a ZIP archive or a TAR archive, and compressed by gzip.

    Raises:
        errors.ModelInvalid: it is none of these, or there is no model in it.
    """
    into.mkdir()
    try:
        return _found(_archive(packed, into), into)
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise errors.ModelInvalid(WHERE, f"it cannot be unpacked: {error}") from None


def _archive(packed: Path, into: Path) -> Path:
    """An archive without the compression around it."""
    with packed.open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return packed
    plain = into.with_suffix(".plain")
    with gzip.open(packed) as file, plain.open("wb") as to:
        shutil.copyfileobj(file, to)
    return plain


def _found(archive: Path, into: Path) -> Path:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            if set(opened.namelist()) >= KERAS:
                return archive.rename(into / "model.keras")
            opened.extractall(into)  # noqa: S202 - names that lead out are made harmless
    elif tarfile.is_tarfile(archive):
        _untar(archive, into)
    else:
        raise errors.ModelInvalid(WHERE, "it is neither a `.keras` file nor a ZIP or TAR archive")
    for pattern in ("saved_model.pb", "saved_model.pbtxt"):
        for each in sorted(into.rglob(pattern)):
            return each.parent
    for each in sorted(into.rglob("*.keras")):
        return each
    raise errors.ModelInvalid(WHERE, "there is neither a SavedModel nor a `.keras` file in it")


def _untar(archive: Path, into: Path) -> None:
    """The files in it: a model consists of nothing else. Not all of Python 3.11 has filters."""
    with tarfile.open(archive) as opened:
        for member in opened:
            content = opened.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            place = Path(os.path.normpath(into / member.name))
            if not place.is_relative_to(into):
                raise tarfile.TarError(f"{member.name} leads out of it")
            place.parent.mkdir(parents=True, exist_ok=True)
            with content, place.open("wb") as to:
                shutil.copyfileobj(content, to)
