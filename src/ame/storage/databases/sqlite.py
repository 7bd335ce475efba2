"""A database in a SQLite file, for the processes of one machine."""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from ame import errors
from ame.storage.databases import group
from ame.storage.databases.database import Work
from ame.storage.databases.group import MOST, Doer, Given, tell
from ame.storage.sqlite.bound import SQLITE_BUSY, Connection, OperationalError
from ame.storage.sqlite.connections import BUSY, Connections

Kept = TypeVar("Kept")
AMONG = "IN (SELECT value FROM json_each(?))"


class _Rows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if "{" in statement:
            statement = statement.replace("{lock}", "").replace("{among}", AMONG)
            values = [json.dumps(each) if isinstance(each, list) else each for each in values]
        return self._connection.execute(statement, values).fetchall()

    def execute_all(
        self, statement: str, values: Sequence[Sequence[Any]]
    ) -> list[list[tuple[Any, ...]]]:
        if "RETURNING" not in statement:
            self._connection.executemany(statement, values)
            return []
        cursor = self._connection.cursor()
        return [cursor.execute(statement, each).fetchall() for each in values]


@dataclass(slots=True, kw_only=True)
class _Turn:
    """Works that are committed together."""

    batch: Sequence[Given]
    begun: bool = False
    """Whether they are done, and only to be committed."""
    error: BaseException | None = None


class Sqlite(Doer):
    """It promises what `Database` does; every commit is synced.

    Works are done in the loop of one who waits, all that have come by then, and a thread commits
    them. Were they done in the thread, each statement would wait for the loop to let go of the
    interpreter. Where another process writes, the thread waits for it, and does them.
    """

    def __init__(self, path: Path, schema: Path) -> None:
        """Opens or makes the file. `schema` is a folder of migrations.

        Raises:
            errors.DatabaseUnusable: the file cannot be opened or written.
            errors.DatabaseDamaged: it is no database, or a broken one.
            errors.DatabaseNewer: a newer ame wrote it.
        """
        self._file = Connections(path, schema, full=True)
        self._writer = self._file.connect(busy=0)
        # Else what a savepoint would restore goes to a new file as soon as it is 64 KiB.
        self._writer.execute("PRAGMA temp_store = MEMORY")
        self._rows = _Rows(self._writer)
        self._waiting: deque[Given] = deque()
        self._due = False
        """Whether a turn is to come, or not committed yet."""
        self._closed = False
        self._lock = Lock()
        self._turning = Lock()
        self._turns: SimpleQueue[_Turn | None] = SimpleQueue()
        self._thread = Thread(target=self._finish, name=f"commits {path.name}", daemon=True)
        self._thread.start()

    def put(self, given: Given) -> None:
        with self._lock:
            if self._closed:
                raise errors.DatabaseUnusable(self._file.path, "it was closed")
            self._waiting.append(given)
            first, self._due = not self._due, True
        if first:
            given.loop.call_soon(self._turn)

    async def read(self, work: Work[Kept]) -> Kept:
        return self._read(work)

    async def read_apart(self, work: Work[Kept]) -> Kept:
        return await asyncio.to_thread(self._read, work)

    def close(self) -> None:
        with self._turning, self._lock:
            if self._closed:
                return
            self._closed = True
        self._turns.put(None)
        self._thread.join()
        while self._waiting:
            self._end(self._taken())
        self._writer.close()
        self._file.close()

    def _read(self, work: Work[Kept]) -> Kept:
        with self._file.read() as connection:
            return work(_Rows(connection))

    def _turn(self) -> None:
        """Does what waits, and hands it on to be committed."""
        with self._turning:
            if self._closed:
                return
            turn = self._taken()
            try:
                turn.begun = self._begin()
                if turn.begun:
                    self._do(turn.batch)
            except Exception as error:  # noqa: BLE001 - those who wait are told
                turn.error = error
            self._turns.put(turn)

    def _finish(self) -> None:
        while (turn := self._turns.get()) is not None:
            self._end(turn)
            with self._lock:
                self._due = bool(self._waiting) and not self._closed
                following = self._waiting[0].loop if self._due else None
            if following is not None:
                try:
                    following.call_soon_threadsafe(self._turn)
                except RuntimeError:  # that loop was closed
                    self._turn()

    def _end(self, turn: _Turn) -> None:
        """Commits a turn, and tells those who wait for it."""
        try:
            with self._file.told():
                self._commit(turn)
        except Exception as error:  # noqa: BLE001 - those who wait are told, and others served
            with suppress(OperationalError):
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
            for given in turn.batch:
                given.error = error
        tell(turn.batch)

    def _commit(self, turn: _Turn) -> None:
        if turn.error is not None:
            raise turn.error
        if not turn.begun:
            self._begin(wait=BUSY)
            self._do(turn.batch)
        self._writer.execute("COMMIT")

    def _taken(self) -> _Turn:
        with self._lock:
            many = min(len(self._waiting), MOST)
            return _Turn(batch=[self._waiting.popleft() for _ in range(many)])

    def _begin(self, *, wait: float = 0) -> bool:
        """Begins a transaction; false where another process writes, for longer than that."""
        try:
            if wait:
                self._writer.execute(f"PRAGMA busy_timeout = {wait * 1000:.0f}")
            self._writer.execute("BEGIN IMMEDIATE")
        except OperationalError as error:
            if wait or error.sqlite_errorcode & 0xFF != SQLITE_BUSY:
                raise
            return False
        finally:
            if wait:
                self._writer.execute("PRAGMA busy_timeout = 0")
        return True

    def _do(self, batch: Sequence[Given]) -> None:
        for part in group.sorted_out(batch):
            error = self._done(part)
            if error is None or len(part) == 1:
                part[0].error = error or part[0].error
                continue
            for given in part:
                given.error = None
                given.error = self._done([given]) or given.error

    def _done(self, part: Sequence[Given]) -> Exception | None:
        """Does what is done at a time; what it raised, after which nothing of it is left."""
        self._writer.execute("SAVEPOINT work")
        raised = None
        try:
            group.do(self._rows, part)
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to whoever gave the work
            self._writer.execute("ROLLBACK TO work")
            raised = error
        self._writer.execute("RELEASE work")
        return raised
