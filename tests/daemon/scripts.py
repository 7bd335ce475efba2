"""Children for tests: scripts that report, print and end as they are told."""

import os
from pathlib import Path

from ame.daemon.child import python

SOURCES = Path(__file__).parents[2] / "src"
VARIABLES = {**os.environ, "PYTHONPATH": str(SOURCES)}

_HEAD = """
import os, signal, sys, time
from pathlib import Path
from ame.daemon.reports import reporter
"""


def script(folder: Path, body: str) -> tuple[str, ...]:
    """A program that does this, in Python."""
    file = folder / f"script{len(list(folder.glob('script*.py')))}.py"
    file.write_text(_HEAD + body)
    return python(file)
