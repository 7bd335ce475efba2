"""Works that wait for a database, taken many at a time by threads that each hold a connection."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ame.storage.databases.database import Deed, Rows, Work

MOST = 256
"""How many works are committed together."""
Kept = TypeVar("Kept")
Commit = Callable[[Sequence["Given"]], None]
"""Does works in one transaction. Fills in what each came to; raises where none was done."""


Item = TypeVar("Item")


@dataclass(slots=True)
class Given:
    """A work, or a deed with its item; who waits for it, and what it came to."""

    work: Work[Any] | Deed[Any, Any]
    loop: asyncio.AbstractEventLoop
    waiting: asyncio.Future[Any]
    together: bool = False
    """Whether it is a deed."""
    item: Any = None
    kept: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Tells the one who waits, if that one still does. To be called in their loop."""
        if self.waiting.done():
            return
        if self.error is None:
            self.waiting.set_result(self.kept)
        else:
            self.waiting.set_exception(self.error)


class Doer(ABC):
    """Does works that wait for it. It promises of them what `Database` does."""

    __slots__ = ()

    @abstractmethod
    def put(self, given: Given) -> None:
        """Takes a work in; whoever does it, settles it."""

    async def do(self, work: Work[Kept]) -> Kept:
        """Waits until the work was committed."""
        loop = asyncio.get_running_loop()
        given = Given(work, loop, loop.create_future())
        self.put(given)
        kept: Kept = await given.waiting
        return kept

    async def do_together(self, deed: Deed[Item, Kept], item: Item) -> Kept:
        """Waits until the deed was committed."""
        loop = asyncio.get_running_loop()
        given = Given(deed, loop, loop.create_future(), together=True, item=item)
        self.put(given)
        kept: Kept = await given.waiting
        return kept


@dataclass(slots=True)
class Group(Doer):
    """A queue of works, and the threads that take from it."""

    name: str
    patience: float = 0.0
    """Seconds for which a thread that has a work waits until another one has committed, so that
    what comes meanwhile is committed with it."""
    _turn: Lock = field(default_factory=Lock)
    _intake: Lock = field(default_factory=Lock)
    """Held by the one thread that takes works."""
    _queue: SimpleQueue[Given | None] = field(default_factory=SimpleQueue)
    _threads: list[Thread] = field(default_factory=list)

    def start(self, commit: Commit) -> None:
        """Another thread that takes works and commits them."""
        thread = Thread(target=self._take, args=(commit,), name=self.name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def put(self, given: Given) -> None:
        """Takes a work in."""
        self._queue.put(given)

    def close(self) -> None:
        """Ends the threads when all that was given before is done."""
        for _ in self._threads:
            self._queue.put(None)
        while self._threads:
            self._threads.pop().join()

    def _take(self, commit: Commit) -> None:
        ending = False
        while not ending:
            with self._intake:
                first = self._queue.get()
                if first is None:
                    return
                own = self.patience > 0 and self._turn.acquire(timeout=self.patience)
                batch = [first]
                with suppress(Empty):
                    while len(batch) < MOST:
                        following = self._queue.get_nowait()
                        if following is None:
                            ending = True
                            break
                        batch.append(following)
            try:
                commit(batch)
            except Exception as error:  # noqa: BLE001 - those who wait are told, and others served
                for given in batch:
                    given.error = error
            finally:
                if own:
                    self._turn.release()
            tell(batch)


def sorted_out(batch: Sequence[Given]) -> list[list[Given]]:
    """What is done at a time: a work, or a deed for all its items."""
    parts: list[list[Given]] = []
    deeds: dict[object, list[Given]] = {}
    for given in batch:
        if not given.together:
            parts.append([given])
        elif (same := deeds.get(given.work)) is not None:
            same.append(given)
        else:
            parts.append(deeds.setdefault(given.work, [given]))
    return parts


def do(rows: Rows, part: Sequence[Given]) -> None:
    """Does a work, or a deed for all its items. What it raises says nothing of one of many."""
    first = part[0]
    if not first.together:
        first.kept = first.work(rows)  # type: ignore[call-arg]  # `together` tells which it is
        return
    made = first.work(rows, [given.item for given in part])  # type: ignore[call-arg]  # the same
    for given, kept in zip(part, made, strict=True):
        if isinstance(kept, Exception):
            given.error = kept
        else:
            given.kept = kept


def tell(batch: Sequence[Given]) -> None:
    """Settles the works of each loop in one turn of it."""
    for loop in {id(given.loop): given.loop for given in batch}.values():
        own = [given for given in batch if given.loop is loop]
        with suppress(RuntimeError):  # its loop was closed: nobody waits
            loop.call_soon_threadsafe(_settle, own)


def _settle(batch: Sequence[Given]) -> None:
    for given in batch:
        given.settle()
