"""How long a step waits for its environment: a new one beside bare uv, and one that is there.

Usage: python benchmarks/environments.py [--repeat N]

New: both sides make an environment of the same pinned packages, from uv's own cache, by turns, each
time in a new folder. Cached: it is looked up as a new `ame` process does, for five packages and for
a Poetry lock file of 300 packages (0.7 MB). Medians.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from ame import process, project
from ame.engine import environments, executors
from ame.engine.environments.installer import uv

PACKAGES = ["six==1.17.0", "idna==3.10", "attrs==25.3.0", "click==8.2.1", "packaging==25.0"]
PYTHON = ".".join(map(str, sys.version_info[:2]))
PIP = project.Pip(python_version=PYTHON, command="true")
POETRY = project.Poetry(python_version=PYTHON, command="true")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=15)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory(prefix="ame-bench-") as name:
        folder = Path(name)
        ours, bare = new(folder, repeat)
        print(
            f"new, 5 packages      {ours:7.1f} ms, bare uv {bare:.1f} ms: {ours / bare:.2f} of it"
        )
        print(f"cached, 5 packages   {cached(folder, PIP, repeat * 10):7.1f} ms")
        write_lock(folder)
        print(f"cached, lock of 300  {cached(folder, POETRY, repeat * 10):7.1f} ms")


def new(folder: Path, repeat: int) -> tuple[float, float]:
    """Milliseconds for a new environment, by ame and by uv alone."""
    (folder / "requirements.txt").write_text("\n".join(PACKAGES))
    prepare(PIP, folder, folder / "seen")
    facts = (folder / "seen" / "interpreters.json").read_bytes()
    python = next(each["path"] for each in json.loads(facts).values() if each)
    ours, bare = [], []
    for turn in range(repeat):
        home = folder / f"home{turn}"
        home.mkdir()
        (home / "interpreters.json").write_bytes(facts)
        ours.append(timed(lambda home=home: prepare(PIP, folder, home)))
        bare.append(timed(lambda turn=turn: by_uv(folder, folder / f"bare{turn}", python)))
    return statistics.median(ours), statistics.median(bare)


def cached(folder: Path, executor: project.Executor, repeat: int) -> float:
    """Milliseconds for one that is there."""
    home = folder / "home0"
    prepare(executor, folder, home)
    return statistics.median(timed(lambda: prepare(executor, folder, home)) for _ in range(repeat))


def prepare(executor: project.Executor, folder: Path, home: Path) -> None:
    with environments.Environments(home, environ=os.environ) as opened:
        executors.prepare(
            executor, folder=folder, environments=opened, run=run, note=lambda _: None
        )


def by_uv(folder: Path, venv: Path, python: str) -> None:
    requirements = str(folder / "requirements.txt")
    into = ("pip", "install", "--python", str(venv / "bin/python"), "-r", requirements)
    for arguments in (("venv", "--quiet", "--python", python, str(venv)), into):
        subprocess.run([uv(), *arguments], check=True, capture_output=True)


def run(command: process.Command) -> process.Exit:
    done = subprocess.run(
        command.argv,
        cwd=command.folder,
        env=dict(command.variables),
        capture_output=True,
        check=False,
    )
    return process.Exit(code=done.returncode)


def write_lock(folder: Path) -> None:
    """A lock file of 300 packages of 20 files each, none of which is for this machine."""
    packages = "".join(
        f'[[package]]\nname = "p{n}"\nversion = "1"\ngroups = ["main"]\n'
        f"markers = \"sys_platform == 'none'\"\nfiles = [\n"
        + "".join(f'  {{file = "p{n}-{k}", hash = "sha256:{n * k:064x}"}},\n' for k in range(20))
        + "]\n\n"
        for n in range(300)
    )
    relevant = json.dumps({"project": {"requires-python": ">=3"}, "tool": {"poetry": {}}})
    digest = sha256(relevant.encode()).hexdigest()
    metadata = f'[metadata]\nlock-version = "2.1"\ncontent-hash = "{digest}"\n'
    (folder / "poetry.lock").write_text(packages + metadata)
    (folder / "pyproject.toml").write_text('[project]\nname = "p"\nrequires-python = ">=3"\n')


def timed(deed: Callable[[], object]) -> float:
    start = time.perf_counter()
    deed()
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main()
