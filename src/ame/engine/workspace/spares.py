"""Workspaces that are to be had again: most steps differ little from the one before in files."""

import threading
from collections import defaultdict
from itertools import chain
from pathlib import Path

from ame import runs
from ame.engine.workspace import tree
from ame.engine.workspace.folder import Workspace, remove

_SMALL = 64 * 1024**2
"""Bytes of outputs with which a workspace is kept until another step takes it over."""


class Spares:
    """Lays workspaces, and keeps those that are not needed any more. Any thread may use it."""

    def __init__(self, blobs: runs.Blobs) -> None:
        self._blobs = blobs
        self._lock = threading.Lock()
        self._kept: dict[Path, list[Workspace]] = defaultdict(list)
        """By their project."""
        self._places: set[Path] = set()
        """Where those are, or were."""

    def lay(self, project: Path, files: tree.Tree, folder: Path) -> Workspace:
        """A workspace with these files: a spare one of the same project, or a new one."""
        with self._lock:
            kept = self._kept.get(project)
            spare = kept.pop() if kept else None
        if spare is not None:
            try:
                return spare.lay_again(files, folder, self._blobs)
            except OSError:
                remove(spare.folder)
                remove(folder)
        return Workspace.lay(files, folder, self._blobs)

    def keep(self, project: Path, workspace: Workspace, outputs: tree.Tree) -> None:
        """Keeps the workspace of a step that is done, unless what it made is large."""
        if sum(file.size for file in outputs.values()) <= _SMALL:
            with self._lock:
                self._places.add(workspace.folder)
                self._kept[project].append(workspace)

    def clear(self, folder: Path) -> None:
        """Removes a workspace that no process uses any more, unless it is kept."""
        if folder not in self._places:
            remove(folder)

    def close(self) -> None:
        """Removes those that are kept."""
        for spare in chain(*self._kept.values()):
            remove(spare.folder)
