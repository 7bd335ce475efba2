"""Peers, each in an environment of its own, made on the first use and kept in the user's cache."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ame-benchmarks"


def python_of(peer: str, packages: Sequence[str]) -> str:
    """The interpreter of a peer's environment; empty, and a line says why, if there is none."""
    environment = CACHE / peer
    python = environment / "bin" / "python"
    done = environment / "installed"
    wanted = " ".join(packages)
    if done.exists() and done.read_text() == wanted:
        return str(python)
    uv = Path(sys.executable).with_name("uv")
    program = str(uv) if uv.exists() else "uv"
    for argv in (
        (program, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment)),
        (program, "pip", "install", "--quiet", "--python", str(python), *packages),
    ):
        try:
            subprocess.run(argv, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            why = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
            print(f"{peer} is left out: it could not be installed: {why}", flush=True)
            return ""
    done.write_text(wanted)
    return str(python)
