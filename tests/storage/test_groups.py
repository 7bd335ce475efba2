"""Threads that take works which wait, and do many together."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event

from ame.storage.databases.group import Given, Group

LONG = 60.0


class Held:
    """Commits nothing, notes what would be committed together; the first waits to be let go."""

    def __init__(self) -> None:
        self.batches: list[list[object]] = []
        self.begun, self.go = Event(), Event()

    def commit(self, batch: Sequence[Given]) -> None:
        first = not self.batches
        self.batches.append([given.item for given in batch])
        if first:
            self.begun.set()
            assert self.go.wait(LONG)


def nothing(rows: object, items: Sequence[object]) -> Sequence[object]:
    return items


@contextmanager
def groups(patience: float, commit: Callable[[Sequence[Given]], None]) -> Iterator[Group]:
    """Two threads that take works."""
    group = Group("takes", patience)
    for _ in range(2):
        group.start(commit)
    try:
        yield group
    finally:
        group.close()


def test_works_that_come_during_a_commit_are_committed_together() -> None:
    held = Held()

    async def go() -> None:
        with groups(LONG, held.commit) as group:
            first = asyncio.ensure_future(group.do_together(nothing, 0))
            await asyncio.to_thread(held.begun.wait, LONG)
            others = [asyncio.ensure_future(group.do_together(nothing, n)) for n in range(1, 6)]
            await asyncio.sleep(0)  # all are given
            held.go.set()
            await asyncio.wait_for(asyncio.gather(first, *others), LONG)

    asyncio.run(go())

    assert held.batches == [[0], [1, 2, 3, 4, 5]]


def test_a_commit_that_takes_long_keeps_nobody_else() -> None:
    held = Held()

    async def go() -> None:
        with groups(0.01, held.commit) as group:
            first = asyncio.ensure_future(group.do_together(nothing, 0))
            await asyncio.to_thread(held.begun.wait, LONG)
            await asyncio.wait_for(group.do_together(nothing, 1), LONG)
            assert not first.done()
            held.go.set()
            await asyncio.wait_for(first, LONG)

    asyncio.run(go())

    assert held.batches == [[0], [1]]


def test_works_given_before_the_end_are_done() -> None:
    held = Held()
    held.go.set()

    async def go() -> None:
        with groups(LONG, held.commit) as group:
            given = [asyncio.ensure_future(group.do_together(nothing, n)) for n in range(20)]
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(*given), LONG)

    asyncio.run(go())

    assert sorted(item for batch in held.batches for item in batch) == list(range(20))  # type: ignore[type-var]  # they are numbers
