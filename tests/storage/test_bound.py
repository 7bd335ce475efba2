import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_search_works_after_tensorflow_was_imported() -> None:
    script = (
        "import tensorflow\n"
        "import ame.storage.sqlite.connections, sqlite3\n"
        "sqlite3.connect(':memory:').execute('CREATE VIRTUAL TABLE a USING fts5 (b)')\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
