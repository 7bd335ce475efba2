"""An app of Flower's as a task."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ame import errors, project, runs
from ame.engine.backends import images
from ame.engine.home import Home
from engine.doing import Doing
from engine.executors.steps import Steps

APP = Path(__file__).parents[2] / "federation" / "flower" / "apps" / "newest"


def words(steps: Steps, executor: project.Flower, *arguments: str) -> list[str]:
    """What follows `ame fed run`."""
    argv = steps.prepare(executor, *arguments).argv
    assert argv[1:6] == ("-P", "-m", "ame", "fed", "run")
    return [*argv[6:]]


def test_without_a_key_the_projects_folder_is_simulated(steps: Steps) -> None:
    assert words(steps, project.Flower()) == [".", "--workspace", "federated", "--"]


def test_settings_of_the_command_line_go_before_those_of_the_task(steps: Steps) -> None:
    executor = project.Flower(app="app", sites="3", run_config=(("lr", "0.1"), ("size", "4")))

    said = words(steps, executor, "lr=0.2")

    assert said[-6:] == ["--clients", "3", "--", "lr=0.1", "size=4", "lr=0.2"]


def test_the_backend_is_an_engine(steps: Steps) -> None:
    started = words(steps, project.Flower(backend="superlink"))
    there = words(
        steps, project.Flower(backend="h:1", sites="a,b", root_certificates="ca", tolerate=True)
    )

    assert started[3:-1] == ["--engine", "flower"]
    assert there[3:-1] == [
        *("--clients", "a,b", "--tolerate"),
        *("--engine", "flower", "--superlink", "h:1", "--root-certificates", "ca"),
    ]


def test_in_a_container_it_is_refused(steps: Steps) -> None:
    with pytest.raises(errors.CommandInvalid, match="leave out `image`"):
        images.prepare(
            project.Flower(image="python:3"),
            folder=steps.folder,
            arguments=(),
            environments=steps.environments,  # type: ignore[arg-type]  # not looked at
            run=steps.run,
            note=steps.notes.append,
        )


@pytest.fixture
def doing(tmp_path: Path) -> Iterator[Doing]:
    shutil.copytree(APP, tmp_path / "project" / "app")
    (tmp_path / "home").mkdir()
    with Home(tmp_path / "home") as home:
        yield Doing(folder=tmp_path / "project", home=home)


def app(**keys: object) -> dict[str, object]:
    return {"name": "learn", "executor": {"flower": {"app": "app", **keys}}}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_app_is_a_task_whose_metrics_progress_and_files_are_the_steps(doing: Doing) -> None:
    model = "federated/server/simulate_job/app_server/model.npy"
    task = app(sites=3, runConfig={"size": 3})
    doing.file({**task, "artifacts": {"paths": [model]}})

    ended = doing.run("learn", arguments=("num-server-rounds=1",))

    assert ended.run.state is runs.State.SUCCEEDED, doing.log(ended).decode()
    measured = {(m.name, m.iteration): m.value for m in doing.home.store.metrics(ended.run.name)}
    assert measured["loss", 1] == pytest.approx((0 * 1 + 1 * 2 + 2 * 3) / 6)
    assert ("loss", 2) not in measured
    assert doing.saved(ended) == [model]
    inner = doing.home.store.find("newest")
    assert (inner.kind, inner.state) == ("fedjob", runs.State.SUCCEEDED)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_the_app_raises_is_why_the_step_has_failed(doing: Doing) -> None:
    server = doing.folder / "app" / "newest" / "server_app.py"
    raising = 'def main(grid: Grid, context: Context) -> None:\n    raise ValueError("no plan")\n'
    server.write_text(server.read_text().partition("def main")[0] + raising)
    doing.file(app())

    ended = doing.run("learn")

    state, reason = doing.steps(ended)["learn"]
    assert state is runs.State.FAILED
    assert "no plan" in reason


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_site_that_is_lost_fails_the_step_unless_it_is_tolerated(doing: Doing) -> None:
    doing.file(app(runConfig={"fails": 1}))
    lost = doing.run("learn")
    doing.file(app(runConfig={"fails": 1}, tolerate=True))
    tolerated = doing.run("learn")

    assert doing.steps(lost)["learn"] == (runs.State.FAILED, "exited with 10: without site-2")
    assert tolerated.run.state is runs.State.SUCCEEDED


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_no_app_and_what_it_does_not_have_is_why_the_step_has_failed(doing: Doing) -> None:
    doing.file(app(runConfig={"nonsense": 1}))
    unknown = doing.run("learn")
    (doing.folder / "app" / "pyproject.toml").write_text("[project]\n")
    doing.file(app())
    none = doing.run("learn")

    assert "no `nonsense`" in doing.steps(unknown)["learn"][1]
    assert doing.steps(none)["learn"][0] is runs.State.FAILED
    assert ": " in doing.steps(none)["learn"][1]
