"""Content in a bucket: S3, GCS, or whatever else fsspec reaches."""

import hashlib
import re
from collections.abc import Set
from contextlib import suppress
from datetime import datetime
from typing import Any

from ame import errors

EXTRA = "buckets"
_DIGEST = re.compile(r"[0-9a-f]{64}")


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
            content: bytes = self._do("read", lambda: self._files.cat_file(self._path(digest)))
        except FileNotFoundError:
            raise errors.BlobNotFound(digest) from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise errors.BlobDamaged(digest, f"{self._url}/{digest}")
        return content

    def sweep(self, keep: Set[str], *, before: datetime) -> int:
        """Removes all but `keep` of what was put before that time; returns how many bytes it had.

        What others put again is looked at once more right before it would be removed.

        Raises:
            errors.BucketUnusable: the bucket cannot be reached, or may not be changed.
        """
        return int(self._do("cleared", lambda: self._swept(keep, before)))

    def _swept(self, keep: Set[str], before: datetime) -> int:
        freed = 0
        self._files.invalidate_cache()
        for path, about in self._files.find(self._root, detail=True).items():
            digest = path.removeprefix(self._root).replace("/", "")
            if _DIGEST.fullmatch(digest) and digest not in keep:
                with suppress(FileNotFoundError):  # another one removes it as well
                    self._files.invalidate_cache()
                    if self._files.modified(path) < before:
                        self._files.rm_file(path)
                        freed += about["size"]
        return freed

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
