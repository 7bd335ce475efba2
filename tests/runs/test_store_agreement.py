"""Whatever is done to both forms of the store of runs, they show the same."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ame import errors, runs
from ame.runs import memory
from ame.storage import sqlite

NAMES = ["train-ab", "train-AB", "Tr\u00e4in-ab", "test-abc", 'te"st', "a", "b%_-c"]
TASKS = ["train", "test", "a"]
PROJECTS = ["demo", "other"]
TIMES = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute) for minute in range(3)]
SEARCHES = [
    "",
    "a",
    "ab",
    "rain",
    "AIN",
    "\u00c4",
    "te",
    't"s',
    "%",
    "abc",
    "zz",
    "train-abc",
    "n-A",
    "-",
    "st-abc",
    "-a",
    "a-",
]

filters = st.builds(
    runs.Filter,
    states=st.frozensets(st.sampled_from(runs.State), max_size=2),
    project=st.sampled_from(["", *PROJECTS]),
    task=st.sampled_from(["", *TASKS]),
    search=st.sampled_from(SEARCHES),
)
some_runs = st.builds(
    runs.Run,
    name=st.sampled_from(NAMES),
    task=st.sampled_from(TASKS),
    project=st.sampled_from(PROJECTS),
    state=st.sampled_from(runs.State),
    created=st.sampled_from(TIMES),
    ended=st.none() | st.sampled_from(TIMES),
    arguments=st.lists(st.text(max_size=3), max_size=2).map(tuple),
    spec=st.sampled_from(["", "{}"]),
)
some_steps = st.builds(
    runs.Step,
    run=st.sampled_from(NAMES),
    name=st.sampled_from(["s1", "s2"]),
    index=st.integers(0, 2),
    state=st.sampled_from(runs.State),
    ended=st.sampled_from(TIMES),
    key=st.sampled_from(["", "k"]),
    outputs=st.sampled_from(["", "o"]),
)
some_metrics = st.builds(
    runs.Metric,
    run=st.sampled_from(NAMES),
    step=st.just("s1"),
    name=st.sampled_from(["loss", "n\u00e9"]),
    value=st.floats(allow_nan=False),
    at=st.sampled_from(TIMES),
    iteration=st.none() | st.integers(0, 9),
)
some_artifacts = st.builds(
    runs.Artifact,
    run=st.sampled_from(NAMES),
    step=st.sampled_from(["s1", "s2"]),
    path=st.sampled_from(["a", "a/b", "\u00e9"]),
    digest=st.just("d"),
    size=st.integers(0, 1 << 50),
)
records = st.lists(st.one_of(some_runs, some_steps, some_metrics, some_artifacts), max_size=4)


class BothForms(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "ame.db"
        self._memory = memory.MemoryStore()
        self._sqlite = sqlite.Database(self._path)

    @rule(saved=records)
    def save(self, saved: Sequence[runs.Record]) -> None:
        told: list[type[Exception] | None] = []
        for store in (self._memory, self._sqlite):
            try:
                store.save(*saved)
                told.append(None)
            except errors.Error as error:
                told.append(type(error))
        assert told[0] is told[1]

    @rule(name=st.sampled_from(NAMES), state=st.sampled_from(runs.State))
    def move(self, name: str, state: runs.State) -> None:
        for run in self._memory.page(runs.Filter(search=name), limit=1).runs:
            for store in (self._memory, self._sqlite):
                store.save(replace(run, state=state))

    @rule(names=st.lists(st.sampled_from(NAMES), max_size=2))
    def remove(self, names: list[str]) -> None:
        self._memory.remove(names)
        self._sqlite.remove(names)

    @rule()
    def reopen(self) -> None:
        self._sqlite.close()
        self._sqlite = sqlite.Database(self._path)

    @rule(where=filters, limit=st.integers(1, 4), glances=st.sampled_from([0, 1_000_000]))
    def pages(self, where: runs.Filter, limit: int, glances: int) -> None:
        after = None
        for _ in range(len(NAMES)):
            page = self._memory.page(where, limit=limit, after=after)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sqlite.search, "_GLIMPSE", 10)
                patch.setattr(sqlite.search, "_GLANCE", glances)
                assert self._sqlite.page(where, limit=limit, after=after) == page
            after = page.after
            if after is None:
                break

    @precondition(lambda self: self._memory.page(runs.Filter(), limit=1).runs)
    @rule(name=st.sampled_from(NAMES + TASKS))
    def find(self, name: str) -> None:
        try:
            expected = self._memory.find(name)
        except errors.RunNotFound:
            with pytest.raises(errors.RunNotFound):
                self._sqlite.find(name)
        else:
            assert self._sqlite.find(name) == expected

    @invariant()
    def what_belongs_to_runs_is_the_same(self) -> None:
        for name in NAMES:
            assert self._memory.steps(name) == self._sqlite.steps(name)
            assert self._memory.metrics(name) == self._sqlite.metrics(name)
            assert self._memory.artifacts(name) == self._sqlite.artifacts(name)
        assert self._memory.unfinished() == self._sqlite.unfinished()
        one, other = self._memory.reusable("k"), self._sqlite.reusable("k")
        assert (one and one.ended) == (other and other.ended)

    def teardown(self) -> None:
        self._sqlite.close()
        self._folder.cleanup()


TestBothForms = BothForms.TestCase
TestBothForms.settings = settings(max_examples=15, stateful_step_count=20)
