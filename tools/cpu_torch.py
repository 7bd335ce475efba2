"""Installs PyTorch without CUDA, by whatever way this machine has to such a build.

Usage: python3 cpu_torch.py ENVIRONMENT torch==VERSION

On Linux the package index serves a build that brings several gigabytes of CUDA along. Where pip as
it is set up here finds another one, such as a wheel of the machine's own, that is taken. Otherwise
uv fetches it from where PyTorch keeps its builds for CPUs. What is there already stays.
"""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path


def main() -> None:
    """Installs it, or ends with what the last way said."""
    environment, wanted = Path(sys.argv[1]), sys.argv[2]
    name, _, version = wanted.partition("==")
    if is_there(environment, name, version):
        return
    uv = environment / "bin" / "uv"
    install = [str(uv), "pip", "install", "--quiet", "--python", str(environment / "bin/python")]
    own = from_pip(environment / "bin" / "python", name, wanted)
    if own:
        subprocess.run([*install, f"{name} @ {own}"], check=True)
    else:
        subprocess.run([*install, "--torch-backend=cpu", wanted], check=True)


def is_there(environment: Path, name: str, version: str) -> bool:
    """Whether the environment has that version, of any build."""
    places = [str(place) for place in environment.glob("lib/python*/site-packages")]
    found = next(iter(metadata.distributions(name=name, path=places)), None)
    return found is not None and found.version.partition("+")[0] == version


def from_pip(python: Path, name: str, wanted: str) -> str:
    """Where pip would take it from; empty if CUDA would come along, or pip finds nothing."""
    asked = [str(python), "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", wanted]
    answer = subprocess.run(asked, capture_output=True, check=False)
    if answer.returncode:
        return ""
    places = {
        each["metadata"]["name"]: each["download_info"]["url"]
        for each in json.loads(answer.stdout)["install"]
    }
    if any(package.startswith(("nvidia", "cuda")) for package in places):
        return ""
    return str(places[name])


if __name__ == "__main__":
    main()
