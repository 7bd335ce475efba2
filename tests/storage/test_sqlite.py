"""What the SQLite form of the store of runs has beyond the promises of all forms."""

import itertools
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from ame import runs
from ame.storage import sqlite
from ame.storage.sqlite import rows, search
from ame.storage.sqlite.connections import MIGRATIONS, Connections

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite.Database]:
    form = sqlite.Database(tmp_path / "ame.db")
    yield form
    form.close()


def run(name: str) -> runs.Run:
    return runs.Run(name=name, task="train", project="demo", created=NOON)


WRITE = """
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from ame import runs
from ame.storage import sqlite
database = sqlite.Database(Path(sys.argv[1]))
who, most = sys.argv[2], int(sys.argv[3])
now = datetime.now(UTC)
database.save(runs.Run(name=who, task="train", project="demo", created=now))
for number in range(most):
    database.save(
        runs.Metric(run=who, step="s", name="loss", value=number, at=now),
        runs.Attempt(run=who, step="s", number=number, started=now),
    )
    print(number, flush=True)
"""


def writer(path: Path, who: str, most: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, str(path), who, str(most)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_was_accepted_is_there_after_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "ame.db"
    for round_, most in enumerate((1, 10, 150)):
        child = writer(path, f"train-{round_}", 1_000_000)
        assert child.stdout is not None
        for _ in range(most):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        accepted = most + sum(1 for line in child.stdout if line.endswith("\n"))
        child.wait()
        child.stdout.close()

        database = sqlite.Database(path)
        values = [metric.value for metric in database.metrics(f"train-{round_}")]
        attempts = database.attempts(f"train-{round_}")
        database.close()
        assert values == list(range(len(values)))
        assert accepted <= len(values) <= accepted + 1
        assert len(attempts) == len(values)


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ame.db"
    children = [writer(path, f"train-{number}", 200) for number in range(3)]

    for child in children:
        child.communicate(timeout=120)
        assert child.returncode == 0

    database = sqlite.Database(path)
    for number in range(3):
        assert [m.value for m in database.metrics(f"train-{number}")] == list(range(200))
    assert len(database.page(runs.Filter(), limit=9).runs) == 3
    database.close()


def test_threads_read_while_others_write(database: sqlite.Database) -> None:
    def write(who: int) -> None:
        for number in range(50):
            database.save(run(f"train-{who}-{number}"))

    writers = [Thread(target=write, args=(who,)) for who in range(3)]
    for thread in writers:
        thread.start()
    seen = 0
    while any(thread.is_alive() for thread in writers):
        shown = len(database.page(runs.Filter(search="train"), limit=1000).runs)
        assert shown >= seen
        seen = shown
    for thread in writers:
        thread.join()

    assert len(database.page(runs.Filter(), limit=1000).runs) == 150


def test_a_synced_database_keeps_the_same_promises(tmp_path: Path) -> None:
    database = sqlite.Database(tmp_path / "ame.db", full=True)
    database.save(run("train-a"))

    assert database.find("train-a") == run("train-a")
    database.close()


def test_no_filter_reads_more_runs_than_it_shows(database: sqlite.Database) -> None:
    given = itertools.product(
        ((), ("Failed",), ("Pending", "Running")), ("", "demo"), ("", "train")
    )
    for states, project, task in given:
        where = runs.Filter(states=frozenset(map(runs.State, states)), project=project, task=task)
        query, values = search.walk(where, 0, 10)
        with database._file.read() as connection:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]

        steps = [step for step in plan if "run" in step.split()]
        keys = [key for key, value in (("project", project), ("task", task)) if value]
        keys += ["state"] if keys or states else []
        assert steps
        assert all(f"({' AND '.join(f'{key}=?' for key in keys)}" in s for s in steps), plan
        assert all("SEARCH" in step for step in steps), plan
        assert not any("TEMP" in step for step in plan), plan


def test_no_heavy_package_is_imported() -> None:
    code = "import sys, ame.storage.sqlite; print({'sqlalchemy', 'pydantic'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout == "set()\n"


def test_runs_of_an_older_version_are_found(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    shutil.copy(MIGRATIONS / "runs" / "0001.sql", old)
    file = Connections(tmp_path / "ame.db", old)
    named = ["train-1ab", "Stra\u00dfe-2ab", "nightly"]
    with file.write() as connection:
        for id_, name in enumerate(named):
            task = name.partition("-")[0] if "-" in name else "report"
            connection.execute(
                "INSERT INTO run VALUES (?, ?, ?, ?, 'demo', 'task', 'Failed', '', 0, 0, '', x'2f',"
                " '', 0, '', '')",
                (id_ << rows.SLOTS, name, search.fold(name), task),
            )
        connection.execute("INSERT INTO search (rowid, folded) SELECT id, folded FROM run")
    file.close()

    database = sqlite.Database(tmp_path / "ame.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_GLIMPSE", 10)
        patch.setattr(search, "_GLANCE", 0)
        for name in named:
            for part in (name[:3], name[-3:], name[2:6]):
                page = database.page(runs.Filter(search=part), limit=9)
                assert name in [run.name for run in page.runs]
    database.remove(named)
    assert not database.page(runs.Filter(search="ab"), limit=9).runs
    database.close()
