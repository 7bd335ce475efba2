"""Content in buckets, and in a folder: one suite."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.storage import blobs, objects
from parts.servers import buckets


@pytest.fixture(scope="module", params=["folder", "s3", "gcs"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "folder":
        yield blobs.Folder(folder, full=True)
        return
    with (buckets.s3 if request.param == "s3" else buckets.gcs)(folder) as server:
        yield objects.Bucket(server.url, **server.options)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # gcsfs does so
def test_what_is_put_is_read_back_and_kept_once(kept: Any) -> None:
    for content in (b"", b"seven", bytes(3_000_000)):
        digest = kept.put_bytes(content)
        assert kept.put_bytes(content) == digest
        assert kept.read(digest) == content


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # gcsfs does so
def test_what_nothing_needs_is_removed_when_it_is_old_enough(kept: Any) -> None:
    needed, other = kept.put_bytes(b"needed"), kept.put_bytes(b"other")
    now = datetime.now(UTC)
    assert kept.sweep({needed}, before=now - timedelta(days=1)) == 0

    assert kept.sweep({needed}, before=now + timedelta(days=1)) >= len(b"other")

    assert kept.read(needed) == b"needed"
    with pytest.raises(errors.BlobNotFound):
        kept.read(other)


@pytest.mark.slow
@pytest.mark.parametrize("opened", [buckets.s3, buckets.gcs])
def test_what_is_put_again_while_it_is_removed_is_not_lost(opened: Any, tmp_path: Path) -> None:
    """Between a look at how old it is and its removal."""
    with opened(tmp_path) as server:
        kept = objects.Bucket(server.url, **server.options)
        digest = kept.put_bytes(b"put again")
        soon = datetime.now(UTC) + timedelta(hours=1)
        looked = kept._modified

        def look(path: str) -> datetime:
            found = looked(path)
            kept._modified = looked  # type: ignore[method-assign]  # the first look alone
            kept.put_bytes(b"put again")
            return min(found, soon - timedelta(days=1))

        kept._modified = look  # type: ignore[method-assign]  # at this moment it is put again
        assert kept.sweep(set(), before=soon - timedelta(hours=2)) == 0
        assert kept.read(digest) == b"put again"
        assert kept.sweep({digest}, before=soon) == 0
        assert kept.sweep(set(), before=soon - timedelta(hours=2)) == 0
        assert kept.read(digest) == b"put again"
        assert kept.sweep(set(), before=soon) == len(b"put again")


@pytest.mark.slow
def test_what_was_never_put_is_not_found(kept: Any) -> None:
    with pytest.raises(errors.BlobNotFound, match="0000"):
        kept.read("0" * 64)


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    with (
        buckets.gcs(tmp_path) as server,
        pytest.raises(errors.BucketUnusable, match="another-bucket"),
    ):
        objects.Bucket(server.url.replace("//ame/", "//another-bucket/"), **server.options)


def test_a_scheme_that_nobody_knows_is_refused() -> None:
    with pytest.raises(errors.BucketUnusable, match="nowhere"):
        objects.Bucket("nowhere://ame")
