"""Data sets: made once, kept by content, loaded by every task that refers to them."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from ame import project, runs
from ame.engine import plan
from ame.engine.home import Home
from ame.engine.workspace import tree
from ame.runs import datasets


def key(dataset: project.Dataset) -> str:
    """What a data set is made by, as one digest: its path, and the task that makes it.

    When one of them changes, the data set is made anew. Files that the task reads do not count;
    `ame ds remove` lets it be made again.
    """
    made_by = [dataset.path, plan.plain(dataset.task)]
    return hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()


def find(dataset: project.Dataset, home: Home) -> tree.Tree | None:
    """The files of a data set, if it was made before and is kept whole."""
    kept = home.datasets.find(dataset.project, dataset.name, key(dataset))
    return None if kept is None else home.kept(kept.manifest)


class Making:
    """The data sets that this process makes: no other one makes them meanwhile.

    The locks are taken in one order by all, and end with the process that holds them.
    """

    def __init__(self, folder: Path) -> None:
        """`folder`: where the locks are."""
        self._folder = folder
        self._held: dict[str, int] = {}

    def begin(self, wanted: Iterable[project.Dataset], note: Callable[[str], None]) -> None:
        """Waits until no other process makes any of them, and keeps others from it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, dataset in sorted({key(each): each for each in wanted}.items()):
            descriptor = os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            self._held[name] = descriptor
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                note(f"waiting for data set {dataset.project}.{dataset.name}: a run is making it")
                fcntl.flock(descriptor, fcntl.LOCK_EX)

    def keep(self, dataset: project.Dataset, files: tree.Tree, run: str, home: Home) -> None:
        """Keeps a data set that has been made; who waits for it gets it."""
        home.datasets.save(
            datasets.Dataset(
                project=dataset.project,
                name=dataset.name,
                key=key(dataset),
                manifest=home.blobs.put_bytes(tree.encode(files)),
                size=sum(file.size for file in files.values()),
                created=datetime.now(UTC),
                state=runs.State.SUCCEEDED,
                run=run,
            )
        )
        self.end(key(dataset))

    def end(self, *names: str) -> None:
        """Lets go of those data sets, by their keys; without any, of all."""
        for name in names or tuple(self._held):
            descriptor = self._held.pop(name, None)
            if descriptor is not None:
                os.close(descriptor)
