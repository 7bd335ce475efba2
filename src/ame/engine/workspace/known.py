"""What is known of a project's files from earlier snapshots, so that they need not be read again.

A file is taken as unchanged while its inode, size, and times of change of content and of status
are. One that was changed so shortly before a snapshot that a later change might not show in its
times is read anew by the next.
"""

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from ame import runs
from ame.engine.workspace import tree

Mark = tuple[int, int, int, int]
"""What changes when a file does: inode, size, time of change of content and of status."""
_SETTLED = 2 * 10**9
"""Nanoseconds after which a later change shows in a file's times, on any filesystem."""


def mark(status: os.stat_result) -> Mark:
    """The mark of a file."""
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class Known:
    """The marks and digests of one project's files, kept in a file of the state folder."""

    def __init__(self, home: Path, project: Path) -> None:
        name = hashlib.sha256(os.fsencode(project)).hexdigest()[:32]
        self._file = home / "snapshots" / f"{name}.json"
        self._now = time.time_ns()

    def find(self, files: dict[str, os.stat_result], blobs: runs.Blobs) -> dict[str, tree.File]:
        """Those of the files that have not changed since they were last read, and are kept."""
        same: list[runs.Entry] = []
        for path, (digest, *marked) in self._read().items():
            status = files.get(path)
            if status is not None and tuple(marked) == mark(status):
                mode = status.st_mode & 0o777
                same.append(runs.Entry(path=path, digest=digest, size=status.st_size, mode=mode))
        return {
            entry.path: tree.File(
                digest=entry.digest,
                size=entry.size,
                mode=entry.mode,
                mtime=files[entry.path].st_mtime_ns,
            )
            for entry in blobs.renew(same)
        }

    def keep(self, files: dict[str, os.stat_result], content: tree.Tree) -> None:
        """Remembers the files that will show it when they change."""
        rows = {
            path: [content[path].digest, *mark(status)]
            for path, status in files.items()
            if max(status.st_mtime_ns, status.st_ctime_ns) < self._now - _SETTLED
            and status.st_mtime_ns == content[path].mtime
        }
        self._file.parent.mkdir(exist_ok=True)
        fresh = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        fresh.write_text(json.dumps(rows, separators=(",", ":")))
        fresh.replace(self._file)

    def _read(self) -> dict[str, list[Any]]:
        try:
            rows: dict[str, list[Any]] = json.loads(self._file.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return rows
