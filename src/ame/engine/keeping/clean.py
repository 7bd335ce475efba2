"""Clearing what is no longer wanted, so that the disk does not fill."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ame import runs
from ame.engine.home import Home

_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """What was removed, or would be."""

    runs: tuple[str, ...]
    environments: int = 0
    freed: int = 0
    """Bytes of stored files."""


def old_runs(home: Home, *, before: datetime) -> tuple[str, ...]:
    """The runs that have ended and were created before that time, oldest last."""
    return tuple(run.name for run in _all(home.store) if run.state.final and run.created < before)


def clean(home: Home, *, before: datetime) -> Cleared:
    """Removes runs that ended and were created before that time, and what only they needed.

    That is their logs and metrics, stored files to which no run and no data set refers,
    environments that were last used before that time, and what is known of the files of projects
    that were last run before it. Files that were brought back into projects
    stay. Runs may go on meanwhile.
    """
    old = old_runs(home, before=before)
    for start in range(0, len(old), _AT_ONCE):
        home.store.remove(old[start : start + _AT_ONCE])
    going = home.store.unfinished()
    known = {run.name for run in _all(home.store)}
    logs = home.folder / "runs"
    for folder in logs.iterdir() if logs.is_dir() else ():
        # A folder is made after its run is saved, so one without a run belongs to none.
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)
    for known_files in (home.folder / "snapshots").glob("*"):
        # Written by each run of a project: its next run reads the files themselves.
        with suppress(FileNotFoundError):
            if known_files.stat().st_mtime < before.timestamp():
                known_files.unlink()
    oldest = min((run.created for run in going), default=datetime.now(before.tzinfo))
    freed = home.blobs.sweep(_wanted(home), before=oldest)
    environments = home.environments.sweep(before)
    return Cleared(runs=old, environments=len(environments), freed=freed)


def _all(store: runs.Store) -> Iterator[runs.Run]:
    after: runs.Cursor | None = None
    while True:
        page = store.page(runs.Filter(), limit=_AT_ONCE, after=after)
        yield from page.runs
        after = page.after
        if after is None:
            return


def _wanted(home: Home) -> set[str]:
    """The digests of all stored files that something refers to."""
    artifacts, manifests = home.store.digests()
    manifests |= {each.manifest for each in home.datasets.list() if each.manifest}
    wanted = artifacts | manifests
    for manifest in manifests:
        if home.blobs.contains(manifest):
            wanted |= {file.digest for file in home.read_tree(manifest).values() if file.digest}
    return wanted
