"""Workspaces: the folder that one step works in, what is laid into it, what it leaves behind.

Nothing in a workspace is shared with a person's files: each file is a copy, or a reflink where the
filesystem can make one.
"""

import os
import shutil
import stat
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from ame import errors, runs
from ame.engine.workspace import ignore, tree
from ame.engine.workspace.known import Known, Mark, mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A project's files as they stood when a run began."""

    files: dict[str, tree.File]
    left_out: tuple[ignore.LeftOut, ...]


def snapshot(folder: Path, blobs: runs.Blobs, home: Path) -> Snapshot:
    """Takes the project's files into the blob store, by the rules of `ignore`.

    `home` is the state folder: it is no part of a project, and remembers what was read.

    Raises:
        errors.Unreadable: a file or a folder cannot be read.
        errors.FileChanged: a file was written to all the while.
    """
    scan = ignore.scan(folder, but=home)
    files: dict[str, tree.File] = {}
    left_out = scan.left_out
    plain: dict[str, os.stat_result] = {}
    for path, status in scan.files:
        if stat.S_ISREG(status.st_mode):
            plain[path] = status
        elif stat.S_ISDIR(status.st_mode):
            files[path] = _folder(status)
        elif tree.leads_out(path, target := _target(folder, path)):
            why = "a link that leads out of the project"
            left_out.append(ignore.LeftOut(path=path, size=0, why=why))
        else:
            files[path] = _link(status, target)
    known = Known(home, folder)
    files |= known.find(plain, blobs)
    unread = {path: status for path, status in plain.items() if path not in files}
    if unread:
        files |= _keep(folder, unread, blobs)
        known.keep(plain, files)
    return Snapshot(files=files, left_out=tuple(left_out))


@dataclass(slots=True)
class Workspace:
    """One step's folder, laid out from a tree."""

    folder: Path
    _start: tree.Tree
    _marks: dict[str, Mark]
    _untouched: set[str] = field(default_factory=set)
    """What `changes` has found to be as it was laid."""

    @classmethod
    def lay(cls, files: tree.Tree, folder: Path, blobs: runs.Blobs) -> "Workspace":
        """Makes `folder` and fills it. The files keep their times, so that every write shows."""
        folder.mkdir(parents=True)
        return cls(folder, files, _fill(folder, files, blobs))

    def lay_again(self, files: tree.Tree, folder: Path, blobs: runs.Blobs) -> "Workspace":
        """Moves this workspace, which no process uses any more, to `folder` for another step.

        What `changes` has found as it was laid, and is wanted again, stays; all else goes. So the
        result is that of `lay`, for less. After an error both folders are to be removed.

        Raises:
            OSError: something in it cannot be removed.
        """
        os.rename(self.folder, folder)  # noqa: PTH104  # as below: once for each step, or file
        kept: dict[str, Mark] = {}
        mode = stat.S_IMODE(os.stat(folder).st_mode)  # noqa: PTH116
        self._prune(str(folder), "", files, kept, mode)
        missing = {path: file for path, file in files.items() if path not in kept}
        return Workspace(folder, files, kept | _fill(folder, missing, blobs))

    def _prune(
        self, place: str, prefix: str, files: tree.Tree, kept: dict[str, Mark], mode: int
    ) -> bool:
        """Removes what is not as it was laid or not wanted again; whether nothing is left.

        `mode`: that of folders as they are laid.
        """
        empty = True
        with os.scandir(place) as listing:
            entries = list(listing)
        for entry in entries:
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if self._prune(entry.path, f"{path}/", files, kept, mode):
                    os.rmdir(entry.path)  # noqa: PTH106
                else:
                    empty = False
                    if stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode) != mode:
                        os.chmod(entry.path, mode)  # noqa: PTH101
            elif path in self._untouched and self._wanted_again(path, files):
                kept[path] = self._marks[path]
                empty = False
            else:
                os.unlink(entry.path)  # noqa: PTH108
        return empty

    def _wanted_again(self, path: str, files: tree.Tree) -> bool:
        """Whether it is wanted as a plain file with the content and times that it was laid with."""
        wanted, laid = files.get(path), self._start[path]
        return wanted is not None and bool(wanted.digest) and (wanted is laid or wanted == laid)

    def changes(self, blobs: runs.Blobs, *, ours: Set[str] = frozenset()) -> dict[str, tree.File]:
        """What is new or differs from what was laid out, its content taken into the blob store.

        Of the paths in `ours` it is enough that they were written again. A link that leads out
        of the workspace, and what is never an output, are passed over.
        """
        unwanted = ignore.unwanted()
        self._untouched = set()
        changed: dict[str, tree.File] = {}
        plain: dict[str, os.stat_result] = {}
        for path, status in _files(self.folder):
            if self._marks.get(path) == mark(status):
                self._untouched.add(path)
                continue
            if unwanted.match_file(path):
                continue
            if stat.S_ISREG(status.st_mode):
                plain[path] = status
            elif stat.S_ISDIR(status.st_mode):
                changed[path] = _folder(status)
            elif not tree.leads_out(path, target := _target(self.folder, path)):
                changed[path] = _link(status, target)
        changed |= _keep(self.folder, plain, blobs)
        return {
            path: file
            for path, file in changed.items()
            if path in ours or path not in self._start or not file.same(self._start[path])
        }

    def collect(
        self, paths: Iterable[str], outputs: tree.Tree, blobs: runs.Blobs
    ) -> dict[str, tree.File]:
        """The files at these paths, folders and patterns, taken into the blob store.

        `outputs`: what `changes` has taken in already.

        Raises:
            errors.ArtifactMissing: nothing is at one of them.
            errors.PathLeaves: one of them leads out of the workspace.
        """
        found: dict[str, tree.File] = {}
        for written in paths:
            path = tree.inner(written, what="an artifact path")
            place = self.folder / path
            if any(sign in path for sign in "*?[") and not os.path.lexists(place):
                places = sorted(self.folder.glob(path))
            else:
                places = [place]
            plain = {file: status for each in places for file, status in self._below(each).items()}
            if not plain:
                raise errors.ArtifactMissing(written)
            taken = {file: outputs[file] for file in plain if file in outputs}
            found |= {file: known for file, known in taken.items() if known.digest}
            unread = {file: status for file, status in plain.items() if file not in found}
            links = [file for file in unread if (self.folder / file).is_symlink()]
            for file in links:
                found[file] = self._behind(file, unread.pop(file), blobs)
            found |= _keep(self.folder, unread, blobs)
        return found

    def _behind(self, link: str, status: os.stat_result, blobs: runs.Blobs) -> tree.File:
        """The file that a link leads to, under the link's name."""
        digest, size = blobs.put_file(self.folder / link)
        mode = status.st_mode & 0o777
        return tree.File(digest=digest, size=size, mode=mode, mtime=status.st_mtime_ns)

    def _below(self, place: Path) -> dict[str, os.stat_result]:
        """The plain files at a place; links are followed as long as they stay inside."""
        real = place.resolve()
        if not real.is_relative_to(self.folder.resolve()):
            raise errors.PathLeaves(str(place.relative_to(self.folder)), "an artifact path")
        name = place.relative_to(self.folder).as_posix()
        if real.is_file():
            return {name: real.stat()}
        if not real.is_dir():
            return {}
        unwanted = ignore.unwanted()
        inside = {
            path if name == "." else f"{name}/{path}": status
            for path, status in _files(real)
            if stat.S_ISREG(status.st_mode)
        }
        return {path: status for path, status in inside.items() if not unwanted.match_file(path)}


