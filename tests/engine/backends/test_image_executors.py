"""Poetry's, Pipenv's and MLflow's executors in an image, as a run does them."""

import platform
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ame import runs
from engine.doing import Doing
from engine.executors import tools
from engine.executors.tools import pipenv, poetry
from parts.servers import docker, index

__all__ = ["pipenv", "poetry"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
VERSION = ".".join(platform.python_version_tuple()[:2])
COMMAND = "python -c \"import six, sys; print('in', sys.prefix, six.__version__)\""
MLFLOW = ("mlflow-skinny>=3", "sqlalchemy", "alembic")


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.Engine]:
    with docker.docker() as started:
        docker.import_python(started)
        yield started


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with index.serving(tmp_path_factory.mktemp("index"), "six==1.17.0", *MLFLOW) as address:
        yield address


@pytest.fixture
def inside(
    doing: Doing, engine: docker.Engine, address: str, monkeypatch: pytest.MonkeyPatch
) -> Doing:
    """Runs in containers that reach the index."""
    for name, value in {**engine.variables, "PIP_INDEX_URL": address}.items():
        monkeypatch.setenv(name, value)
    (doing.home.folder / "settings.toml").write_text(
        'container_engine = "docker"\ncontainer_network = "host"\n'
    )
    return doing


def done(inside: Doing, **executor: dict[str, str]) -> str:
    ((kind, said),) = executor.items()
    said["image"] = docker.PYTHON_IMAGE
    inside.file({"name": "t", "executor": {kind: said}, "resources": {"memory": "2G"}})
    ended = inside.run("t")
    log = inside.log(ended).decode()
    assert ended.run.state is runs.State.SUCCEEDED, log
    return log


def test_poetrys_lock_is_installed_in_the_image(inside: Doing, poetry: Path, address: str) -> None:
    inside.write(
        {
            "pyproject.toml": '[tool.poetry]\nname = "mine"\nversion = "1"\ndescription = ""\n'
            f'authors = []\n[[tool.poetry.source]]\nname = "own"\nurl = "{address}/"\n'
            "[tool.poetry.dependencies]\npython = '^3.10'\nsix = '*'\n"
        }
    )
    tools.lock(poetry, inside.folder)

    log = done(inside, poetry={"pythonVersion": VERSION, "command": COMMAND})
    assert f"in {inside.home.folder}/images/" in log
    assert "1.17.0" in log


def test_pipenvs_lock_is_installed_in_the_image(inside: Doing, pipenv: Path, address: str) -> None:
    inside.write(
        {
            "Pipfile": f'[[source]]\nname = "own"\nurl = "{address}"\nverify_ssl = false\n'
            f'[packages]\nsix = "*"\n[requires]\npython_version = "{VERSION}"\n'
            '[scripts]\nboth = ["echo one", "echo two"]\n'
        }
    )
    tools.lock(pipenv, inside.folder)

    assert "1.17.0" in done(inside, pipenv={"command": COMMAND})
    assert "one\ntwo" in done(inside, pipenv={"command": "both"})


def test_an_mlflow_project_is_run_in_the_image_within_a_run_of_mlflow(inside: Doing) -> None:
    inside.write(
        {
            "MLproject": "python_env: env.yaml\nentry_points:\n  main:\n"
            f"    parameters: {{alpha: {{default: 2}}}}\n    command: {COMMAND}\n",
            "env.yaml": f'python: "{VERSION}"\ndependencies: [six]\n',
        }
    )

    assert "1.17.0" in done(inside, mlflow={})
    with closing(sqlite3.connect(inside.home.folder / "mlflow" / "mlflow.db")) as kept:
        assert kept.execute("SELECT key, value FROM params").fetchall() == [("alpha", "2")]
        assert kept.execute("SELECT status FROM runs").fetchall() == [("FINISHED",)]


def test_python_prints_at_once_in_the_image_and_what_it_printed_outlives_it(inside: Doing) -> None:
    executor = {
        "command": "python3 -c \"import os; print('last words'); os.kill(os.getpid(), 9)\"",
        "image": docker.PYTHON_IMAGE,
    }
    inside.file({"name": "t", "executor": {"custom": executor}, "resources": {"memory": "1G"}})

    ended = inside.run("t")

    assert ended.run.state is runs.State.FAILED
    assert "last words" in inside.log(ended).decode()
