"""A job done by the NVFLARE that is installed: exported, and given to its simulator."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ame import errors, process
from ame.federation import export

if TYPE_CHECKING:
    from ame.federation.exchange.watcher import Watcher
    from ame.federation.program import Program, Version

_WRONG = re.compile(r"^.*(?:\w*Error: |FATAL_SYSTEM_ERROR|ConfigError).*$", re.MULTILINE)
"""Of a site that could not load the job NVFLARE says so, and ends as if all had been well."""


def run(
    program: "Program",
    sites: Sequence[str],
    *,
    workspace: Path,
    threads: int | None,
    gpu: str | None,
    watcher: "Watcher",
) -> None:
    """Does the job in NVFLARE's own simulator, and returns when it is over.

    Rounds are not told of: NVFLARE says only what it prints, which becomes the server's log. Its
    simulator empties the folder it works in, so that is one of its own, `server`.

    Raises:
        errors.EngineMissing: no NVFLARE is installed.
        errors.EngineFailed: it ended with an error, or a site could not load the job.
        errors.NotExportable: it has no counterpart of a part of the job.
    """
    here = Path(sys.executable).parent
    nvflare = shutil.which("nvflare", path=f"{here}{os.pathsep}{os.environ.get('PATH', '')}")
    if nvflare is None:
        raise errors.EngineMissing(
            "nvflare", "no command `nvflare` is on the path: run `pip install nvflare`"
        )
    root = workspace / "jobs"
    export.write(program, root, version=_version(nvflare), clients=list(sites))
    job = root / program.name
    command = [nvflare, "simulator", str(job), "-w", str(workspace / "server")]
    command += ["-c", ",".join(sites), "-t", str(threads or len(sites))]
    command += ["-gpu", gpu] if gpu else []
    log = workspace / "nvflare.txt"
    code = _follow(command, watcher, log)
    wrong = _WRONG.findall(log.read_text(errors="replace"))
    if code or wrong:
        why = wrong[0].strip() if wrong else f"it exited with {code}"
        raise errors.EngineFailed("NVFLARE", why, log)
    _bring_models(job, workspace / "server")


def _bring_models(job: Path, server: Path) -> None:
    """Some of its persistors write over the model that the job came with, beside the code."""
    for sent in job.glob("app*/custom/*.npy"):
        for found in server.glob(f"server/*/app*/custom/{sent.name}"):
            if found.read_bytes() != sent.read_bytes():
                (server / "models").mkdir(exist_ok=True)
                shutil.copy(found, server / "models" / sent.name.removeprefix("initial_"))


def _version(nvflare: str) -> "Version":
    told = subprocess.run([nvflare, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)\.(\d+)", told.stdout)
    return "2.9" if found and (int(found[1]), int(found[2])) >= (2, 9) else "2.7"


def _follow(command: list[str], watcher: "Watcher", log: Path) -> int:
    """Runs it to its end, and ends all that it has left."""
    try:
        with (
            log.open("wb") as kept,
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as child,
        ):
            assert child.stdout is not None
            while chunk := os.read(child.stdout.fileno(), 1 << 16):
                kept.write(chunk)
                watcher.printed("server", chunk)
            return child.wait()
    finally:
        # Its processes are in sessions of their own; all have the run's name in their environment.
        process.sweep(f"AME_RUN={os.environ['AME_RUN']}")
