import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from ame import errors
from ame.storage.sqlite.connections import Connections


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "0001.sql").write_text("CREATE TABLE a (x); INSERT INTO a VALUES (1);")
    return folder


def version(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return found


def values(file: Connections) -> list[int]:
    with file.read() as connection:
        return [x for (x,) in connection.execute("SELECT x FROM a ORDER BY x")]


def test_what_is_missing_is_applied_in_order_and_once(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "state" / "a.db"
    Connections(path, schema).close()
    (schema / "0002.sql").write_text("ALTER TABLE a ADD COLUMN y; -- the last line\n")
    (schema / "0003.sql").write_text("INSERT INTO a (x, y) VALUES (2, 2);")

    for _ in range(2):
        file = Connections(path, schema)
        assert values(file) == [1, 2]
        file.close()
    assert version(path) == 3


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "a.db"
    Connections(path, schema).close()
    (schema / "0002.sql").write_text("INSERT INTO a VALUES (2); INSERT INTO absent VALUES (1);")

    with pytest.raises(errors.DatabaseUnusable, match="absent"):
        Connections(path, schema)

    assert version(path) == 1
    (schema / "0002.sql").unlink()
    file = Connections(path, schema)
    assert values(file) == [1]
    file.close()


def test_a_database_of_a_newer_ame_is_refused(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "a.db"
    Connections(path, schema).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()

    with pytest.raises(errors.DatabaseNewer, match="version 7, this ame knows up to 1: upgrade"):
        Connections(path, schema)

    assert version(path) == 7


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("not a database" * 100)

    with pytest.raises(errors.DatabaseDamaged, match=r"a\.db is damaged.*move it away"):
        Connections(path, schema)

    assert path.read_text() == "not a database" * 100


def test_pages_that_were_damaged_are_told(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "a.db"
    file = Connections(path, schema)
    with file.write() as connection:
        connection.executemany("INSERT INTO a VALUES (?)", [(n,) for n in range(10_000)])
    file.close()
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    file = Connections(path, schema)

    with pytest.raises(errors.DatabaseDamaged) as caught:
        values(file)

    assert caught.value.path == path
    file.close()


def test_a_place_that_cannot_be_used_is_told(tmp_path: Path, schema: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.db").mkdir()

    for path in (tmp_path / "file" / "a.db", tmp_path / "folder.db"):
        with pytest.raises(errors.DatabaseUnusable, match="cannot be used"):
            Connections(path, schema)


def test_a_write_that_fails_is_undone_and_the_next_one_works(tmp_path: Path, schema: Path) -> None:
    file = Connections(tmp_path / "a.db", schema)

    with suppress(KeyError), file.write() as connection:
        connection.execute("INSERT INTO a VALUES (2)")
        raise KeyError
    with file.write() as connection:
        connection.execute("INSERT INTO a VALUES (3)")

    assert values(file) == [1, 3]
    file.close()


OPEN = """
import sys
from pathlib import Path
from ame.storage.sqlite.connections import Connections
sys.stdin.readline()
Connections(Path(sys.argv[1]), Path(sys.argv[2])).close()
"""


def test_many_processes_may_open_a_new_database_at_once(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "a.db"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(path), str(schema)], stdin=subprocess.PIPE
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.flush()

    for child in children:
        child.communicate(timeout=60)
    assert [child.returncode for child in children] == [0, 0, 0, 0]
    file = Connections(path, schema)
    assert values(file) == [1]
    file.close()
