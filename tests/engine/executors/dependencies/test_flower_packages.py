"""What a Flower app lists, beside the environment that runs it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ame import errors
from ame.engine.executors.dependencies import flower
from ame.engine.home import Home
from parts.servers import index


class Told:
    """An app and what is told while its packages are made."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.said = b""
        self.environ = {**os.environ, "UV_DEFAULT_INDEX": address, "UV_PYTHON_DOWNLOADS": "never"}
        (folder / "app").mkdir()
        (folder / "home").mkdir()

    def lists(self, *lines: str) -> None:
        listed = "".join(f"  {line!r},\n" for line in lines)
        text = f'[project]\nname = "app"\nversion = "1"\ndependencies = [\n{listed}]\n'
        (self.folder / "app" / "pyproject.toml").write_text(text)

    def found(self, *, ours: bool = False, **environ: str) -> Path | None:
        with Home(self.folder / "home") as home:
            home.environments.environ = self.environ
            return flower.packages(
                self.folder / "app", home, self.tell, environ=self.environ | environ, ours=ours
            )

    def tell(self, said: bytes) -> None:
        self.said += said


@pytest.fixture
def told(tmp_path: Path, address: str) -> Told:
    return Told(tmp_path, address)


def test_what_is_here_is_not_installed(told: Told) -> None:
    told.lists("flwr[simulation]>=1.20", "numpy>=1.26", "six==0; python_version < '3'")

    assert told.found() is None
    assert not told.said
    assert not (told.folder / "home" / "environments").exists()


def test_what_is_missing_goes_before_what_is_here_and_is_made_once(told: Told) -> None:
    told.lists("flwr>=1.20", "colorama==0.4.6", "attrs==25.3.0")

    first = told.found()
    assert b"creating environment" in told.said
    told.said = b""
    second = told.found()

    assert first is not None
    assert first == second
    assert not told.said
    assert not list(first.glob("flwr*"))
    code = "import attr, colorama; print(attr.__file__, colorama.__version__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(first)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(first / "attr" / "__init__.py"), "0.4.6"]


def test_what_flower_does_not_take_is_refused_with_the_reason(told: Told) -> None:
    told.lists("pathspec==0.1")  # Flower asks for a later one

    with pytest.raises(errors.EnvironmentFailed):
        told.found()

    assert b"pathspec" in told.said


def test_another_flower_is_not_installed_and_the_app_is_told_so(told: Told) -> None:
    told.lists("flwr[simulation]<1.20")

    assert told.found() is None
    assert told.said.startswith(b"the app lists `flwr[simulation]<1.20`, and is run by Flower 1.")


def test_an_extra_asks_for_its_packages(told: Told) -> None:
    told.lists("idna[nonsense]>=3", "uvicorn[standard]", "flwr")
    assert told.found() is None  # Flower asks for them, and an extra that is none asks for nothing

    told.lists("sqlalchemy[mssql-pymssql]")
    with pytest.raises(errors.EnvironmentFailed):
        told.found()
    assert b"sqlalchemy" in told.said.lower()


def test_flowers_own_switch_keeps_everything_out(told: Told) -> None:
    told.lists("colorama==0.4.6")

    assert told.found(FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION="1") is None


def test_what_is_no_package_is_named(told: Told) -> None:
    told.lists("two words")

    with pytest.raises(errors.DependenciesInvalid, match="`two words` is no package"):
        told.found()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    packages = ("colorama==0.4.6", "attrs==25.3.0")
    with index.serving(tmp_path_factory.mktemp("index"), *packages) as address:
        yield address