def _fill(folder: Path, files: tree.Tree, blobs: runs.Blobs) -> dict[str, Mark]:
    """Lays files into a folder; returns by what it is seen that one was changed."""
    plain = {path: file for path, file in files.items() if file.digest}
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
        elif not file.digest:
            (folder / path).mkdir(parents=True, exist_ok=True)
    return {path: mark(os.lstat(f"{folder}/{path}")) for path in files}


def remove(folder: Path) -> None:
    """Removes a workspace, also what forbids it by its mode."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for place, _, _ in os.walk(folder):
            os.chmod(place, 0o700)  # noqa: PTH101
        shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> list[tuple[str, os.stat_result]]:
    """All plain files, links and empty folders below a folder, in order, relative to it."""
    found: list[tuple[str, os.stat_result]] = []
    ahead = [(str(folder), "")]
    while ahead:
        place, prefix = ahead.pop()
        empty = True
        with os.scandir(place) as listing:
            for entry in listing:
                empty = False
                if entry.is_dir(follow_symlinks=False):
                    ahead.append((entry.path, f"{prefix}{entry.name}/"))
                elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                    found.append((prefix + entry.name, entry.stat(follow_symlinks=False)))
        if empty and prefix:
            found.append((prefix[:-1], os.lstat(place)))
    found.sort(key=lambda file: file[0])
    return found


def _keep(
    folder: Path, files: Mapping[str, os.stat_result], blobs: runs.Blobs
) -> dict[str, tree.File]:
    try:
        kept = blobs.collect(folder, files) if files else []
    except OSError as error:
        raise errors.Unreadable(Path(error.filename or folder), str(error.strerror)) from error
    return {
        each.path: tree.File(
            digest=each.digest,
            size=each.size,
            mode=each.mode,
            mtime=files[each.path].st_mtime_ns,
        )
        for each in kept
    }


def _folder(status: os.stat_result) -> tree.File:
    return tree.File(digest="", size=0, mode=0o777, mtime=status.st_mtime_ns)


def _link(status: os.stat_result, target: str) -> tree.File:
    return tree.File(digest="", size=0, mode=0o777, mtime=status.st_mtime_ns, link=target)


def _target(folder: Path, path: str) -> str:
    """Where a link points; one by absolute name to inside the folder is made relative."""
    target = str((folder / path).readlink())
    if target.startswith("/") and Path(target).is_relative_to(folder):
        return os.path.relpath(target, (folder / path).parent)
    return target
