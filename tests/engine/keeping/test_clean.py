import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ame import runs
from ame.engine.home import Home
from ame.engine.keeping import clean
from ame.engine.workspace import tree

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Home(tmp_path) as home:
        yield home


def keep(home: Home, name: str, *, age: int, content: bytes, state: runs.State) -> str:
    """A run `age` days old that saved one artifact, which is also an output of its step."""
    digest = home.blobs.put_bytes(content)
    files = {"a": tree.File(digest=digest, size=len(content), mode=0o644, mtime=0)}
    outputs = home.blobs.put_bytes(tree.encode(files))
    home.store.save(
        runs.Run(name=name, task="t", project="p", state=state, created=NOW - timedelta(days=age)),
        runs.Step(run=name, name="s", index=0, state=runs.State.SUCCEEDED, outputs=outputs),
        runs.Artifact(run=name, step="s", path="a", digest=digest, size=len(content)),
    )
    for blob in (home.folder / "blobs").rglob("*"):
        os.utime(blob, (NOW.timestamp(), NOW.timestamp()))
    folder = home.folder / "runs" / name
    folder.mkdir(parents=True)
    (folder / "log.1").write_text("printed")
    return digest


def test_old_runs_go_with_their_logs_and_young_ones_stay(home: Home) -> None:
    keep(home, "old", age=40, content=b"old", state=runs.State.SUCCEEDED)
    keep(home, "young", age=20, content=b"young", state=runs.State.FAILED)

    cleared = clean.clean(home, before=NOW - timedelta(days=30))

    assert cleared.runs == ("old",)
    assert [path.name for path in (home.folder / "runs").iterdir()] == ["young"]
    assert home.store.find("young").name == "young"


def test_what_a_young_run_refers_to_stays_even_if_an_old_one_made_it(home: Home) -> None:
    lone = keep(home, "old", age=40, content=b"lone", state=runs.State.SUCCEEDED)
    keep(home, "older", age=50, content=b"shared", state=runs.State.SUCCEEDED)
    shared = keep(home, "young", age=20, content=b"shared", state=runs.State.SUCCEEDED)

    cleared = clean.clean(home, before=NOW - timedelta(days=30))

    assert home.blobs.contains(shared)
    assert not home.blobs.contains(lone)
    assert cleared.freed >= len(b"lone")


def test_a_run_that_goes_on_is_never_removed(home: Home) -> None:
    digest = keep(home, "going", age=90, content=b"x", state=runs.State.RUNNING)

    cleared = clean.clean(home, before=NOW)

    assert cleared.runs == ()
    assert home.blobs.contains(digest)


def test_a_folder_of_no_run_is_removed(home: Home) -> None:
    (home.folder / "runs" / "stray").mkdir(parents=True)

    clean.clean(home, before=NOW)

    assert not (home.folder / "runs" / "stray").exists()


def test_data_sets_keep_their_files(home: Home) -> None:
    from ame.runs import datasets

    digest = home.blobs.put_bytes(b"rows")
    files = {"d": tree.File(digest=digest, size=4, mode=0o644, mtime=0)}
    home.datasets.save(
        datasets.Dataset(
            project="p",
            name="d",
            key="k",
            manifest=home.blobs.put_bytes(tree.encode(files)),
            created=NOW - timedelta(days=400),
            state=runs.State.SUCCEEDED,
        )
    )

    clean.clean(home, before=datetime.now(UTC))

    assert home.blobs.contains(digest)


def test_what_is_known_of_projects_that_were_not_run_for_long_goes(home: Home) -> None:
    folder = home.folder / "snapshots"
    folder.mkdir()
    for name, age in (("old.json", 31), ("young.json", 29)):
        (folder / name).write_text("{}")
        changed = (NOW - timedelta(days=age)).timestamp()
        os.utime(folder / name, (changed, changed))

    clean.clean(home, before=NOW - timedelta(days=30))

    assert [path.name for path in folder.iterdir()] == ["young.json"]
