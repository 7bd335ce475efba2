import os
import threading
import time
from pathlib import Path

import pytest

from ame import errors, runs
from ame.engine.workspace import folder, known
from ame.storage.blobs import Folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


class Counting(Folder):
    """Blobs that know what was read for them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.read_paths: list[str] = []

    def _take(self, path: str, how: int) -> tuple[str, os.stat_result]:
        self.read_paths.append(Path(path).name)
        return super()._take(path, how)


@pytest.fixture
def blobs(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "blobs")


def age(*files: Path) -> None:
    """Lets files be older than the time within which a change might not show."""
    then = time.time_ns() - 60 * 10**9
    for file in files:
        os.utime(file, ns=(then, then))


def test_an_unchanged_file_is_read_once(
    project: Path, blobs: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (project / name).write_text(name)
    monkeypatch.setattr(known, "_SETTLED", -(10**12))  # as if it were long ago
    first = folder.snapshot(project, blobs, project.parent)
    (project / "b").write_text("B")

    second = folder.snapshot(project, blobs, project.parent)

    assert blobs.read_paths == ["a", "b", "b"]
    assert second.files["a"] == first.files["a"]
    assert second.files["b"].digest != first.files["b"].digest


def test_a_file_that_has_just_been_written_is_read_again(project: Path, blobs: Counting) -> None:
    (project / "a").write_text("a")
    age(project / "a")  # the time of its status is now, whatever that of its content
    folder.snapshot(project, blobs, project.parent)
    folder.snapshot(project, blobs, project.parent)

    assert blobs.read_paths == ["a", "a"]


@pytest.mark.parametrize(
    "how", ["content of the same size and time", "mode", "blob gone", "damaged"]
)
def test_what_is_known_of_a_file_is_not_trusted_when_anything_differs(
    project: Path, blobs: Counting, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    (project / "a").write_text("1")
    monkeypatch.setattr(known, "_SETTLED", -(10**12))
    first = folder.snapshot(project, blobs, project.parent).files["a"]
    match how:
        case "content of the same size and time":
            (project / "a").write_text("2")
            os.utime(project / "a", ns=(first.mtime, first.mtime))
        case "mode":
            (project / "a").chmod(0o755)
        case "blob gone":
            (blobs.path / first.digest[:2] / first.digest[2:]).unlink()
        case "damaged":
            for file in (project.parent / "snapshots").iterdir():
                file.write_text("[")

    second = folder.snapshot(project, blobs, project.parent).files["a"]

    assert len(blobs.read_paths) == 2
    assert blobs.read(second.digest) == (project / "a").read_bytes()
    assert second.mode == (project / "a").stat().st_mode & 0o777


def test_a_file_that_is_written_to_all_the_while_is_refused_or_whole(
    project: Path, blobs: Counting
) -> None:
    file = project / "growing"
    file.write_bytes(b"x" * 300_000)
    over = threading.Event()

    def grow() -> None:
        while not over.is_set():
            with file.open("ab") as out:
                out.write(b"x" * 1000)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        taken = folder.snapshot(project, blobs, project.parent)
    except errors.FileChanged as refused:
        named = str(refused)
        assert "growing" in named
    else:
        found = taken.files["growing"]
        assert len(blobs.read(found.digest)) == found.size
    finally:
        over.set()
        writer.join()


@pytest.mark.slow
def test_a_sparse_gigabyte_comes_through(project: Path, blobs: Counting, tmp_path: Path) -> None:
    with (project / "sparse").open("wb") as file:
        file.seek(1 << 30)
        file.write(b"end")
    taken = folder.snapshot(project, blobs, project.parent)

    laid = folder.Workspace.lay(taken.files, tmp_path / "work", blobs)

    with (laid.folder / "sparse").open("rb") as file:
        assert file.seek(0, 2) == (1 << 30) + 3
        file.seek(1 << 30)
        assert file.read() == b"end"


@pytest.mark.slow
def test_twenty_thousand_small_files_come_through(
    project: Path, blobs: Counting, tmp_path: Path
) -> None:
    for number in range(20_000):
        place = project / f"d{number % 200}"
        place.mkdir(exist_ok=True)
        (place / f"{number}.py").write_text(f"{number}\n")
    taken = folder.snapshot(project, blobs, project.parent)
    laid = folder.Workspace.lay(taken.files, tmp_path / "work", blobs)

    assert len(taken.files) == 20_000
    assert (laid.folder / "d7" / "207.py").read_text() == "207\n"
    assert laid.changes(blobs) == {}
    (laid.folder / "d7" / "207.py").write_text("208\n")
    assert laid.changes(blobs).keys() == {"d7/207.py"}


def test_the_interface_of_blobs_is_kept(blobs: Counting) -> None:
    kept: runs.Blobs = blobs

    entry = runs.Entry(path="a", digest=kept.put_bytes(b"a"), size=1)
    absent = runs.Entry(path="b", digest="0" * 64, size=1)
    short = runs.Entry(path="c", digest=entry.digest, size=2)

    assert kept.renew([entry, absent, short]) == [entry]
