"""One suite over SQLite and PostgreSQL."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ame import errors
from ame.storage import databases
from ame.storage.databases import Database, Rows
from parts.servers import postgres

Use = Callable[[Database], Awaitable[None]]
NAME = "SELECT name FROM populations ORDER BY name"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Postgres]:
    with postgres.running(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "fleet.sqlite")
    running: postgres.Postgres = request.getfixturevalue("server")
    return running.fresh(tmp_path.name)


def run(address: str, use: Use) -> None:
    """Uses a database and closes it."""
    database = databases.opened(address, "fleet")
    try:
        asyncio.run(_run(use, database))
    finally:
        database.close()


async def _run(use: Use, database: Database) -> None:
    await use(database)


def insert(rows: Rows, name: str) -> str:
    rows.execute("INSERT INTO populations VALUES (?, ?, 0, ?)", (name, "{}", 1.5))
    return name


def test_what_was_done_is_there_after_the_database_was_opened_again(address: str) -> None:
    async def write(database: Database) -> None:
        assert await database.do(lambda rows: insert(rows, "a")) == "a"

    async def read(database: Database) -> None:
        found = await database.read(lambda rows: rows.execute("SELECT * FROM populations"))
        assert found == [("a", "{}", 0, 1.5)]

    run(address, write)
    run(address, read)


def test_a_long_read_holds_up_neither_its_loop_nor_other_reads(address: str) -> None:
    async def use(database: Database) -> None:
        begun, over = threading.Event(), threading.Event()

        def long(rows: Rows) -> list[tuple[object, ...]]:
            begun.set()
            assert over.wait(60)
            return rows.execute(NAME)

        reading = asyncio.create_task(database.read_apart(long))
        while not begun.is_set():
            await asyncio.sleep(0)
        await database.do(lambda rows: insert(rows, "a"))
        for _ in range(10):
            assert await database.read(lambda rows: rows.execute(NAME)) == [("a",)]
        over.set()
        assert await reading == [("a",)]

    run(address, use)


def test_an_error_undoes_its_own_work_and_harms_no_other(address: str) -> None:
    def fail(rows: Rows) -> None:
        insert(rows, "lost")
        raise errors.RunNotFound("r")

    async def use(database: Database) -> None:
        done = await asyncio.gather(
            database.do(lambda rows: insert(rows, "a")),
            database.do(fail),
            database.do(lambda rows: insert(rows, "b")),
            database.do(lambda rows: insert(rows, "a")),
            return_exceptions=True,
        )
        assert done[0] == "a"
        assert done[2] == "b"
        assert isinstance(done[1], errors.RunNotFound)
        assert isinstance(done[3], Exception)
        assert await database.read(lambda rows: rows.execute(NAME)) == [("a",), ("b",)]

    run(address, use)


def test_a_deed_is_done_once_for_all_who_ask_at_the_same_time(address: str) -> None:
    seen: list[int] = []

    def name(rows: Rows, asked: Sequence[str]) -> list[str | Exception]:
        seen.append(len(asked))
        known = {
            row[0]
            for row in rows.execute("SELECT name FROM populations WHERE name {among}", (asked,))
        }
        rows.execute_all(
            "INSERT INTO populations VALUES (?, '{}', 0, 1.5)",
            [(each,) for each in asked if each not in known],
        )
        return [errors.RunNotFound(each) if each in known else each for each in asked]

    async def use(database: Database) -> None:
        await database.do(lambda rows: insert(rows, "a"))
        names = ["a", *(f"n{number:02}" for number in range(40))]
        done = await asyncio.gather(
            *(database.do_together(name, each) for each in names), return_exceptions=True
        )
        assert isinstance(done[0], errors.RunNotFound)
        assert done[1:] == names[1:]
        assert len(seen) < len(names)
        assert await database.read(lambda rows: rows.execute(NAME)) == [(each,) for each in names]

    run(address, use)


def test_where_a_deed_fails_each_item_is_done_alone(address: str) -> None:
    def name(rows: Rows, asked: Sequence[str]) -> list[str]:
        made = rows.execute_all(
            "INSERT INTO populations VALUES (?, '{}', 0, 1.5) RETURNING name",
            [(each,) for each in asked],
        )
        return [found[0][0] for found in made]

    async def use(database: Database) -> None:
        await database.do(lambda rows: insert(rows, "a"))
        done = await asyncio.gather(
            *(database.do_together(name, each) for each in "cab"), return_exceptions=True
        )
        assert done[0] == "c"
        assert isinstance(done[1], Exception)
        assert done[2] == "b"
        found = await database.read(lambda rows: rows.execute(NAME))
        assert found == [("a",), ("b",), ("c",)]

    run(address, use)


def test_of_those_who_count_at_once_none_is_lost(address: str) -> None:
    def count(rows: Rows) -> None:
        [(kept,)] = rows.execute("SELECT settings FROM populations WHERE name = 'a' {lock}")
        rows.execute("UPDATE populations SET settings = ? WHERE name = 'a'", (str(int(kept) + 1),))

    async def use(first: Database) -> None:
        second = databases.opened(address, "fleet")
        await first.do(lambda rows: rows.execute("INSERT INTO populations VALUES ('a', '0', 0, 1)"))
        await asyncio.gather(*(each.do(count) for each in (first, second) * 200))
        found = await first.read(lambda rows: rows.execute("SELECT settings FROM populations"))
        assert found == [("400",)]
        second.close()

    run(address, use)


def test_works_that_wait_for_each_other_in_a_circle_are_both_done(address: str) -> None:
    def both(one: str, two: str) -> Callable[[Rows], None]:
        def work(rows: Rows) -> None:
            for name in (one, two):
                rows.execute("UPDATE populations SET created = created + 1 WHERE name = ?", (name,))

        return work

    async def use(first: Database) -> None:
        second = databases.opened(address, "fleet")
        for name in "ab":
            await first.do(lambda rows, name=name: insert(rows, name))  # type: ignore[misc]  # mypy loses the default
        works = [(first, both("a", "b")), (second, both("b", "a"))] * 100
        await asyncio.gather(*(database.do(work) for database, work in works))
        found = await first.read(lambda rows: rows.execute("SELECT created FROM populations"))
        assert found == [(201.5,), (201.5,)]
        second.close()

    run(address, use)


def test_closing_ends_what_was_given(address: str) -> None:
    async def use(database: Database) -> None:
        tasks = [
            asyncio.ensure_future(database.do(lambda rows, n=n: insert(rows, f"{n:03}")))  # type: ignore[misc]  # mypy loses the default
            for n in range(300)
        ]
        await asyncio.sleep(0)
        await asyncio.to_thread(database.close)
        assert len(await asyncio.gather(*tasks)) == 300

    run(address, use)


def test_bytes_come_out_as_they_went_in(address: str) -> None:
    async def use(database: Database) -> None:
        await database.do(
            lambda rows: rows.execute(
                "INSERT INTO tasks (population, id, status, proto, settings, created)"
                " VALUES ('p', 1, 3, ?, '{}', 0)",
                (b"\x00\xff?%s",),
            )
        )
        [(kept,)] = await database.read(lambda rows: rows.execute("SELECT proto FROM tasks"))
        assert bytes(kept) == b"\x00\xff?%s"

    run(address, use)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(errors.DatabaseUnusable, match=r"postgresql://127.0.0.1/x") as raised:
        databases.opened("postgresql://u:hidden@127.0.0.1:1/x?connect_timeout=2", "fleet")
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("address", ["mysql://u:hidden@h/x", "sqlite:///fleet.sqlite"])
def test_the_url_of_another_database_is_refused_and_makes_no_file(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(errors.DatabaseUnknown, match=r"`postgresql://` URL") as raised:
        databases.opened(address, "fleet")

    assert "hidden" not in str(raised.value)
    assert not [*tmp_path.iterdir()]
