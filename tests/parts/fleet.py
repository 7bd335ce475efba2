"""A server of a fleet in a process of its own, and the command line beside it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A server, and a state folder for it and for commands."""

    url: str
    folder: Path

    def ame(self, *arguments: object, code: int = 0, **variables: str) -> str:
        """What a command prints that ends with this code."""
        done = subprocess.run(
            [sys.executable, "-m", "ame", *map(str, arguments)],
            env={**_variables(self.folder), "AME_SERVER": self.url, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == code, done.stdout
        return done.stdout


@contextmanager
def serving(folder: Path, *options: str, **variables: str) -> Iterator[Fleet]:
    """A server on a free port; its own operators' token is known to the commands."""
    argv = [sys.executable, "-m", "ame", "server", "start", "--port", "0", *options]
    env = {**_variables(folder), **variables}
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert process.stdout is not None
        yield Fleet(url=process.stdout.readline().split()[2], folder=folder)
    finally:
        process.kill()
        process.communicate()


def _variables(folder: Path) -> dict[str, str]:
    return {**os.environ, "AME_HOME": str(folder / "home"), "PYTHONPATH": str(SOURCE)}
