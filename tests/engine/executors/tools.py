"""Real Poetry and Pipenv, each in an environment of its own, and an index for them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ame.engine.environments.installer import uv
from parts.servers import index


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    packages = ("six==1.17.0", "idna==3.10", "attrs==25.3.0", "colorama==0.4.6", "iniconfig==2.1.0")
    with index.serving(tmp_path_factory.mktemp("index"), *packages) as address:
        yield address


@pytest.fixture(scope="session")
def poetry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _installed(tmp_path_factory.mktemp("poetry"), "poetry")


@pytest.fixture(scope="session")
def old_poetry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _installed(tmp_path_factory.mktemp("poetry"), "poetry==1.8.5")


@pytest.fixture(scope="session")
def pipenv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _installed(tmp_path_factory.mktemp("pipenv"), "pipenv")


def lock(tool: Path, folder: Path) -> None:
    """Makes the lock file of the project in `folder`."""
    keep = {"HOME": str(tool.parents[1]), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(
        [tool, "lock"], cwd=folder, env=keep, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _installed(folder: Path, name: str) -> Path:
    python = f"{folder}/bin/python"
    made = [uv(), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)]
    subprocess.run(made, check=True, capture_output=True)
    install = [uv(), "pip", "install", "--quiet", "--python", python, name]
    subprocess.run(install, check=True, capture_output=True)
    return folder / "bin" / name.partition("==")[0]
