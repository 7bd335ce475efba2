"""Trees: the files of a folder by their content, as values.

A workspace begins as a tree, and what a step made or changed is a tree. Trees are kept as JSON.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

from ame import errors


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file by its content, or a link by where it leads, or an empty folder."""

    digest: str
    """By which the blob store knows the content; empty for a link and for a folder."""
    size: int
    """Bytes."""
    mode: int
    """Permission bits."""
    mtime: int
    """Nanoseconds since 1970; does not count when files are compared."""
    link: str = ""
    """The target of a symbolic link, relative to its own folder and within the tree."""

    @property
    def counts(self) -> bool:
        """Whether there is something in it: it is no empty folder."""
        return bool(self.digest or self.link)

    def same(self, other: "File") -> bool:
        """Whether both have one content and one mode."""
        mine = (self.digest, self.link, self.mode)
        return mine == (other.digest, other.link, other.mode)


T = TypeVar("T")
Tree = Mapping[str, File]
"""Files by their path relative to the top, with `/`."""


def encode(tree: Tree) -> bytes:
    """The tree as JSON, in the order of its paths."""
    rows = [[path, f.digest, f.size, f.mode, f.mtime, f.link] for path, f in sorted(tree.items())]
    return json.dumps(rows, separators=(",", ":")).encode()


def fingerprint(tree: Tree) -> str:
    """A digest of what the files are; their times do not count."""
    rows = [(path, f.digest, f.mode, f.link) for path, f in sorted(tree.items())]
    return hashlib.sha256(repr(rows).encode(errors="surrogateescape")).hexdigest()


def decode(content: bytes) -> dict[str, File]:
    """The tree that `encode` wrote."""
    return {
        path: File(digest=digest, size=size, mode=mode, mtime=mtime, link=link)
        for path, digest, size, mode, mtime, link in json.loads(content)
    }


def inner(path: str, *, what: str) -> str:
    """The path in its plain form, if it stays within its folder.

    Raises:
        errors.PathLeaves: it is absolute, climbs out with `..`, or is empty.
    """
    plain = PurePosixPath(path)
    if plain.is_absolute() or "\0" in path or not path.strip():
        raise errors.PathLeaves(path, what)
    parts: list[str] = []
    for part in plain.parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise errors.PathLeaves(path, what)
    return "/".join(parts) or "."


def leads_out(path: str, target: str) -> bool:
    """Whether a link at `path` of a tree, with this relative target, leads out of the tree."""
    try:
        inner(str(PurePosixPath(path).parent / target), what="a link")
    except errors.PathLeaves:
        return True
    return target.startswith("/")


def lay_over(below: dict[str, T], above: Mapping[str, T]) -> None:
    """Adds `above` to `below`; what is in the way of it there, by name or as a folder, goes."""
    if not above:
        return
    new = above.keys() - below.keys()
    if new:
        folders = {folder for path in new for folder in folders_of(path)}
        for path in folders & below.keys():
            del below[path]
        for path in [path for path in below if not new.isdisjoint(folders_of(path))]:
            del below[path]
    below.update(above)


def folders_of(path: str) -> Iterator[str]:
    """The folders that a path is in, from the inside."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
