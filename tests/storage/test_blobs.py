import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from ame import errors, runs
from ame.storage.blobs import Folder

LARGE = bytes(range(256)) * 4096
LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def blobs(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "blobs")


def kept(blobs: Folder) -> list[Path]:
    return [path for path in blobs.path.glob("*/*") if path.is_file()]


@pytest.mark.parametrize("content", [b"", b"x", LARGE])
def test_content_is_kept_under_its_sha256_and_read_back(blobs: Folder, content: bytes) -> None:
    digest = blobs.put_bytes(content)

    assert digest == hashlib.sha256(content).hexdigest()
    assert blobs.read(digest) == content
    with blobs.open(digest) as file:
        assert file.read() == content
    assert blobs.contains(digest)
    assert blobs.verify(digest)


@pytest.mark.parametrize("content", [b"", b"x", LARGE])
def test_a_file_is_kept_and_may_go_afterwards(
    blobs: Folder, content: bytes, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(content)

    digest, size = blobs.put_file(source)
    source.unlink()

    assert (blobs.read(digest), size) == (content, len(content))


@pytest.mark.parametrize("content", [b"x", LARGE])
def test_the_same_content_is_kept_once_read_only_and_nothing_beside_it(
    blobs: Folder, content: bytes, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(content)
    blobs.put_bytes(content)
    blobs.put_file(source)
    Folder(blobs.path).put_file(source)

    (blob,) = kept(blobs)

    assert stat.S_IMODE(blob.stat().st_mode) == 0o444
    assert blob.stat().st_nlink == 1
    assert sorted(path.name for path in blobs.path.iterdir()) == [blob.parent.name, "lock"]


@pytest.mark.parametrize("content", [b"x", LARGE])
def test_a_copy_is_a_file_of_its_own(blobs: Folder, content: bytes, tmp_path: Path) -> None:
    digest = blobs.put_bytes(content)
    target = tmp_path / "target"

    Folder(blobs.path).copy_to(digest, target, 0o754)

    assert target.read_bytes() == content
    assert stat.S_IMODE(target.stat().st_mode) == 0o754
    target.write_bytes(b"changed")
    assert blobs.verify(digest)


def test_a_copy_replaces_nothing(blobs: Folder, tmp_path: Path) -> None:
    digest = blobs.put_bytes(b"new")
    target = tmp_path / "target"
    target.write_bytes(b"mine")

    with pytest.raises(FileExistsError):
        blobs.copy_to(digest, target)

    assert target.read_bytes() == b"mine"


def test_what_is_not_kept_is_not_found(blobs: Folder, tmp_path: Path) -> None:
    absent = "ab" + 62 * "0"

    assert not blobs.contains(absent)
    for deed in (
        lambda: blobs.open(absent),
        lambda: blobs.read(absent),
        lambda: blobs.verify(absent),
        lambda: blobs.copy_to(absent, tmp_path / "target"),
    ):
        with pytest.raises(errors.BlobNotFound, match="ab0000000000"):
            deed()
    assert not (tmp_path / "target").exists()


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        os.fspath(path.relative_to(folder)): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_tree_is_collected_and_made_again(blobs: Folder, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "a" / "b").mkdir(parents=True)
    for name, content, mode in (
        ("top.py", b"print()", 0o644),
        ("a/run.sh", b"#!", 0o755),
        ("a/b/large", LARGE, 0o600),
        ("a/b/d\udcff", b"", 0o640),
        ("a/..b", b"dots", 0o644),
    ):
        (source / name).write_bytes(content)
        (source / name).chmod(mode)

    entries = blobs.collect(source, tree(source))
    Folder(blobs.path).materialise(entries, target)

    assert tree(target) == tree(source)
    assert [entry.size for entry in entries] == [len(c) for c, _ in tree(source).values()]


@pytest.mark.parametrize("path", ["../out", "a/../../out", "/tmp/out", "a/..", ".", "a/", ""])
def test_an_entry_that_leaves_its_folder_is_refused(
    blobs: Folder, path: str, tmp_path: Path
) -> None:
    digest = blobs.put_bytes(b"x")
    (tmp_path / "target").mkdir()

    with pytest.raises(ValueError, match=r"leads out|no file"):
        blobs.materialise([runs.Entry(path=path, digest=digest, size=1)], tmp_path / "target")

    assert not (tmp_path / "out").exists()


def test_a_link_is_not_followed_when_a_tree_is_collected(blobs: Folder, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("private")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "link").symlink_to(tmp_path / "outside")

    with pytest.raises(OSError, match="symbolic links"):
        blobs.collect(tmp_path / "source", ["link"])


def damage(blobs: Folder, content: bytes) -> None:
    (blob,) = kept(blobs)
    blob.chmod(0o644)
    blob.write_bytes(content)


def test_a_damaged_blob_is_noticed(blobs: Folder, tmp_path: Path) -> None:
    digest = blobs.put_bytes(b"whole")
    damage(blobs, b"wrong")
    fresh = Folder(blobs.path)

    assert not fresh.verify(digest)
    with pytest.raises(errors.BlobDamaged, match=digest[:12]):
        fresh.read(digest)


def test_a_blob_cut_short_is_noticed_when_used_and_healed_when_put_again(
    blobs: Folder, tmp_path: Path
) -> None:
    digest = blobs.put_bytes(b"whole")
    damage(blobs, b"who")
    fresh = Folder(blobs.path)

    with pytest.raises(errors.BlobDamaged):
        fresh.materialise([runs.Entry(path="x", digest=digest, size=5)], tmp_path / "target")

    fresh.put_bytes(b"whole")
    assert fresh.verify(digest)


@pytest.mark.parametrize("size", [1000, 1 << 22])
def test_a_file_that_changes_while_it_is_read_is_kept_whole_or_refused(
    blobs: Folder, size: int, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    states = {letter * size for letter in (b"a", b"b")}
    source.write_bytes(b"a" * size)
    stop = Event()

    def write() -> None:
        with source.open("r+b", buffering=0) as file:
            while not stop.is_set():
                for content in states:
                    file.seek(0)
                    file.write(content)

    writer = Thread(target=write)
    writer.start()
    try:
        refused = 0
        for _ in range(20):
            try:
                digest, _ = blobs.put_file(source)
            except errors.FileChanged:
                refused += 1
            else:
                assert blobs.verify(digest)
    finally:
        stop.set()
        writer.join()

    assert refused or size == 1000
    digest, _ = blobs.put_file(source)
    assert blobs.read(digest) in states
    assert sorted(path.name for path in blobs.path.iterdir() if path.name[0] == ".") == []


def test_many_threads_put_the_same_content_at_once(blobs: Folder) -> None:
    with ThreadPoolExecutor(8) as threads:
        digests = set(
            threads.map(lambda n: Folder(blobs.path).put_bytes(b"%d" % (n % 4)), range(200))
        )

    assert len(digests) == len(kept(blobs)) == 4
    assert all(map(blobs.verify, digests))


def test_a_sweep_removes_what_is_not_kept_and_leftovers_of_a_crash(blobs: Folder) -> None:
    keep, drop = blobs.put_bytes(b"keep"), blobs.put_bytes(b"drop me")
    (blobs.path / ".0123").write_bytes(b"left")
    (blobs.path / keep[:2] / ".4567").write_bytes(b"left")

    freed = blobs.sweep({keep}, before=LATER)

    assert freed == len("drop me") + 2 * len("left")
    assert blobs.contains(keep)
    assert not blobs.contains(drop)
    assert len(kept(blobs)) == 1


def test_a_sweep_spares_what_was_put_since_then_also_if_it_was_there_already(
    blobs: Folder,
) -> None:
    old, again = blobs.put_bytes(b"old"), blobs.put_bytes(b"again")
    for blob in kept(blobs):
        os.utime(blob, (0, 0))
    before = datetime.now(UTC)
    blobs.put_bytes(b"again")
    new = blobs.put_bytes(b"new")

    blobs.sweep(set(), before=before)

    assert [blobs.contains(digest) for digest in (old, again, new)] == [False, True, True]


def test_puts_beside_sweeps_lose_nothing(blobs: Folder) -> None:
    start = datetime.now(UTC)
    contents = [b"%d" % number for number in range(50)]
    for content in contents:
        blobs.put_bytes(content)
    stop = Event()

    def sweep() -> None:
        while not stop.is_set():
            blobs.sweep(set(), before=start)

    sweeper = Thread(target=sweep)
    sweeper.start()
    try:
        for _ in range(10):
            for content in contents:
                with suppress(FileNotFoundError):
                    os.utime(place(blobs, content), (0, 0))
                assert blobs.contains(blobs.put_bytes(content))
    finally:
        stop.set()
        sweeper.join()


def place(blobs: Folder, content: bytes) -> Path:
    digest = hashlib.sha256(content).hexdigest()
    return blobs.path / digest[:2] / digest[2:]
