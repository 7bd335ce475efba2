"""The files of a tree that paths, folders and patterns name."""

import fnmatch
import posixpath
from collections.abc import Iterable

from ame import errors
from ame.engine.workspace import tree


def choose(paths: Iterable[str], files: tree.Tree) -> dict[str, tree.File]:
    """The files at these paths, below these folders, and that these patterns match.

    `*` stays within a folder, `**` does not. A link stands for the file that it leads to.

    Raises:
        errors.ArtifactMissing: nothing is at one of them.
        errors.PathLeaves: one of them leads out of the tree.
    """
    chosen: dict[str, tree.File] = {}
    for written in paths:
        path = tree.inner(written, what="an artifact path")
        pattern = [] if path == "." else path.split("/")
        named = {name: file for name, file in files.items() if _below(name.split("/"), pattern)}
        found = {name: _behind(name, file, files) for name, file in named.items()}
        plain = {name: file for name, file in found.items() if file is not None and file.digest}
        if not plain:
            raise errors.ArtifactMissing(written)
        chosen |= plain
    return chosen


def _below(parts: list[str], pattern: list[str]) -> bool:
    """Whether a path, or a folder on its way, matches."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_below(parts[start:], pattern[1:]) for start in range(len(parts)))
    named = bool(parts) and (parts[0] == pattern[0] or fnmatch.fnmatchcase(parts[0], pattern[0]))
    return named and _below(parts[1:], pattern[1:])


def _behind(path: str, file: tree.File, files: tree.Tree) -> tree.File | None:
    if not file.link:
        return file
    return files.get(posixpath.normpath(posixpath.join(posixpath.dirname(path), file.link)))
