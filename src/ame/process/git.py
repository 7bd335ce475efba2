"""Which commit a project stands at."""

import subprocess
from pathlib import Path


def describe(folder: Path) -> tuple[str, bool]:
    """The commit, and whether the files differ from it; an empty name outside git.

    One call of git answers both. Untracked files count as a difference; ignored ones do not.
    """
    command = [
        "git",
        "--no-optional-locks",
        "-C",
        str(folder),
        "status",
        "--porcelain=v2",
        "--branch",
    ]
    try:
        told = subprocess.run(command, capture_output=True, timeout=60, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return "", False
    if told.returncode != 0:
        return "", False
    lines = told.stdout.decode(errors="replace").splitlines()
    head = next((line for line in lines if line.startswith("# branch.oid ")), "")
    commit = head.removeprefix("# branch.oid ")
    dirty = any(not line.startswith("#") for line in lines)
    return ("" if commit == "(initial)" else commit), dirty
