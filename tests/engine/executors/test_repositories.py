"""Dependencies in git repositories, and at addresses of their own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ame import project
from ame.engine.executors.dependencies.wanted import repository as repository_of
from engine.executors import tools
from engine.executors.steps import HERE, Steps
from parts import pages
from parts.servers import docker

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "trees"
version = "1.5"
"""
BACKEND = """
import zipfile
def build_wheel(folder, settings=None, metadata=None):
    name = "trees-1.5-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.write("trees.py")
        about = "trees-1.5.dist-info/"
        tag = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(about + "METADATA", "Metadata-Version: 2.1\\nName: trees\\nVersion: 1.5\\n")
        wheel.writestr(about + "WHEEL", tag)
        wheel.writestr(about + "RECORD", "")
    return name
build_editable = build_wheel
"""
COMMAND = 'python -c "import trees, shoots; print(trees.GROWN, shoots.GROWN)"'
SOURCE = '[[source]]\nname = "own"\nurl = "ADDRESS"\nverify_ssl = false\n'


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """A repository whose newest commit is not the one that was tagged; yields its address."""
    folder = tmp_path / "repository"
    package = folder / "below"
    package.mkdir(parents=True)
    (package / "pyproject.toml").write_text(PROJECT)
    (package / "backend.py").write_text(BACKEND)
    (package / "trees.py").write_text("GROWN = 'tagged'\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    git(folder, "tag", "v1")
    (package / "trees.py").write_text("GROWN = 'newest'\n")
    git(folder, "commit", "--quiet", "-am", "second")
    return folder.as_uri()


@pytest.fixture
def wheel(tmp_path: Path) -> Iterator[str]:
    """The address of a wheel that no index has."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    file = docker.wheel(folder, "shoots", "2.0", "GROWN = 'there'\n")
    with pages.files(folder) as address:
        yield f"{address}/{file.name}"


def test_pip_installs_what_requirements_name_by_repository_and_address(
    steps: Steps, repository: str, wheel: str
) -> None:
    steps.write(
        {"requirements.txt": f"trees @ git+{repository}@v1#subdirectory=below\nshoots @ {wheel}\n"}
    )

    assert steps.start(project.Pip(python_version=HERE, command=COMMAND)) == "tagged there"


@pytest.mark.slow
def test_poetrys_lock_pins_the_commit_of_a_repository_and_the_file_of_an_address(
    steps: Steps, poetry: Path, repository: str, wheel: str
) -> None:
    steps.write(
        {
            "pyproject.toml": '[tool.poetry]\nname = "mine"\nversion = "1"\ndescription = ""\n'
            "authors = []\npackage-mode = false\n[tool.poetry.dependencies]\npython = '^3.10'\n"
            f'trees = {{git = "{repository}", tag = "v1", subdirectory = "below"}}\n'
            f'shoots = {{url = "{wheel}"}}\n'
        }
    )
    tools.lock(poetry, steps.folder)
    git(Path(repository.removeprefix("file://")), "tag", "--force", "v1", "main")

    assert steps.start(project.Poetry(python_version=HERE, command=COMMAND)) == "tagged there"


@pytest.mark.slow
def test_pipenvs_lock_pins_the_commit_of_a_repository_and_the_file_of_an_address(
    steps: Steps, pipenv: Path, repository: str, wheel: str, address: str
) -> None:
    steps.write(
        {
            "Pipfile": SOURCE.replace("ADDRESS", address) + "[packages]\n"
            f'trees = {{git = "{repository}", ref = "v1", subdirectory = "below"}}\n'
            f'shoots = {{file = "{wheel}"}}\n'
            f'[requires]\npython_version = "{HERE}"\n'
        }
    )
    tools.lock(pipenv, steps.folder)
    git(Path(repository.removeprefix("file://")), "tag", "--force", "v1", "main")

    assert steps.start(project.Pipenv(command=COMMAND)) == "tagged there"


def test_the_short_form_of_an_ssh_address_is_written_out() -> None:
    assert repository_of("git@host.org:me/trees.git") == "git+ssh://git@host.org/me/trees.git"
    assert repository_of("git+ssh://git@host.org/me") == "git+ssh://git@host.org/me"
    assert repository_of("https://me:word@host.org/a") == "git+https://me:word@host.org/a"
