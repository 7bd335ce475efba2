import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from ame import errors, project
from ame.engine import executors
from engine.executors.steps import HERE, Steps

MLPROJECT = """
name: digits
python_env: python_env.yaml
entry_points:
  main:
    parameters:
      alpha: {type: float, default: 0.5}
      name: string
      data: {type: path, default: data.csv}
    command: "python show.py {alpha} {name} {data}"
  other:
    command: "echo other"
"""
SHOW = "import sys, six; print('|'.join(sys.argv[1:]))"
OPENED = {"MLFLOW_RUN_ID": "opened"}
"""A run that was opened before, so that no other one is."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Environments that are kept for the next test: MLflow is large."""
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def steps(tmp_path: Path, kept: Path) -> Iterator[Steps]:
    made = Steps(tmp_path / "workspace", kept)
    yield made
    made.environments.close()


@pytest.fixture
def digits(steps: Steps) -> Steps:
    steps.write(
        {
            "MLproject": MLPROJECT,
            "python_env.yaml": f"python: {HERE}\ndependencies:\n- -r requirements.txt",
            "requirements.txt": "six",
            "data.csv": "1",
            "show.py": SHOW,
        }
    )
    return steps


def test_the_main_entry_point_runs_with_defaults_and_with_what_is_given(digits: Steps) -> None:
    said = digits.start(
        project.Mlflow(), "-P", "name=it's; id", "-Pextra=1", "tail", variables=OPENED
    )

    assert said == f"0.5|it's; id|{digits.folder}/data.csv|--extra|1|tail"


def test_another_entry_point_can_be_named(digits: Steps) -> None:
    assert digits.start(project.Mlflow(), "-e", "other", variables=OPENED) == "other"


def test_the_executors_command_replaces_that_of_main(digits: Steps) -> None:
    executor = project.Mlflow(command="echo {name} | tr a o")

    assert digits.start(executor, "-P", "name=a b", variables=OPENED) == "o b"


def test_a_command_with_braces_needs_no_project_file(steps: Steps) -> None:
    executor = project.Mlflow(command="x=1; echo ${x}", python_version=HERE)

    assert steps.start(executor, variables=OPENED) == "1"


def test_of_a_conda_environment_python_and_pips_packages_are_taken(steps: Steps) -> None:
    steps.write(
        {
            "MLproject": "conda_env: env.yaml\nentry_points: {main: {command: python show.py}}",
            "env.yaml": f"dependencies: [python={HERE}, numpy=1.2, pip, {{pip: [six]}}]",
            "show.py": SHOW,
        }
    )

    assert steps.start(project.Mlflow(), variables=OPENED) == ""
    assert "env.yaml: without conda, these are not installed: numpy=1.2" in steps.notes


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ((), "no value for the parameter `name`"),
        (("-P", "name=a", "-P", "data=gone"), "`data` is `gone`, which is not there"),
        (("-e", "nothing"), "no entry point `nothing`"),
    ],
)
def test_what_is_missing_is_named(digits: Steps, arguments: tuple[str, ...], fault: str) -> None:
    with pytest.raises(errors.DependenciesInvalid, match=fault):
        digits.prepare(project.Mlflow(), *arguments)


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (("-P", "name"), "NAME=VALUE"),
        (("-P",), "give `-P` a value"),
        (("-P", "name=a", "--param-list=name=b"), "give the parameter `name` once"),
    ],
)
def test_a_parameter_has_one_value(digits: Steps, arguments: tuple[str, ...], remedy: str) -> None:
    with pytest.raises(errors.CommandInvalid, match=remedy):
        digits.prepare(project.Mlflow(), *arguments)


@dataclass
class Store:
    """Where MLflow keeps what one test does."""

    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        tags = json.dumps({"ame.run": "r1"})
        return {
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder}/mlflow.db",
            "MLFLOW_RUN_CONTEXT": tags,
            "MLFLOW_EXPERIMENT_NAME": "trees",
        }

    def ask(self, query: str) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(f"{self.folder}/mlflow.db")) as kept:
            return kept.execute(query).fetchall()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def begun(ready: executors.Ready, folder: Path, store: Store) -> subprocess.Popen[str]:
    variables = {**os.environ, **store.variables, **ready.variables}
    return subprocess.Popen(
        ready.argv, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_of_mlflow_is_opened_with_its_parameters_and_closed(
    digits: Steps, store: Store
) -> None:
    digits.write({"show.py": "import os; print(os.environ['MLFLOW_RUN_ID'])"})
    options = ("-P", "name=n", "-P", "extra=1", "--run-name", "mine")

    run = digits.start(project.Mlflow(), *options, variables=store.variables)

    assert store.ask("SELECT status, name FROM runs") == [("FINISHED", "mine")]
    assert store.ask("SELECT run_uuid FROM runs") == [(run.splitlines()[-1],)]
    assert sorted(store.ask("SELECT key, value FROM params")) == [
        ("alpha", "0.5"),
        ("data", f"{digits.folder}/data.csv"),
        ("extra", "1"),
        ("name", "n"),
    ]
    assert {
        ("mlflow.project.entryPoint", "main"),
        ("mlflow.source.type", "PROJECT"),
        ("ame.run", "r1"),
    } <= set(store.ask("SELECT key, value FROM tags"))
    assert ("trees",) in store.ask("SELECT name FROM experiments")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_of_mlflow_ends_as_its_command_does(steps: Steps, store: Store) -> None:
    ended = []
    for command in ("exit 3", "kill -9 $$"):
        ready = steps.prepare(project.Mlflow(command=command))
        with begun(ready, steps.folder, store) as child:
            child.wait()
            ended.append(child.returncode)
    assert ended == [3, -signal.SIGKILL]
    assert store.ask("SELECT status FROM runs") == [("FAILED",), ("FAILED",)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_of_mlflow_that_is_asked_to_end_is_killed(steps: Steps, store: Store) -> None:
    ready = steps.prepare(project.Mlflow(command="echo here; exec sleep 600"))
    with begun(ready, steps.folder, store) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        child.send_signal(signal.SIGTERM)
        assert child.wait() == -signal.SIGTERM
    assert store.ask("SELECT status FROM runs") == [("KILLED",)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_of_mlflow_that_cannot_be_opened_fails_the_step(steps: Steps, store: Store) -> None:
    ready = steps.prepare(project.Mlflow(command="echo here"), "--experiment-id", "77")
    with begun(ready, steps.folder, store) as child:
        assert child.communicate()[0] == ""
        assert child.returncode == 1


def test_a_project_that_wants_a_container_is_told_of_image(steps: Steps) -> None:
    steps.write({"MLproject": "docker_env: {image: x}\nentry_points: {main: {command: 'true'}}"})

    with pytest.raises(errors.DependencyUnsupported, match="give the executor an `image`"):
        steps.prepare(project.Mlflow())
