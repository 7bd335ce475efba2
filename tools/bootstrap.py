"""Makes a virtual environment with pip on a machine that may have neither `venv` nor `pip`.

Usage: python3 bootstrap.py FOLDER

Debian and Ubuntu keep `ensurepip` in a package of its own. Where it is missing, pip comes from the
machine's own pip, else from the distribution's wheel of it, which needs no root to be unpacked.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path


def main() -> None:
    """Makes the environment, whole or not at all."""
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, symlinks=True, with_pip=False)
    python = folder / "bin" / "python"
    try:
        for way in (from_ensurepip, from_pip, from_distribution):
            if way(python):
                return
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit(
        "error: found no way to get pip: no `ensurepip`, no `pip`, no `apt-get` that offers "
        "`python3-pip-whl`. Install `python3-venv` (or `python3-pip`) and run this again."
    )


def from_ensurepip(python: Path) -> bool:
    """The wheel that CPython brings along."""
    return succeeds([str(python), "-m", "ensurepip", "--default-pip"])


def from_pip(python: Path) -> bool:
    """The pip of the Python that runs this file."""
    pip = [sys.executable, "-m", "pip", "--quiet"]
    return succeeds([*pip, "--python", str(python), "install", "pip"])


def from_distribution(python: Path) -> bool:
    """The wheel of Debian's package, unpacked into a temporary folder."""
    apt = shutil.which("apt-get")
    if apt is None:
        return False
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        download = [apt, "--quiet", "--quiet", "download", "python3-pip-whl"]
        if not succeeds(download, cwd=here):
            if os.geteuid() != 0 or not succeeds([apt, "--quiet", "--quiet", "update"]):
                return False
            here.chmod(0o755)
            if not succeeds(download, cwd=here):
                return False
        package = next(here.glob("*.deb"))
        if not succeeds(["dpkg-deb", "-x", str(package), str(here / "root")]):
            return False
        wheel = next((here / "root").rglob("pip-*.whl"))
        return succeeds([str(python), f"{wheel}/pip", "--quiet", "install", "pip"])


def succeeds(command: list[str], cwd: Path | None = None) -> bool:
    """Whether the command could be run and exited with 0."""
    try:
        return subprocess.run(command, cwd=cwd, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    main()
