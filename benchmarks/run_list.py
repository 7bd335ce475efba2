"""The list of a million stored runs: pages at any depth, filters, search, and saving meanwhile.

Beside it what is often done instead, on the same file: OFFSET for depth, LIKE for search.
Usage: python benchmarks/run_list.py [RUNS] [FOLDER]
"""

import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ame import runs
from ame.storage import sqlite
from ame.storage.sqlite import rows

START = datetime(2025, 1, 1, tzinfo=UTC)
VERBS = ("train", "evaluate", "prepare", "export")
NOUNS = ("mnist", "digits", "churn", "fraud", "llm", "vision", "speech", "text", "graph", "rank")
TASKS = [f"{verb}_{noun}" for verb in VERBS for noun in NOUNS]
SHOWN = 50


def build(path: Path, number: int) -> None:
    """The schema of the product, filled by SQL; its indexes are made at the end."""
    sqlite.Database(path).close()
    file = sqlite3.connect(path)
    indexes = file.execute(
        "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'run' AND sql LIKE 'CREATE INDEX%'"
    ).fetchall()
    for name, _ in indexes:
        file.execute(f"DROP INDEX {name}")
    file.execute("CREATE TEMP TABLE task (number INTEGER PRIMARY KEY, name TEXT)")
    file.executemany("INSERT INTO task VALUES (?, ?)", enumerate(TASKS))
    file.execute(
        """
        WITH RECURSIVE each (n, task, dice) AS (
            SELECT 0, 0, 0
            UNION ALL
            SELECT n + 1, abs(random()) % ?1, abs(random()) % 100 FROM each WHERE n < ?2 - 1
        )
        INSERT INTO run
        SELECT (?3 + n * 30000000) << ?4, name || '-' || lower(hex(randomblob(5))), '', name,
            CASE WHEN task < ?1 / 2 THEN 'project' || (task % 7) ELSE 'half' END, 'task',
            CASE WHEN dice < 90 THEN 'Succeeded' WHEN dice < 97 THEN 'Failed' ELSE 'Cancelled' END,
            '', ?3 + n, ?3 + n, 'boot:123:456', x'2f686f6d65', '', 0, '', '', ''
        FROM each JOIN task ON task.number = each.task
        """,
        (len(TASKS), number, rows.ticks(START), rows.SLOTS),
    )
    file.execute(
        "UPDATE run SET name = 'nightly-report-' || id WHERE id IN (SELECT id FROM run LIMIT 9)"
    )
    file.execute("UPDATE run SET folded = name || char(10, 10)")
    file.execute(
        "UPDATE run SET rest = substr(folded, CASE WHEN id IN (SELECT id FROM run LIMIT 9) THEN 1"
        " ELSE length(task) + 1 END)"
    )
    file.execute("INSERT INTO spec SELECT id, printf('%0300d', id) FROM run")
    file.execute("INSERT INTO search (rowid, rest) SELECT id, rest FROM run")
    for _, sql in indexes:
        file.execute(sql)
    file.commit()
    file.close()


def show(what: str, deed: Callable[[], object], times: int = 100) -> None:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        deed()
        spent.append((time.perf_counter() - start) * 1e3)
        if sum(spent) > 5000:
            break
    spent.sort()
    print(f"{what:58} {spent[len(spent) // 2]:9.2f} {spent[int(len(spent) * 0.95)]:9.2f}")


