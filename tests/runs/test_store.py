"""What every form of the store of runs promises."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf, isnan, nan
from pathlib import Path

import pytest

from ame import errors, runs
from ame.runs import memory
from ame.storage import sqlite

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FORMS: dict[str, Callable[[Path], runs.Store]] = {
    "memory": lambda _: memory.MemoryStore(),
    "sqlite": lambda folder: sqlite.Database(folder / "ame.db"),
}


@pytest.fixture(params=FORMS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[runs.Store]:
    form = FORMS[request.param](tmp_path)
    yield form
    form.close()


def run(name: str, minutes: float = 0, **fields: object) -> runs.Run:
    base = runs.Run(
        name=name,
        task=name.partition("-")[0],
        project="demo",
        created=NOON + timedelta(minutes=minutes),
    )
    return replace(base, **fields)  # type: ignore[arg-type]  # each test names fields of a Run


FULL = run(
    "train-abc",
    state=runs.State.FAILED,
    kind="task",
    reason="prepare failed: caf\u00e9",
    started=NOON + timedelta(seconds=1),
    ended=NOON + timedelta(seconds=2, microseconds=7),
    owner="boot:1:2",
    folder="/home/p/d\udcff",
    commit="c0ffee",
    dirty=True,
    arguments=("--rate", "0.1", "\udcfe", ""),
    resumes="train-aaa",
    spec='{"command": "x"}',
)
STEP = runs.Step(
    run="train-abc",
    name="all/prepare",
    index=3,
    needs=("a", "b"),
    state=runs.State.SUCCEEDED,
    reason="from the cache",
    started=NOON,
    ended=NOON + timedelta(seconds=1),
    limits="memory by cgroup v2",
    key="k1",
    outputs="o1",
)
ATTEMPT = runs.Attempt(
    run="train-abc",
    step="all/prepare",
    number=1,
    state=runs.State.FAILED,
    reason="out of memory",
    started=NOON,
    ended=NOON + timedelta(seconds=1),
    exit_code=-9,
    process="boot:3:4",
    peak_memory=1 << 40,
    cpu_seconds=0.25,
)
METRIC = runs.Metric(
    run="train-abc", step="all/prepare", name="loss", value=0.5, at=NOON, iteration=7
)
ARTIFACT = runs.Artifact(
    run="train-abc",
    step="all/prepare",
    path="out/m\udcff.bin",
    digest="d1",
    size=1 << 40,
    mode=0o755,
)


def test_what_was_saved_is_read_back_whole(store: runs.Store) -> None:
    store.save(FULL, STEP, ATTEMPT, METRIC, ARTIFACT)

    assert store.find("train-abc") == FULL
    assert store.steps("train-abc") == (STEP,)
    assert store.attempts("train-abc") == (ATTEMPT,)
    assert store.metrics("train-abc") == (METRIC,)
    assert store.artifacts("train-abc") == (ARTIFACT,)


def test_saving_again_replaces_all_but_metrics(store: runs.Store) -> None:
    store.save(run("train-abc", spec="{}"), STEP, ATTEMPT, METRIC, ARTIFACT)

    later = replace(STEP, state=runs.State.FAILED), replace(ATTEMPT, exit_code=1)
    store.save(FULL, *later, METRIC, replace(ARTIFACT, size=1))

    assert store.find("train-abc") == FULL
    assert (*store.steps("train-abc"), *store.attempts("train-abc")) == later
    assert store.metrics("train-abc") == (METRIC, METRIC)
    assert store.artifacts("train-abc") == (replace(ARTIFACT, size=1),)


def test_values_that_are_no_number_are_kept(store: runs.Store) -> None:
    store.save(FULL, *(replace(METRIC, value=value) for value in (nan, inf, -inf)))

    first, *others = (metric.value for metric in store.metrics("train-abc"))

    assert isnan(first)
    assert others == [inf, -inf]


def test_records_may_stand_before_their_run(store: runs.Store) -> None:
    store.save(STEP, FULL)

    assert store.steps("train-abc") == (STEP,)


@pytest.mark.parametrize("orphan", [STEP, ATTEMPT, METRIC, ARTIFACT])
def test_a_record_of_an_unknown_run_is_refused_and_nothing_is_saved(
    store: runs.Store, orphan: runs.Record
) -> None:
    with pytest.raises(errors.RunNotFound, match="train-abc"):
        store.save(run("other-x"), orphan)

    with pytest.raises(errors.RunNotFound):
        store.find("other-x")


def test_a_run_of_the_same_name_made_at_another_time_is_refused(store: runs.Store) -> None:
    store.save(run("train-abc"))

    with pytest.raises(errors.RunConflict, match="train-abc"):
        store.save(run("other-x"), run("train-abc", minutes=1))

    assert store.page(runs.Filter(), limit=9).runs == (run("train-abc"),)


def test_a_run_is_found_by_its_name_before_that_of_a_task(store: runs.Store) -> None:
    named = run("train", task="other")
    store.save(named, run("train-b", 1))

    assert store.find("train") == named


def test_the_name_of_a_task_means_its_newest_run(store: runs.Store) -> None:
    store.save(run("train-b", 2), run("train-a", 1), run("train-c", 0), run("test-a", 3))

    assert store.find("train").name == "train-b"


def test_a_name_that_is_not_found_brings_the_nearest(store: runs.Store) -> None:
    store.save(run("train-a"), run("evaluate-b"))

    with pytest.raises(errors.RunNotFound, match="did you mean `train`") as caught:
        store.find("trian")

    assert caught.value.name == "trian"
    with pytest.raises(errors.RunNotFound, match="ame task list"):
        store.find("zzz")


def pages(store: runs.Store, where: runs.Filter, limit: int) -> Iterator[list[str]]:
    after = None
    for _ in range(1000):
        page = store.page(where, limit=limit, after=after)
        yield [run.name for run in page.runs]
        after = page.after
        if after is None:
            return


def test_pages_follow_one_another_newest_first(store: runs.Store) -> None:
    for minute in (3, 1, 4, 0, 2):
        store.save(run(f"train-{minute}", minute))

    assert list(pages(store, runs.Filter(), 2)) == [
        ["train-4", "train-3"],
        ["train-2", "train-1"],
        ["train-0"],
    ]
    assert list(pages(store, runs.Filter(), 5)) == [[f"train-{m}" for m in (4, 3, 2, 1, 0)]]
    assert list(pages(store, runs.Filter(search="absent"), 5)) == [[]]


def test_runs_of_one_microsecond_are_all_paged_the_last_saved_first(store: runs.Store) -> None:
    names = [f"train-{number}" for number in (3, 1, 2, 0)]
    for name in names:
        store.save(run(name))

    assert list(pages(store, runs.Filter(), 1)) == [[name] for name in reversed(names)]


def test_a_page_goes_on_after_a_run_that_is_gone(store: runs.Store) -> None:
    store.save(*(run(f"train-{minute}", minute) for minute in range(4)))
    after = store.page(runs.Filter(), limit=2).after

    store.remove(["train-2"])

    assert [r.name for r in store.page(runs.Filter(), limit=9, after=after).runs] == [
        "train-1",
        "train-0",
    ]


MANY = [
    run(f"{task}-{number}{tail}", number, task=task, project=project, state=state)
    for number, (task, project, state, tail) in enumerate(
        itertools.product(
            ("train", "Test_2"), ("demo", "other"), runs.State, ("xyz", 'a"b', "\u00c9T\u00c9")
        )
    )
]


@pytest.mark.parametrize(
    "search",
    [
        *("", "t", "2", "In", "RAI", "xyz", '"', '1a"b', "\u00e9t\u00e9", "%", "_2-", "z\n"),
        *("-", "n-", "n-1", "2-17x", "TRAIN-1\u00e9", "t-1", "-1", "1x"),
    ],
)
@pytest.mark.parametrize("glances", [1_000_000, 0])
@pytest.mark.parametrize("project", ["", "other", "absent"])
@pytest.mark.parametrize("task", ["", "train"])
@pytest.mark.parametrize(
    "states", [set(), {runs.State.FAILED}, {runs.State.PENDING, runs.State.RUNNING}]
)
def test_filters_and_search_show_what_passes_all_of_them(
    search: str,
    project: str,
    task: str,
    states: set[runs.State],
    glances: int,
    many: list[runs.Store],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sqlite.search, "_GLIMPSE", 10)
    monkeypatch.setattr(sqlite.search, "_GLANCE", glances)
    where = runs.Filter(states=frozenset(states), project=project, task=task, search=search)
    expected = [
        r.name
        for r in reversed(MANY)
        if (not states or r.state in states)
        and project in ("", r.project)
        and task in ("", r.task)
        and search.casefold() in r.name.casefold()
    ]

    for store in many:
        assert list(itertools.chain(*pages(store, where, 7))) == expected


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[runs.Store]]:
    stores = [form(tmp_path_factory.mktemp("many")) for form in FORMS.values()]
    for store in stores:
        store.save(*MANY)
    yield stores
    for store in stores:
        store.close()


def test_unfinished_are_those_in_no_final_state(store: runs.Store) -> None:
    store.save(*(run(f"train-{state}", state=state) for state in runs.State))

    assert {r.name for r in store.unfinished()} == {"train-Pending", "train-Running"}


def test_steps_stand_in_the_order_of_the_file_and_attempts_in_that_of_time(
    store: runs.Store,
) -> None:
    store.save(run("train-abc"))
    for index in (2, 0, 1):
        store.save(replace(STEP, name=f"s{9 - index}", index=index))
        store.save(replace(ATTEMPT, number=9 - index, started=NOON + timedelta(hours=index)))

    assert [step.index for step in store.steps("train-abc")] == [0, 1, 2]
    assert [tried.number for tried in store.attempts("train-abc")] == [9, 8, 7]
    assert not [*store.steps("absent"), *store.attempts("absent"), *store.metrics("absent")]


def test_artifacts_stand_in_the_order_of_their_paths(store: runs.Store) -> None:
    store.save(run("train-abc"))
    for path in ("b", "a/c", "a", "\u00e9"):
        store.save(replace(ARTIFACT, path=path))

    assert [saved.path for saved in store.artifacts("train-abc")] == ["a", "a/c", "b", "\u00e9"]


def test_the_newest_good_step_with_a_key_is_reusable(store: runs.Store) -> None:
    store.save(run("a"), run("b", 1), run("c", 2))
    ended = [NOON + timedelta(minutes=minute) for minute in range(3)]
    store.save(
        replace(STEP, run="a", ended=ended[1]),
        replace(STEP, run="b", ended=ended[0]),
        replace(STEP, run="c", name="failed", state=runs.State.FAILED, ended=ended[2]),
        replace(STEP, run="c", name="kept nothing", outputs="", ended=ended[2]),
        replace(STEP, run="c", name="not cached", key="", ended=ended[2]),
    )

    assert store.reusable("k1") == replace(STEP, run="a", ended=ended[1])
    assert store.reusable("") is None
    assert store.reusable("k2") is None


def test_a_removed_run_is_forgotten_with_all_that_belongs_to_it(store: runs.Store) -> None:
    store.save(FULL, STEP, ATTEMPT, METRIC, ARTIFACT, run("train-other"))

    store.remove(["train-abc", "absent"])
    store.remove([])

    assert [r.name for r in store.page(runs.Filter(search="train"), limit=9).runs] == [
        "train-other"
    ]
    assert store.reusable("k1") is None
    store.save(run("train-abc", 5))
    assert not [*store.steps("train-abc"), *store.attempts("train-abc")]
    assert not [*store.metrics("train-abc"), *store.artifacts("train-abc")]


def test_a_store_may_be_closed_twice(store: runs.Store) -> None:
    store.close()
    store.close()
