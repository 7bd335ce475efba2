"""A workspace that is had again is the same as a new one, whatever its step has done to it."""

import subprocess
from pathlib import Path

import pytest

from ame.engine.workspace import tree
from ame.engine.workspace.folder import Workspace
from ame.storage import blobs


@pytest.fixture
def kept(tmp_path: Path) -> blobs.Folder:
    return blobs.Folder(tmp_path / "blobs")


def files_of(kept: blobs.Folder) -> dict[str, tree.File]:
    contents = {f"src/m{n}.py": f"print({n})\n".encode() for n in range(5)}
    contents |= {"data/a.csv": b"1,2\n", "data/deep/b.csv": b"", "run.sh": b"#!/bin/sh\n"}
    files = {
        path: tree.File(
            digest=kept.put_bytes(content),
            size=len(content),
            mode=0o755 if path.endswith(".sh") else 0o644,
            mtime=1_700_000_000_000_000_000 + len(path),
        )
        for path, content in contents.items()
    }
    files["link"] = tree.File(digest="", size=0, mode=0o777, mtime=0, link="data/a.csv")
    files["empty"] = tree.File(digest="", size=0, mode=0o777, mtime=0)
    return files


def shown(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that is in a folder, with what a step could see of it."""
    seen: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        name, status = path.relative_to(folder).as_posix(), path.lstat()
        if path.is_symlink():
            seen[name] = ("link", str(path.readlink()))
        elif path.is_dir():
            seen[name] = ("folder", oct(status.st_mode))
        else:
            seen[name] = (path.read_bytes(), oct(status.st_mode), status.st_mtime_ns)
    return seen


@pytest.mark.parametrize(
    "deed",
    [
        "true",
        "echo more >> src/m1.py",
        "printf 'print(9)\\n' > src/m1.py && touch -r src/m2.py src/m1.py",
        "rm -r data src",
        "touch src/m2.py",
        "chmod 600 src/m2.py",
        "chmod 500 data/deep && mkdir -p new/er && echo x > new/er/file",
        "rm -r src && ln -s /etc src",
        "rm run.sh && mkdir run.sh && echo x > run.sh/x",
        "rm -r data && echo file > data",
        "mkfifo pipe && rm link && echo plain > link",
        "ln data/a.csv data/other.csv",
        "mv src/m3.py src/m4.py",
        "mkdir src/__pycache__ && touch src/__pycache__/m1.pyc",
        "echo x > empty/x",
    ],
)
def test_it_is_as_new_after(deed: str, tmp_path: Path, kept: blobs.Folder) -> None:
    files = files_of(kept)
    fresh = Workspace.lay(files, tmp_path / "fresh", kept)
    used = Workspace.lay(files, tmp_path / "used", kept)
    subprocess.run(["sh", "-c", deed], cwd=used.folder, check=True)
    used.changes(kept)

    again = used.lay_again(files, tmp_path / "again", kept)

    assert shown(again.folder) == shown(fresh.folder)
    assert again.changes(kept) == {}
    assert not used.folder.exists()


def test_files_that_are_wanted_otherwise_are_laid_anew(tmp_path: Path, kept: blobs.Folder) -> None:
    files = files_of(kept)
    used = Workspace.lay(files, tmp_path / "used", kept)
    wanted = {**files, "src/m1.py": files["data/a.csv"], "more": files["run.sh"]}
    del wanted["data/deep/b.csv"]
    fresh = Workspace.lay(wanted, tmp_path / "fresh", kept)
    used.changes(kept)

    again = used.lay_again(wanted, tmp_path / "again", kept)

    assert shown(again.folder) == shown(fresh.folder)


def test_an_untouched_file_is_not_written_again(tmp_path: Path, kept: blobs.Folder) -> None:
    used = Workspace.lay(files_of(kept), tmp_path / "used", kept)
    before = (used.folder / "src/m1.py").stat().st_ino
    used.changes(kept)

    again = used.lay_again(files_of(kept), tmp_path / "again", kept)

    assert (again.folder / "src/m1.py").stat().st_ino == before


def test_of_a_workspace_that_nobody_has_looked_at_nothing_is_taken_as_untouched(
    tmp_path: Path, kept: blobs.Folder
) -> None:
    files = files_of(kept)
    used = Workspace.lay(files, tmp_path / "used", kept)
    fresh = Workspace.lay(files, tmp_path / "fresh", kept)
    used.changes(kept)
    (used.folder / "src/m1.py").write_text("changed")
    used.changes(kept)
    (used.folder / "src/m2.py").write_text("changed")

    again = used.lay_again(files, tmp_path / "again", kept)
    twice = again.lay_again(files, tmp_path / "twice", kept)

    assert (twice.folder / "src/m1.py").read_bytes() == (fresh.folder / "src/m1.py").read_bytes()
    assert shown(twice.folder) == shown(fresh.folder)


def test_a_write_to_what_was_had_again_shows(tmp_path: Path, kept: blobs.Folder) -> None:
    files = files_of(kept)
    again = Workspace.lay(files, tmp_path / "used", kept).lay_again(files, tmp_path / "b", kept)

    (again.folder / "src/m1.py").write_text("changed")

    assert list(again.changes(kept)) == ["src/m1.py"]