def product(database: sqlite.Database, number: int) -> None:
    def page(after: runs.Cursor | None = None, **where: object) -> runs.Page:
        return database.page(runs.Filter(**where), limit=SHOWN, after=after)  # type: ignore[arg-type]

    def at(depth: int) -> runs.Cursor:
        created = START + timedelta(seconds=30 * (number - depth))
        return runs.Cursor(created=created, name="")

    show("page: first", page)
    show("page: depth 1,000", lambda: page(at(1000)))
    show("page: depth in the middle", lambda: page(at(number // 2)))
    show("page: the last", lambda: page(at(number - SHOWN)))
    failed, pending = (frozenset({s}) for s in (runs.State.FAILED, runs.State.PENDING))
    for words, where in {
        "filter: one state": {"states": failed},
        "filter: a state that no run is in": {"states": pending},
        "filter: two states": {"states": failed | pending},
        "filter: project": {"project": "project3"},
        "filter: task": {"task": "train_mnist"},
        "filter: project, task and state": {
            "project": "project0",
            "task": "train_mnist",
            "states": failed,
        },
        "search: common": {"search": "TRAIN"},
        "search: a task": {"search": "train_mnist"},
        "search: rare, the oldest": {"search": "nightly"},
        "search: absent": {"search": "absent"},
        "search: one letter": {"search": "x"},
        "search: two letters": {"search": "ra"},
        "search: two letters, absent": {"search": "zq"},
        "search: common, one state": {"search": "train", "states": failed},
        "search: common, a state that no run is in": {"search": "train", "states": pending},
        "search: rare, project": {"search": "nightly", "project": "project3"},
        "search: a task of another project": {"search": "train_mnist", "project": "half"},
        "search: a verb of another project": {"search": "train", "project": "half"},
        "search: two letters of endings, a state that no run is in": {
            "search": "a3",
            "states": pending,
        },
        "search: a verb, a task of another verb": {"search": "export", "task": "train_mnist"},
    }.items():
        show(words, lambda where=where: page(**where))  # type: ignore[misc]
    show("find: the newest of a task", lambda: database.find("train_mnist"))
    show("unfinished", database.unfinished)


def saving(database: sqlite.Database) -> None:
    letters = random.Random()
    made = [
        runs.Run(
            name=f"train_mnist-{letters.randbytes(5).hex()}",
            task="train_mnist",
            project="project0",
            state=runs.State.SUCCEEDED,
            created=datetime.now(UTC),
        )
        for _ in range(500)
    ]
    news = iter(made)
    show("save: a new run", lambda: database.save(next(news)), 500)
    name = made[0].name
    step = runs.Step(run=name, name="train", index=0)
    attempt = runs.Attempt(run=name, step="train", number=1, started=made[0].created)
    show("save: a step and its attempt", lambda: database.save(step, attempt), 1000)
    metric = runs.Metric(run=name, step="train", name="loss", value=0.5, at=made[0].created)
    show("save: a metric", lambda: database.save(metric), 1000)


def instead(path: Path, number: int) -> None:
    file = sqlite3.connect(path)

    def query(rest: str, *values: object) -> Callable[[], object]:
        return lambda: file.execute(f"SELECT * FROM run {rest} LIMIT {SHOWN}", values).fetchall()

    last = f"ORDER BY id DESC LIMIT {SHOWN} OFFSET {number - SHOWN} --"
    show("instead, the last page: OFFSET", query(last), 5)
    like = "WHERE name LIKE ? ORDER BY id DESC"
    show("instead, search: LIKE, absent", query(like, "%absent%"), 5)
    file.close()


def command(state: Path) -> None:
    """The cold start of the command, over that of Python."""
    times: dict[str, list[float]] = {"pass": [], "list": []}
    commands = {
        "pass": [sys.executable, "-c", "pass"],
        "list": [sys.executable, "-c", "from ame.cli import main; main()", "task", "list"],
    }
    environment = {"AME_HOME": str(state), "PYTHONPATH": "src"}
    for _ in range(15):
        for name, argv in commands.items():
            start = time.perf_counter()
            done = subprocess.run(argv, check=False, env=environment, capture_output=True)
            times[name].append((time.perf_counter() - start) * 1e3)
            if done.returncode or (name == "list" and done.stdout.count(b"\n") <= SHOWN):
                raise SystemExit(f"{argv} listed nothing: {done.stderr.decode()}")
    base, list_ = (sorted(spent)[len(spent) // 2] for spent in times.values())
    print(f"{'ame task list, over python -c pass':58} {list_ - base:9.2f}")


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(temporary)
        path = folder / "runs.db"
        if not path.exists():
            start = time.perf_counter()
            build(path, number)
            size = path.stat().st_size / 1e6
            print(f"{number:,} runs, {size:.0f} MB, built in {time.perf_counter() - start:.0f} s")
        print(f"{'milliseconds':58} {'median':>9} {'p95':>9}")
        database = sqlite.Database(path)
        product(database, number)
        saving(database)
        database.close()
        instead(path, number)
        command(folder)


if __name__ == "__main__":
    main()
