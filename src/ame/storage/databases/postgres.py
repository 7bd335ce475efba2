"""A database in PostgreSQL, for several servers at once."""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from functools import lru_cache
from pathlib import Path
from threading import local
from typing import Any, TypeVar

import psycopg
from psycopg import Connection, sql

from ame import errors
from ame.storage.databases import group
from ame.storage.databases.database import Work
from ame.storage.databases.group import Doer, Given, Group

WRITERS = 4
PATIENCE = 0.05
"""Seconds that a transaction may take before the next one begins beside it: few large ones cost
less than many small ones, and one that waits for another server keeps nobody else."""
READERS = 2
MIGRATING = 0x616D65
"""The lock under which one server at a time brings the schema up to date."""
Kept = TypeVar("Kept")


class _Rows:
    def __init__(self, connection: "Connection[tuple[Any, ...]]") -> None:
        self._connection = connection
        self.wrote = False

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        ran = self._connection.execute(_text(statement), values or None)
        self.wrote = self.wrote or (ran.rowcount > 0 and not statement.startswith("SELECT"))
        return ran.fetchall() if ran.description else []

    def execute_all(
        self, statement: str, values: Sequence[Sequence[Any]]
    ) -> list[list[tuple[Any, ...]]]:
        if not values:
            return []
        self.wrote = True
        returning = "RETURNING" in statement
        with self._connection.cursor() as cursor:  # all are sent before the first is answered
            cursor.executemany(_text(statement), values, returning=returning)
            if not returning:
                return []
            made = [cursor.fetchall()]
            while cursor.nextset():
                made.append(cursor.fetchall())
            return made


@lru_cache(1024)
def _text(statement: str) -> bytes:
    """A statement as PostgreSQL has it."""
    text = statement.replace("{among}", "= ANY(?)").replace("{lock}", "FOR UPDATE")
    return text.replace("?", "%s").encode()


class _UndoneAlone(Exception):
    """A work failed after it wrote, or in a statement; it alone is to be undone."""


class Postgres(Doer):
    """It promises what `Database` does. Threads write, each with a connection, in turns; beside
    each other only where that takes long.
    """

    def __init__(self, address: str, schema: Path, *, writers: int = WRITERS) -> None:
        """Connects, and brings the schema up to date. `address` is a URL or a connection string.

        Raises:
            errors.DatabaseUnusable: the server cannot be reached, or refuses.
            errors.DatabaseNewer: a newer ame made the schema.
        """
        self._address = address
        self._own = local()
        self._open: list[Connection[tuple[Any, ...]]] = []
        self._migrate(schema)
        self._writes = Group("writes PostgreSQL", PATIENCE)
        self._reads = Group("reads PostgreSQL")
        self._long_reads = Group("reads PostgreSQL for long")
        self._long_reads.start(self._commit)
        for _ in range(writers):
            self._writes.start(self._commit)
        for _ in range(READERS):
            self._reads.start(self._commit)

    def put(self, given: Given) -> None:
        self._writes.put(given)

    async def read(self, work: Work[Kept]) -> Kept:
        return await self._reads.do(work)

    async def read_apart(self, work: Work[Kept]) -> Kept:
        return await self._long_reads.do(work)

    def close(self) -> None:
        for group_ in (self._writes, self._reads, self._long_reads):
            group_.close()
        while self._open:
            self._open.pop().close()

    def _commit(self, batch: Sequence[Given]) -> None:
        """One transaction; where it meets another server's, one for each work."""
        try:
            try:
                self._transact(batch)
            except _UndoneAlone:
                self._transact(batch, apart=True)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            for given in batch:
                self._again(given)
        except psycopg.Error as error:
            self._lose()
            raise errors.DatabaseUnusable(_shown(self._address), str(error).strip()) from error

    def _again(self, given: Given) -> None:
        for _ in range(20):
            try:
                self._transact([given], apart=True)
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
                given.error = error
            else:
                return

    def _transact(self, batch: Sequence[Given], *, apart: bool = False) -> None:
        """Does works in one transaction; each in one of its own within it, where they are `apart`.

        Those cost more round trips than most works.
        """
        connection = self._connection()
        rows = _Rows(connection)
        with connection.transaction():
            for part in [[given] for given in batch] if apart else group.sorted_out(batch):
                for given in part:
                    given.error = None
                rows.wrote = False
                try:
                    with connection.transaction() if apart else nullcontext():
                        group.do(rows, part)
                except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                    raise
                except psycopg.OperationalError:
                    raise
                except Exception as error:
                    alone = len(part) == 1 and not rows.wrote
                    if not apart and (not alone or isinstance(error, psycopg.Error)):
                        raise _UndoneAlone from error
                    part[0].error = error

    def _connection(self) -> "Connection[tuple[Any, ...]]":
        kept: Connection[tuple[Any, ...]] | None = getattr(self._own, "connection", None)
        if kept is None or kept.closed:
            kept = psycopg.connect(self._address, autocommit=True)
            kept.prepare_threshold = 2
            self._own.connection = kept
            self._open.append(kept)
        return kept

    def _lose(self) -> None:
        """Lets go of a connection that may be broken; the next work makes a new one."""
        kept: Connection[tuple[Any, ...]] | None = getattr(self._own, "connection", None)
        if kept is not None:
            self._open.remove(kept)
            with suppress(psycopg.Error):
                kept.close()
            self._own.connection = None

    def _migrate(self, schema: Path) -> None:
        known = sum(1 for _ in schema.iterdir())
        try:
            with psycopg.connect(self._address) as connection:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATING,))
                name = sql.Identifier(f"{schema.name}_version")
                made = sql.SQL("CREATE TABLE IF NOT EXISTS {} (version INTEGER)").format(name)
                connection.execute(made)
                row = connection.execute(sql.SQL("SELECT version FROM {}").format(name)).fetchone()
                version = row[0] if row else 0
                if version > known:
                    raise errors.DatabaseNewer(_shown(self._address), version, known)
                for number in range(version + 1, known + 1):
                    script = (schema / f"{number:04}.sql").read_text()
                    connection.execute(script.replace("BLOB", "BYTEA").encode())
                if not row:
                    connection.execute(sql.SQL("INSERT INTO {} VALUES (0)").format(name))
                connection.execute(sql.SQL("UPDATE {} SET version = %s").format(name), (known,))
        except psycopg.Error as error:
            raise errors.DatabaseUnusable(_shown(self._address), str(error).strip()) from error


def _shown(address: str) -> str:
    """The address without its password."""
    known = psycopg.conninfo.conninfo_to_dict(address)
    return f"postgresql://{known.get('host', '')}/{known.get('dbname', '')}"
