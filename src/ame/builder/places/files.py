"""Files where people keep them: local paths, `gs://`, `s3://`, and whatever else fsspec reaches."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UPLOAD: Final = "upload artifact to:"
PARTIAL: Final = ".partial"
EXTRA: Final = "buckets"
_DENIED: Final = frozenset({401, 403})


class Files:
    """Files at URLs, reached with the credentials that the environment has.

    Of Google's services these are application-default credentials, and `GOOGLE_CLOUD_PROJECT`, as
    for Google's own clients; of S3 what its usual clients take, with `AWS_ENDPOINT_URL`.
    """

    def __init__(self, *, project: str = "", local: bool = True) -> None:
        """`project` instead of the default one; `local`: whether files of this machine are meant
        too.
        """
        self._project = project
        self._local = local

    def read(self, place: str, deed: str = "read") -> bytes:
        """The content.

        Raises:
            errors.PlaceMissing, errors.PlaceDenied, errors.PlaceUnusable: it cannot be read.
        """
        with self._at(place, deed) as (files, path):
            content: bytes = files.cat_file(path)
            return content

    def fetched(self, place: str, folder: Path, deed: str = "read") -> Path:
        """The file or the whole folder, in `folder`, unless it is on this machine already.

        Raises: as `read` does.
        """
        with self._at(place, deed) as (files, path):
            if _is_local(files):
                if not Path(path).exists():
                    raise FileNotFoundError(path)
                return Path(path)
            into = folder / (path.rstrip("/").rpartition("/")[2] or "model")
            if not files.exists(path):
                raise FileNotFoundError(path)
            alone = files.isfile(path)
            files.get(path, str(into), recursive=not alone)
            return into

    def put(self, contents: Mapping[str, bytes]) -> None:
        """Writes all, or, where one cannot be written, leaves everything as it was.

        They are written under other names first; what reads them finds the old ones or the new
        ones, whole. These names are the same each time: who was killed and does it again leaves
        none of them.

        Raises: as `read` does.
        """
        with contextlib.ExitStack() as undoing:
            for place, content in contents.items():
                undoing.callback(self._removed, place + PARTIAL)
                with self._at(place + PARTIAL, UPLOAD) as (files, path):
                    _write(files, path, content)
            for place in contents:
                with self._at(place, UPLOAD) as (files, path):
                    undoing.callback(self._restored, place, self._before(place))
                    _move(files, path + PARTIAL, path)
            undoing.pop_all()

    def _before(self, place: str) -> bytes | None:
        try:
            return self.read(place)
        except errors.PlaceMissing:
            return None

    def _restored(self, place: str, before: bytes | None) -> None:
        if before is None:
            self._removed(place)
            return
        with contextlib.suppress(errors.Error), self._at(place, UPLOAD) as (files, path):
            _write(files, path, before)

    def _removed(self, place: str) -> None:
        with contextlib.suppress(errors.Error), self._at(place, UPLOAD) as (files, path):
            files.rm_file(path)

    @contextlib.contextmanager
    def _at(self, place: str, deed: str) -> Iterator[tuple[Any, str]]:
        """The file system of a place, and the path in it; what it raises becomes ours."""
        try:
            from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # it has no types

            files, path = url_to_fs(place, **self._options(place))
            self._let(place, files)
            yield files, path
        except ImportError:
            raise errors.ExtraMissing(EXTRA, place.partition(":")[0]) from None
        except errors.Error:
            raise
        except FileNotFoundError:
            raise errors.PlaceMissing(deed, place) from None
        except Exception as error:
            why = (str(error) or type(error).__name__).partition("\n")[0]
            if isinstance(error, PermissionError) or _status(error) in _DENIED or _keyless(error):
                raise errors.PlaceDenied(deed, place, why) from error
            raise errors.PlaceUnusable(deed, place, why) from error

    def _let(self, place: str, files: Any) -> None:  # noqa: ANN401 - a file system of fsspec
        if _is_local(files) and not self._local:
            raise errors.PlacesInvalid(f"{place} is no address of a bucket")

    def _options(self, place: str) -> dict[str, Any]:
        scheme = place.partition("://")[0] if "://" in place else ""
        if scheme not in {"gs", "gcs"}:
            return {}
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # what it tries first may fail
        project = self._project or os.environ.get("GOOGLE_CLOUD_PROJECT", "")
        found: dict[str, Any] = {"project": project} if project else {}
        if emulator := os.environ.get("STORAGE_EMULATOR_HOST"):
            address = emulator if "://" in emulator else f"http://{emulator}"
            found |= {"endpoint_url": address, "token": "anon"}
        return found


def _is_local(files: Any) -> bool:  # noqa: ANN401 - a file system of fsspec
    return "file" in files.protocol


def _write(files: Any, path: str, content: bytes) -> None:  # noqa: ANN401 - the same
    if _is_local(files):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    files.pipe_file(path, content)


def _move(files: Any, path: str, to: str) -> None:  # noqa: ANN401 - the same
    if _is_local(files):
        Path(path).replace(to)
    else:
        files.mv(path, to)


def _status(error: Exception) -> int:
    """The HTTP status in an error of a client of buckets; 0 where there is none."""
    response = getattr(error, "response", None)
    said = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
    code = str(said.get("HTTPStatusCode") or getattr(error, "code", ""))
    return int(code) if code.isdecimal() else 0


def _keyless(error: Exception) -> bool:
    """Whether there are no credentials at all."""
    return type(error).__name__ in {"NoCredentialsError", "DefaultCredentialsError", "RefreshError"}
