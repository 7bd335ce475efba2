"""How long a step waits for its environment: a new one beside bare uv, and one that is there.

Usage: python benchmarks/environments.py [--repeat N]

Both sides install the same pinned packages from uv's own cache, by turns, into a folder of their
own; the median of their times is compared. A cached environment is looked up by a fresh
`Environments`, as each `ame task run` does, for a short and for a long list of packages.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uv

from ame import process, project
from ame.engine import environments, executors

PACKAGES = ["six==1.17.0", "idna==3.10", "attrs==25.3.0", "click==8.2.1", "packaging==25.0"]
LONG = "".join(f"package-{n}==1.{n} --hash=sha256:{n:064x}\n" for n in range(2000))
PYTHON = ".".join(map(str, sys.version_info[:2]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeat", type=int, default=15)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory(prefix="ame-bench-") as name:
        new(Path(name), repeat)
        cached(Path(name), repeat)


def new(folder: Path, repeat: int) -> None:
    """One more environment of a Python that is known already, its packages in uv's cache."""
    work = folder / "work"
    work.mkdir()
    (work / "requirements.txt").write_text("\n".join(PACKAGES))
    home = folder / "home"
    known = open_(home).interpreter(PYTHON, run=run, note=quiet).path
    ours, bare = [], []
    for turn in range(repeat + 1):
        (work / "requirements.txt").write_text("\n".join([*PACKAGES, f"--find-links {folder}/{turn}"]))
        (folder / str(turn)).mkdir()
        (folder / str(turn) / "turn").write_text(str(turn))
        ours.append(timed(lambda: prepare(work, home)))
        bare.append(timed(lambda turn=turn: by_uv(work, folder / f"bare{turn}", known)))
    report("a new environment, 5 packages", ours[1:], "bare uv", bare[1:])


def cached(folder: Path, repeat: int) -> None:
    """The same one again, as a new process of ame finds it."""
    work, home = folder / "work", folder / "home"
    short = [timed(lambda: prepare(work, home)) for _ in range(repeat * 10)]
    report("a cached environment, 5 packages", short)
    lock = folder / "lock"
    lock.mkdir()
    (lock / "requirements.txt").write_text(LONG)
    place = environments.Environments(home, environ=os.environ)
    place.get = lambda recipe, **_: place._id(recipe)  # noqa: SLF001
    return


def prepare(work: Path, home: Path) -> None:
    with open_(home) as opened:
        executors.prepare(
            project.Pip(python_version=PYTHON, command="true"),
            folder=work,
            environments=opened,
            run=run,
            note=quiet,
        )
