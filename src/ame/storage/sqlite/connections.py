"""A SQLite file that many threads and processes use at once: its connections and its versions."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock

from ame import errors
from ame.storage.sqlite.bound import sqlite3

BUSY = 60.0
"""Seconds for which a writer waits for another one before it gives up."""
CHECKPOINT = 4000
"""Pages in the log after which a write moves them to the database: rarely, since that syncs."""

MIGRATIONS = Path(__file__).parents[1] / "migrations"

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Connections:
    """One connection for writing, a few for reading. Opening brings the schema up to date.

    What is committed survives a crash of the process. After a loss of power the file is sound, but
    the last writes before it may be missing, unless `full`, which syncs at every write. To be
    opened after a fork, never carried through one.

    Raises:
        errors.DatabaseNewer: a newer ame wrote the file.
        errors.DatabaseDamaged: the file cannot be read, now or later.
        errors.DatabaseUnusable: it cannot be opened or written, now or later.

    """

    def __init__(self, path: Path, schema: Path, *, full: bool = False) -> None:
        """`schema` is a folder of migrations, `0001.sql` and on, which are applied in order."""
        self.path = path
        self._synchronous = "FULL" if full else "NORMAL"
        self._lock = Lock()
        self._idle: list[sqlite3.Connection] = []
        with self.told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self.connect()
            try:
                _migrate(self._writer, path, schema)
            except BaseException:
                self._writer.close()
                raise

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that alone writes. Committed at the end, undone by an error."""
        with self._lock, self.told():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading, beside other readers and the writer."""
        with self.told():
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self.connect()
            try:
                yield connection
            finally:
                self._idle.append(connection)

    def close(self) -> None:
        """Closes every connection. Idempotent."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()
            self._writer.close()

    def connect(self, *, busy: float = BUSY) -> sqlite3.Connection:
        """One more connection, which whoever asked closes. It waits so long for other writers."""
        connection = sqlite3.connect(
            self.path, timeout=busy, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
            connection.execute("PRAGMA secure_delete = OFF")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def told(self) -> Iterator[None]:
        """Says in our words what SQLite finds wrong with the file."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.OperationalError as error:
            raise errors.DatabaseUnusable(self.path, str(error)) from error
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in _DAMAGED:
                raise errors.DatabaseDamaged(self.path, str(error)) from error
            raise
        except OSError as error:
            raise errors.DatabaseUnusable(self.path, str(error)) from error


def _migrate(connection: sqlite3.Connection, path: Path, folder: Path) -> None:
    """Applies what is missing, each whole, while no other process does."""
    known = sum(1 for _ in folder.iterdir())
    if _version(connection, path, known) == known:
        return
    with closing(_locked(path)):
        connection.execute("PRAGMA journal_mode = WAL")
        for number in range(_version(connection, path, known) + 1, known + 1):
            script = (folder / f"{number:04}.sql").read_text()
            connection.executescript(
                f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;"
            )


def _version(connection: sqlite3.Connection, path: Path, known: int) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > known:
        raise errors.DatabaseNewer(path, version, known)
    return version


def _locked(path: Path) -> "_Lock":
    return _Lock(path.with_name(f"{path.name}.lock"))


class _Lock:
    """Held by one process at a time; freed when closed, or when the process ends."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def close(self) -> None:
        os.close(self._file)
