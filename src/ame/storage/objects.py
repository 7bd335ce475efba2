"""Content in a bucket: S3, GCS, or whatever else fsspec reaches."""

import hashlib
import os
import re
from collections.abc import Set
from contextlib import suppress
from datetime import datetime
from typing import Any

from ame import errors

EXTRA = "buckets"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ASIDE = "aside"
"""Where what nothing needs lies until it is removed, each time under a name of its own."""


class Bucket:
    """Content under the digest of itself, at a URL such as `s3://bucket/prefix`.

    What is put is whole or absent, as the service promises of its objects. It may be used by any
    number of machines at once, from any thread.
    """

    def __init__(self, url: str, **options: Any) -> None:  # noqa: ANN401 - fsspec's own
        """`options` are those of fsspec's file system, beside what the environment says.

        Raises:
            errors.ExtraMissing: the service's package is not installed.
            errors.BucketUnusable: there is no such bucket, or it may not be written.
        """
        self._url = url
        try:
            from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # it has no types

            self._files, self._root = url_to_fs(url, **options)
        except ImportError:
            raise errors.ExtraMissing(EXTRA, url.partition(":")[0]) from None
        except ValueError as error:
            raise errors.BucketUnusable(url, str(error)) from None
        self._do("written", lambda: self._files.pipe_file(f"{self._root}/.ame", b"ame"))

    def put_bytes(self, content: bytes) -> str:
        """Keeps it and returns its digest.

        Raises:
            errors.BucketUnusable: the bucket cannot be reached, or may not be written.
        """
        digest = hashlib.sha256(content).hexdigest()
        self._do("written", lambda: self._files.pipe_file(self._path(digest), content))
        return digest

    def read(self, digest: str) -> bytes:
        """The whole content, checked against its digest.

        Raises:
            errors.BlobNotFound: no content of that digest is kept.
            errors.BlobDamaged: what is kept is not what was put.
            errors.BucketUnusable: the bucket cannot be reached, or may not be read.
        """
        try:
            content: bytes = self._do("read", lambda: self._found(digest))
        except FileNotFoundError:
            raise errors.BlobNotFound(digest) from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise errors.BlobDamaged(digest, f"{self._url}/{digest}")
        return content

    def sweep(self, keep: Set[str], *, before: datetime) -> int:
        """Removes all but `keep` of what was put before that time; returns how many bytes it had.

        A service can not remove what is old only as long as nobody puts it again. So it is laid
        aside first, where it is still read, and removed when it has lain there since before that
        time; what is kept by then is put back.

        Raises:
            errors.BucketUnusable: the bucket cannot be reached, or may not be changed.
        """
        return int(self._do("cleared", lambda: self._swept(keep, before)))

    def _swept(self, keep: Set[str], before: datetime) -> int:
        self._files.invalidate_cache()
        for path in self._files.find(self._root):
            digest = path.removeprefix(self._root).replace("/", "")
            if _DIGEST.fullmatch(digest) and digest not in keep:
                with suppress(FileNotFoundError):  # another one removes it as well
                    if self._modified(path) < before:
                        aside = f"{self._root}/{_ASIDE}/{digest}-{os.urandom(8).hex()}"
                        self._files.cp_file(path, aside)
                        self._files.rm_file(path)
        freed = 0
        for path, about in self._aside().items():
            digest = path.rpartition("/")[2].partition("-")[0]
            with suppress(FileNotFoundError):
                if digest in keep:
                    self._files.cp_file(path, self._path(digest))
                    self._files.rm_file(path)
                elif self._modified(path) < before:
                    self._files.rm_file(path)
                    freed += about["size"]
        return freed

    def _found(self, digest: str) -> bytes:
        try:
            content: bytes = self._files.cat_file(self._path(digest))
        except FileNotFoundError:
            aside = next(iter(self._aside(digest)), None)
            if aside is None:
                raise
            content = self._files.cat_file(aside)
        return content

    def _aside(self, digest: str = "") -> dict[str, dict[str, Any]]:
        """What lies aside, or what of one digest does."""
        self._files.invalidate_cache()
        found = self._files.find(f"{self._root}/{_ASIDE}", prefix=digest, detail=True)
        return {path: about for path, about in found.items() if "-" in path.rpartition("/")[2]}

    def _modified(self, path: str) -> datetime:
        self._files.invalidate_cache()
        found: datetime = self._files.modified(path)
        return found

    def shared(self, owner: str) -> set[str]:
        """Notes for good that `owner` has content here; all who have.

        Raises:
            errors.BucketUnusable: the bucket cannot be reached, or may not be written.
        """
        return set(self._do("written", lambda: self._shared(owner)))

    def _shared(self, owner: str) -> list[str]:
        noted = f"{self._root}/owners/"
        self._files.pipe_file(f"{noted}{owner}", b"ame")
        self._files.invalidate_cache()
        return [path.removeprefix(noted) for path in self._files.find(noted.rstrip("/"))]

    def _path(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest[2:]}"

    def _do(self, what: str, call: Any) -> Any:  # noqa: ANN401 - fsspec gives it no types
        try:
            return call()
        except FileNotFoundError:
            if what == "read":
                raise
            raise errors.BucketUnusable(self._url, "there is no such bucket") from None
        except Exception as error:
            raise errors.BucketUnusable(self._url, f"it cannot be {what}: {error}") from error
