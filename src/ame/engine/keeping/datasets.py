"""Data sets: made once, kept by content, loaded by every task that refers to them."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ame import project, runs
from ame.engine import plan
from ame.engine.workspace import tree
from ame.runs import datasets


def key(dataset: project.Dataset) -> str:
    """What a data set is made by, as one digest: its path, and the task that makes it.

    When one of them changes, the data set is made anew. Files that the task reads do not count;
    `ame ds remove` lets it be made again.
    """
    made_by = [dataset.path, plan.plain(dataset.task)]
    return hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()


def find(
    dataset: project.Dataset, *, store: datasets.Datasets, blobs: runs.Blobs
) -> tree.Tree | None:
    """The files of a data set, if it was made before and is kept whole."""
    kept = store.find(dataset.project, dataset.name, key(dataset))
    if kept is None or not blobs.contains(kept.manifest):
        return None
    with blobs.open(kept.manifest) as content:
        files = tree.decode(content.read())
    whole = all(file.link or blobs.contains(file.digest) for file in files.values())
    return files if whole else None


def keep(
    dataset: project.Dataset,
    files: tree.Tree,
    run: str,
    *,
    store: datasets.Datasets,
    blobs: runs.Blobs,
) -> None:
    """Keeps a data set that has been made."""
    store.save(
        datasets.Dataset(
            project=dataset.project,
            name=dataset.name,
            key=key(dataset),
            manifest=blobs.put_bytes(tree.encode(files)),
            size=sum(file.size for file in files.values()),
            created=datetime.now(UTC),
            state=runs.State.SUCCEEDED,
            run=run,
        )
    )


@contextmanager
def alone(
    wanted: Iterable[project.Dataset], folder: Path, note: Callable[[str], None]
) -> Iterator[None]:
    """Keeps other runs from making the same data sets as long as it is open.

    The locks are taken in one order by all, and end with the process that holds them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held: list[int] = []
    try:
        for name, dataset in sorted({key(each): each for each in wanted}.items()):
            descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            held.append(descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                note(f"waiting for data set {dataset.project}.{dataset.name}: a run is making it")
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)
