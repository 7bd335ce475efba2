"""A call is done once, whatever comes twice: one suite over memory, SQLite and PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ame import broker
from ame.storage import databases
from ame.storage.answers import KEPT_SECONDS, Answers
from ame.storage.databases import Rows
from parts.servers import postgres


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Postgres]:
    with postgres.running(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "cloud.sqlite")
    running: postgres.Postgres = request.getfixturevalue("server")
    return running.fresh(tmp_path.name)


def with_database(address: str, use: Callable[[databases.Database], Awaitable[None]]) -> None:
    database = databases.opened(address, "cloud")

    async def using() -> None:
        await use(database)

    try:
        asyncio.run(using())
    finally:
        database.close()


def insert(rows: Rows, name: str) -> bytes:
    rows.execute("INSERT INTO cloud_clients VALUES (?, ?, 0, ?)", (name, "{}", 1.5))
    return b'"\xc3\xa9"'


def names(rows: Rows) -> list[tuple[Any, ...]]:
    return rows.execute("SELECT id FROM cloud_clients ORDER BY id")


def test_a_call_that_comes_again_gets_the_answer_of_the_first(address: str) -> None:
    async def first(database: databases.Database) -> None:
        assert await Answers(database).once("c1", lambda rows: insert(rows, "a")) == b'"\xc3\xa9"'

    async def again(database: databases.Database) -> None:
        assert await Answers(database).once("c1", lambda rows: insert(rows, "b")) == b'"\xc3\xa9"'
        assert await Answers(database).once("c2", lambda rows: insert(rows, "c")) == b'"\xc3\xa9"'
        assert await database.read(names) == [("a",), ("c",)]

    with_database(address, first)
    with_database(address, again)


def test_of_many_that_come_at_once_to_two_servers_one_is_done(address: str) -> None:
    async def use(one: databases.Database) -> None:
        other = databases.opened(address, "cloud")
        both = [Answers(one), Answers(other)]
        number = iter(range(100))
        calls = (
            both[n % 2].once("c1", lambda rows: insert(rows, f"n{next(number)}")) for n in range(20)
        )
        assert set(await asyncio.gather(*calls)) == {b'"\xc3\xa9"'}
        assert len(await one.read(names)) == 1
        other.close()

    with_database(address, use)


def test_what_fails_leaves_nothing_and_may_be_tried_again(address: str) -> None:
    def fail(rows: Rows) -> bytes:
        insert(rows, "a")
        raise ValueError("no")

    async def use(database: databases.Database) -> None:
        answers = Answers(database)
        with pytest.raises(ValueError, match="no"):
            await answers.once("c1", fail)
        assert await database.read(names) == []
        assert await answers.once("c1", lambda rows: insert(rows, "b")) == b'"\xc3\xa9"'

    with_database(address, use)


def test_old_answers_are_forgotten_and_young_ones_are_not(address: str) -> None:
    now = [1000.0]

    async def use(database: databases.Database) -> None:
        answers = Answers(database, clock=lambda: now[0])
        await answers.once("old", lambda _: b"1")
        now[0] += KEPT_SECONDS / 2
        await answers.once("young", lambda _: b"2")
        now[0] += KEPT_SECONDS / 2 + 1
        await asyncio.gather(*(answers.once(f"c{n}", lambda _: b"3") for n in range(1000)))
        assert await answers.once("young", lambda _: b"new") == b"2"
        assert await answers.once("old", lambda _: b"new") == b"new"

    with_database(address, use)


def test_the_form_in_memory_promises_the_same_within_a_process() -> None:
    async def use() -> None:
        answers = broker.MemoryAnswers(rows=[])
        calls = (answers.once("c1", lambda rows: rows.append(1) or b"1") for _ in range(9))
        assert set(await asyncio.gather(*calls)) == {b"1"}
        assert await answers.once("c2", lambda rows: str(rows).encode()) == b"[1]"
        with pytest.raises(ZeroDivisionError):
            await answers.once("c3", lambda _: bytes(1 // 0))
        assert await answers.once("c3", lambda _: b"3") == b"3"

    asyncio.run(use())
