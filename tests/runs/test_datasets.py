"""What every form of the data sets promises."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ame import runs
from ame.runs import datasets, memory
from ame.storage import sqlite

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MNIST = datasets.Dataset(
    project="demo",
    name="mnist",
    key="k1",
    manifest="m1",
    size=1 << 40,
    created=NOON,
    state=runs.State.SUCCEEDED,
    run="fetch-abc",
)
FORMS: dict[str, Callable[[Path], memory.MemoryStore | sqlite.Database]] = {
    "memory": lambda _: memory.MemoryStore(),
    "sqlite": lambda folder: sqlite.Database(folder / "ame.db"),
}


@pytest.fixture(params=FORMS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[datasets.Datasets]:
    store = FORMS[request.param](tmp_path)
    yield store.datasets
    store.close()


def test_a_version_is_found_by_its_key_and_by_no_other(kept: datasets.Datasets) -> None:
    kept.save(MNIST)

    assert kept.find("demo", "mnist", "k1") == MNIST
    assert kept.find("demo", "mnist", "k2") is None
    assert kept.find("other", "mnist", "k1") is None


def test_saving_again_replaces(kept: datasets.Datasets) -> None:
    kept.save(replace(MNIST, state=runs.State.RUNNING, manifest=""))
    kept.save(MNIST)

    assert kept.list() == (MNIST,)


def test_all_are_listed_by_project_and_name_the_newest_first(kept: datasets.Datasets) -> None:
    newer = replace(MNIST, key="k0", created=NOON + timedelta(days=1))
    other = replace(MNIST, project="another")
    digits = replace(MNIST, name="digits")
    for dataset in (MNIST, newer, other, digits):
        kept.save(dataset)

    assert kept.list() == (other, digits, newer, MNIST)
    assert kept.list("demo") == (digits, newer, MNIST)
    assert kept.list("absent") == ()


def test_a_removed_version_is_forgotten_and_the_others_stay(kept: datasets.Datasets) -> None:
    kept.save(MNIST)
    kept.save(replace(MNIST, key="k2"))

    kept.remove(MNIST)
    kept.remove(MNIST)

    assert kept.list() == (replace(MNIST, key="k2"),)
