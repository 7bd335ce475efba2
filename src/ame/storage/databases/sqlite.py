"""A database in a SQLite file, for the processes of one machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from ame.storage.databases.database import Work
from ame.storage.databases.group import Given, Group
from ame.storage.sqlite.bound import Connection, OperationalError
from ame.storage.sqlite.connections import Connections

Kept = TypeVar("Kept")


class _Rows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if "{" in statement:
            statement = statement.replace("{lock}", "")
        return self._connection.execute(statement, values).fetchall()


class Sqlite:
    """It promises what `Database` does. One thread writes; every commit is synced."""

    def __init__(self, path: Path, schema: Path) -> None:
        """Opens or makes the file. `schema` is a folder of migrations.

        Raises:
            errors.DatabaseUnusable: the file cannot be opened or written.
            errors.DatabaseDamaged: it is no database, or a broken one.
            errors.DatabaseNewer: a newer ame wrote it.
        """
        self._file = Connections(path, schema, full=True)
        self._group = Group(f"writes {path.name}")
        self._group.start(self._commit)

    async def do(self, work: Work[Kept]) -> Kept:
        return await self._group.do(work)

    async def read(self, work: Work[Kept]) -> Kept:
        with self._file.read() as connection:
            return work(_Rows(connection))

    def close(self) -> None:
        self._group.close()
        self._file.close()

    def _commit(self, batch: Sequence[Given]) -> None:
        with self._file.write() as connection:
            rows = _Rows(connection)
            for given in batch:
                connection.execute("SAVEPOINT work")
                try:
                    given.kept = given.work(rows)
                except OperationalError:
                    raise
                except Exception as error:  # noqa: BLE001 - it belongs to whoever gave the work
                    connection.execute("ROLLBACK TO work")
                    given.error = error
                connection.execute("RELEASE work")
