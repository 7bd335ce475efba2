"""Content of files in a folder of this machine."""

import fcntl
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from ame import errors, runs

_SMALL = 256 << 10
"""Bytes up to which a file is read and written at once; a larger one is cloned or streamed."""
_RECENT = 16 << 20
"""Bytes of small content that are remembered, for the steps that get the same files one by one."""
_TRIES = 3
"""How often a file that changes while it is read is read again."""
_GRACE = 1.0
"""Seconds by which a file's time may be behind the clock that `sweep` is given."""
_CLONE = 0x40049409
"""The request by which Linux lets two files share blocks until one is written to (FICLONE)."""
_READ = os.O_RDONLY | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Folder:
    """Blobs at `ab/cdef…` by their SHA-256, read-only. It promises what `runs.Blobs` does.

    A crash of the process leaves each blob whole or absent. A loss of power may cut short what was
    put in the last seconds, unless `full`, which syncs each blob: it is noticed by its size when
    it is materialised, and healed when the same content is put again.
    """

    def __init__(self, path: Path, *, full: bool = False) -> None:
        self.path = path
        self._root = os.fspath(path)
        self._full = full
        self._recent: dict[str, bytes] = {}
        self._remembered = 0
        path.mkdir(parents=True, exist_ok=True)

    def put_bytes(self, content: bytes) -> str:
        with self._held(fcntl.LOCK_SH):
            return self._put(content)

    def put_file(self, path: Path) -> tuple[str, int]:
        with self._held(fcntl.LOCK_SH):
            digest, found = self._take(os.fspath(path), _READ)
            return digest, found.st_size

    def collect(self, folder: Path, paths: Iterable[str]) -> list[runs.Entry]:
        entries = []
        with self._held(fcntl.LOCK_SH):
            for path in paths:
                digest, found = self._take(f"{folder}/{path}", _READ | os.O_NOFOLLOW)
                entries.append(
                    runs.Entry(
                        path=path,
                        digest=digest,
                        size=found.st_size,
                        mode=stat.S_IMODE(found.st_mode) & 0o777,
                    )
                )
        return entries

    def renew(self, entries: Iterable[runs.Entry]) -> list[runs.Entry]:
        with self._held(fcntl.LOCK_SH):
            return [entry for entry in entries if self._touched(entry.digest, entry.size)]

    def open(self, digest: str) -> BinaryIO:
        try:
            return open(self._place(digest), "rb")
        except FileNotFoundError:
            raise errors.BlobNotFound(digest) from None

    def read(self, digest: str) -> bytes:
        with self.open(digest) as file:
            content = file.read()
        if hashlib.sha256(content).hexdigest() != digest:
            raise errors.BlobDamaged(digest, Path(self._place(digest)))
        return content

    def copy_to(self, digest: str, target: Path, mode: int = 0o644) -> None:
        self._copy(digest, os.fspath(target), mode, None)

    def materialise(self, entries: Iterable[runs.Entry], folder: Path) -> None:
        made: set[str] = set()
        for entry in entries:
            inner, _, name = entry.path.rpartition("/")
            if inner not in made:
                if ".." in inner.split("/") or inner.startswith("/"):
                    raise ValueError(f"{entry.path} leads out of {folder}")
                os.makedirs(f"{folder}/{inner}", exist_ok=True)
                made.add(inner)
            if name in ("", ".", ".."):
                raise ValueError(f"{entry.path} names no file")
            self._copy(entry.digest, f"{folder}/{entry.path}", entry.mode, entry.size)

    def contains(self, digest: str) -> bool:
        return os.path.exists(self._place(digest))

    def verify(self, digest: str) -> bool:
        with self.open(digest) as file:
            return _summed(file) == digest

    def sweep(self, keep: Set[str], *, before: datetime) -> int:
        """Puts wait while one of the 256 folders is swept, and are let in between."""
        oldest = before.timestamp() - _GRACE
        freed = 0
        for shard in ("", *(name for name in os.listdir(self._root) if len(name) == 2)):
            with self._held(fcntl.LOCK_EX), os.scandir(f"{self._root}/{shard}") as found:
                for file in found:
                    left = file.name.startswith(".")
                    if (shard and shard + file.name not in keep) or left:
                        seen = file.stat()
                        if seen.st_mtime < oldest:
                            os.unlink(file.path)
                            freed += seen.st_size
        return freed

    def shared(self, owner: str) -> set[str]:
        """Notes for good that `owner` has content here; all who have."""
        noted = self.path / "owners"
        noted.mkdir(exist_ok=True)
        (noted / owner).touch()
        return set(os.listdir(noted))

    @contextmanager
    def _held(self, how: int) -> Iterator[None]:
        """Puts share the lock; a sweep has it alone, so that it sees what they touched."""
        file = os.open(f"{self._root}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, how)
            yield
        finally:
            os.close(file)

    def _place(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest[2:]}"

    def _take(self, path: str, how: int) -> tuple[str, os.stat_result]:
        """Puts the file's content: what was read between two looks at it that are alike."""
        for _ in range(_TRIES):
            file = os.open(path, how)
            try:
                before = os.fstat(file)
                if before.st_size <= _SMALL:
                    content = os.read(file, before.st_size + 1)
                    size = len(content)
                    if size == before.st_size and _same(before, os.fstat(file)):
                        return self._put(content), before
                else:
                    with self._new(self._root) as (copy, name):
                        digest, size = self._fill(copy, file)
                        if size == before.st_size and _same(before, os.fstat(file)):
                            if self._touched(digest, size):
                                os.unlink(name)
                            else:
                                self._settle(copy, name, digest)
                            return digest, before
                        os.unlink(name)
            finally:
                os.close(file)
        raise errors.FileChanged(Path(path))

    def _put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self._remember(digest, content)
        if self._touched(digest, len(content)):
            return digest
        shard = f"{self._root}/{digest[:2]}"
        try:
            with self._new(shard) as (file, name):
                _write(file, content)
                self._settle(file, name, digest)
        except FileNotFoundError:
            os.makedirs(shard, exist_ok=True)
            return self._put(content)
        return digest

    def _touched(self, digest: str, size: int) -> bool:
        """Whether the content is there, whole; if so its time is now, so that no sweep takes it."""
        place = self._place(digest)
        try:
            if os.stat(place).st_size != size:
                return False
            os.utime(place)
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def _new(self, folder: str) -> Iterator[tuple[int, str]]:
        """A new file under a name of its own, gone after an error."""
        name = f"{folder}/.{os.urandom(8).hex()}"
        file = os.open(name, _NEW, 0o444)
        try:
            yield file, name
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
        finally:
            os.close(file)

    def _fill(self, copy: int, file: int) -> tuple[str, int]:
        """Copies one into the other; gives the digest and size of what was copied."""
        sum_ = hashlib.sha256()
        size = 0
        cloned = _cloned(copy, file)
        while piece := os.read(copy if cloned else file, _SMALL):
            if not cloned:
                _write(copy, piece)
            sum_.update(piece)
            size += len(piece)
        return sum_.hexdigest(), size

    def _settle(self, file: int, name: str, digest: str) -> None:
        """Gives a complete new file its place."""
        if self._full:
            os.fsync(file)
        try:
            os.rename(name, self._place(digest))
        except FileNotFoundError:
            os.makedirs(f"{self._root}/{digest[:2]}", exist_ok=True)
            os.rename(name, self._place(digest))

    def _copy(self, digest: str, target: str, mode: int, size: int | None) -> None:
        content = self._recent.get(digest)
        if content is not None:
            with _made(target, mode) as file:
                _write(file, content)
            return
        try:
            blob = os.open(self._place(digest), _READ)
        except FileNotFoundError:
            raise errors.BlobNotFound(digest) from None
        try:
            found = os.fstat(blob).st_size
            if size is not None and found != size:
                raise errors.BlobDamaged(digest, Path(self._place(digest)))
            with _made(target, mode) as file:
                if found <= _SMALL:
                    content = os.read(blob, _SMALL)
                    self._remember(digest, content)
                    _write(file, content)
                elif not _cloned(file, blob):
                    while os.sendfile(file, blob, None, 1 << 30):
                        pass
        finally:
            os.close(blob)

    def _remember(self, digest: str, content: bytes) -> None:
        if digest in self._recent or len(content) > _SMALL:
            return
        if self._remembered + len(content) > _RECENT:
            self._recent = {}
            self._remembered = 0
        self._recent[digest] = content
        self._remembered += len(content)


@contextmanager
def _made(target: str, mode: int) -> Iterator[int]:
    """A new file of that mode whatever the umask, gone after an error."""
    file = os.open(target, _NEW, mode)
    try:
        os.fchmod(file, mode)
        yield file
    except BaseException:
        os.unlink(target)
        raise
    finally:
        os.close(file)


def _cloned(target: int, source: int) -> bool:
    """Whether the disk could give one file the content of the other without copying it."""
    try:
        fcntl.ioctl(target, _CLONE, source)
    except OSError:  # each kind of disk says it in its own way, and then it is copied
        return False
    return True


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return one.st_mtime_ns == other.st_mtime_ns and one.st_size == other.st_size


def _write(file: int, content: bytes) -> None:
    """All of it: one call may write less than it was given."""
    written = os.write(file, content)
    while written < len(content):
        written += os.write(file, content[written:])


def _summed(file: BinaryIO) -> str:
    sum_ = hashlib.sha256()
    while piece := file.read(_SMALL):
        sum_.update(piece)
    return sum_.hexdigest()
