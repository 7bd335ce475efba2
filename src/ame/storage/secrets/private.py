"""Files that are for one user alone."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ame import errors


def read(file: Path) -> bytes:
    """The content of a file that holds a key or a token.

    Raises:
        errors.KeyExposed: its permissions let others read or change it.
        OSError: it is not there, or cannot be read.

    """
    with file.open("rb") as opened:
        if os.fstat(opened.fileno()).st_mode & 0o077:
            raise errors.KeyExposed(file)
        return opened.read()


def write(file: Path, content: bytes) -> None:
    """Replaces a file in one move, durably; only this user can read it.

    Two writers at once must be kept apart by `locked`.
    """
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Waits until no other process or thread is in here with that file; makes its folder."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
