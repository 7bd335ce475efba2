"""Workspaces: the folder that one step works in, what is laid into it, what it leaves behind.

Nothing in a workspace is shared with a person's files: each file is a copy, or a reflink where the
filesystem can make one.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ame import errors, runs
from ame.engine.workspace import ignore, tree

Mark = tuple[int, int, int, int]
"""What changes when a file does: inode, size, time of change of content and of status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A project's files as they stood when a run began."""

    files: dict[str, tree.File]
    left_out: tuple[ignore.LeftOut, ...]


def snapshot(folder: Path, blobs: runs.Blobs) -> Snapshot:
    """Takes the project's files into the blob store, by the rules of `ignore`."""
    scan = ignore.scan(folder)
    files: dict[str, tree.File] = {}
    left_out = scan.left_out
    plain: list[tuple[str, os.stat_result]] = []
    for path, status in scan.files:
        if not _is_link(status):
            plain.append((path, status))
            continue
        target = _target(folder, path)
        if tree.leads_out(path, target):
            why = "a link that leads out of the project"
            left_out.append(ignore.LeftOut(path=path, size=0, why=why))
        else:
            files[path] = _link(status, target)
    files.update(_keep(folder, plain, blobs))
    return Snapshot(files=files, left_out=tuple(left_out))


@dataclass(slots=True)
class Workspace:
    """One step's folder, laid out from a tree."""

    folder: Path
    _start: tree.Tree
    _marks: dict[str, Mark]

    @classmethod
    def lay(cls, files: tree.Tree, folder: Path, blobs: runs.Blobs) -> "Workspace":
        """Makes `folder` and fills it. The files keep their times, so that every write shows."""
        folder.mkdir(parents=True)
        plain = {path: file for path, file in files.items() if not file.link}
        entries = (
            runs.Entry(path=path, digest=file.digest, size=file.size, mode=file.mode)
            for path, file in plain.items()
        )
        blobs.materialise(entries, folder)
        for path, file in plain.items():
            os.utime(f"{folder}/{path}", ns=(file.mtime, file.mtime))
        for path, file in files.items():
            if file.link:
                place = folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(file.link)
        marks = {path: _mark(os.lstat(f"{folder}/{path}")) for path in files}
        return cls(folder, files, marks)

    def changes(self, blobs: runs.Blobs) -> dict[str, tree.File]:
        """The files that are new or differ from what was laid out, taken into the blob store.

        A link that leads out of the workspace, and what is never an output, are passed over.
        """
        unwanted = ignore.unwanted()
        changed: dict[str, tree.File] = {}
        plain: list[tuple[str, os.stat_result]] = []
        for path, status in _files(self.folder):
            if self._marks.get(path) == _mark(status) or unwanted.match_file(path):
                continue
            if not _is_link(status):
                plain.append((path, status))
            elif not tree.leads_out(path, target := _target(self.folder, path)):
                changed[path] = _link(status, target)
        changed.update(_keep(self.folder, plain, blobs))
        return {
            path: file
            for path, file in changed.items()
            if path not in self._start or not file.same(self._start[path])
        }

    def collect(self, paths: Iterable[str], blobs: runs.Blobs) -> dict[str, tree.File]:
        """The files at these paths, folders and patterns, taken into the blob store.

        Raises:
            errors.ArtifactMissing: nothing is at one of them.
            errors.PathLeaves: one of them leads out of the workspace.
        """
        found: dict[str, tree.File] = {}
        for written in paths:
            path = tree.inner(written, what="an artifact path")
            if any(sign in path for sign in "*?["):
                places = sorted(self.folder.glob(path))
            else:
                places = [self.folder / path]
            plain = [file for place in places for file in self._below(place)]
            if not plain:
                raise errors.ArtifactMissing(written)
            found.update(_keep(self.folder, plain, blobs))
        return found

    def _below(self, place: Path) -> list[tuple[str, os.stat_result]]:
        """The plain files at a place; links are followed as long as they stay inside."""
        real = place.resolve()
        if not real.is_relative_to(self.folder.resolve()):
            raise errors.PathLeaves(str(place.relative_to(self.folder)), "an artifact path")
        name = place.relative_to(self.folder).as_posix()
        if real.is_file():
            return [(name, real.stat())]
        if not real.is_dir():
            return []
        inside = [
            (path if name == "." else f"{name}/{path}", status)
            for path, status in _files(real)
            if not _is_link(status)
        ]
        unwanted = ignore.unwanted()
        return [(path, status) for path, status in inside if not unwanted.match_file(path)]


def _files(folder: Path) -> list[tuple[str, os.stat_result]]:
    """All plain files and links below a folder, in order, relative to it."""
    found: list[tuple[str, os.stat_result]] = []
    ahead = [(str(folder), "")]
    while ahead:
        place, prefix = ahead.pop()
        with os.scandir(place) as listing:
            for entry in listing:
                if entry.is_dir(follow_symlinks=False):
                    ahead.append((entry.path, f"{prefix}{entry.name}/"))
                elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                    found.append((prefix + entry.name, entry.stat(follow_symlinks=False)))
    found.sort(key=lambda file: file[0])
    return found


def _keep(
    folder: Path, files: Iterable[tuple[str, os.stat_result]], blobs: runs.Blobs
) -> dict[str, tree.File]:
    times = {path: status.st_mtime_ns for path, status in files}
    return {
        kept.path: tree.File(
            digest=kept.digest, size=kept.size, mode=kept.mode, mtime=times[kept.path]
        )
        for kept in blobs.collect(folder, times)
    }


def _link(status: os.stat_result, target: str) -> tree.File:
    return tree.File(digest="", size=0, mode=0o777, mtime=status.st_mtime_ns, link=target)


def _target(folder: Path, path: str) -> str:
    """Where a link points; one by absolute name to inside the folder is made relative."""
    target = str((folder / path).readlink())
    if target.startswith("/") and Path(target).is_relative_to(folder):
        return os.path.relpath(target, (folder / path).parent)
    return target


def _is_link(status: os.stat_result) -> bool:
    return (status.st_mode & 0o170000) == 0o120000


def _mark(status: os.stat_result) -> Mark:
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
