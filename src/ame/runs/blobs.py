"""Where the content of files is kept: what every form of it promises."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of a tree whose content is kept."""

    path: str
    """Relative to the tree, with `/`."""
    digest: str
    size: int
    """Bytes."""
    mode: int = 0o644
    """Permission bits."""


class Blobs(Protocol):
    """Content under the digest of itself: the same content is kept once and never changes.

    Every call may be made from any thread and any process. What is put is whole or absent, also
    after a crash.
    """

    def put_bytes(self, content: bytes) -> str:
        """Keeps it and returns its digest."""

    def put_file(self, path: Path) -> tuple[str, int]:
        """Keeps the file's content and returns its digest and size. The file may go afterwards.

        Raises:
            errors.FileChanged: it was written to while it was read.
            OSError: it cannot be read.

        """

    def collect(self, folder: Path, paths: Iterable[str]) -> list[Entry]:
        """Puts these regular files of a folder, quicker than one by one. Raises as `put_file`."""

    def renew(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those of the entries whose content is there, whole; it counts as put now."""

    def open(self, digest: str) -> BinaryIO:
        """The content, to be read and closed by the caller.

        Raises:
            errors.BlobNotFound: no content of that digest is kept.

        """

    def read(self, digest: str) -> bytes:
        """The whole content, checked against its digest.

        Raises:
            errors.BlobNotFound: no content of that digest is kept.
            errors.BlobDamaged: what is kept is no longer what was put.

        """

    def copy_to(self, digest: str, target: Path, mode: int = 0o644) -> None:
        """Makes a new file of its own with this content; shares blocks where the disk can.

        Raises:
            errors.BlobNotFound: no content of that digest is kept.
            FileExistsError: there is something at `target`.

        """

    def materialise(self, entries: Iterable[Entry], folder: Path) -> None:
        """Makes all these files in a folder that no one else writes to, with their folders.

        Raises:
            errors.BlobNotFound: content is missing.
            errors.BlobDamaged: what is kept has not the size of its entry.
            FileExistsError: something is in the way of an entry.
            ValueError: a path leads out of the folder.

        """

    def contains(self, digest: str) -> bool:
        """Whether content of that digest is kept."""

    def verify(self, digest: str) -> bool:
        """Whether what is kept under the digest still is what was put; reads all of it."""

    def sweep(self, keep: Set[str], *, before: datetime) -> int:
        """Removes what is not in `keep` and was last put before that time; returns the bytes freed.

        What is put meanwhile stays, also if it was there already. So give the start of the oldest
        run that is not finished, and gather `keep` after that.
        """
