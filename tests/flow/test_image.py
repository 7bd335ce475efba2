"""Tasks with an image, by the command line, in a private Docker engine and a private Podman."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

import ame as package
from parts.servers import docker

pytestmark = pytest.mark.slow

PROJECT = f"""\
project: contained
tasks:
  - name: count
    pipeline:
      - name: write
        executor:
          !custom
          image: {docker.IMAGE}
          command: wc -c < words.txt > count.txt; id -u >&2; echo "token $TOKEN, home $SHELL_HOME"
        secrets:
          - !ame
            key: token
            injectAs: TOKEN
      - name: read
        executor:
          !custom
          command: cat count.txt
        artifacts:
          paths: [count.txt]
  - name: report
    executor:
      !custom
      image: {docker.IMAGE}
      command: |
        echo '{{"metric": "answer", "value": 42}}' >> "$AME_REPORT"
  - name: fail
    executor:
      !custom
      image: {docker.IMAGE}
      command: echo last words; exit 7
  - name: stay
    executor:
      !custom
      image: {docker.IMAGE}
      command: sleep 600
  - name: gone
    executor:
      !custom
      image: {docker.CLOSED_REGISTRY}
      command: "true"
"""


@pytest.fixture(scope="module", params=["docker", "podman"])
def part(request: pytest.FixtureRequest) -> Iterator[docker.Engine]:
    with docker.docker() if request.param == "docker" else docker.podman() as engine:
        yield engine


class Person:
    """Someone at a terminal, in the folder of a project."""

    def __init__(self, folder: Path, home: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            **variables,
            "AME_HOME": str(home),
            "PYTHONPATH": str(Path(package.__file__).parents[1]),
        }

    def types(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ame", *words],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
        )

    @contextmanager
    def leaves_running(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        running = subprocess.Popen(
            [sys.executable, "-m", "ame", *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield running
        finally:
            running.kill()
            running.wait()


@pytest.fixture
def person(part: docker.Engine, tmp_path: Path) -> Person:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "ame.yml").write_text(PROJECT)
    (folder / "words.txt").write_text("eleven char")
    wanted = {"AME_CONTAINER_ENGINE": part.name, "SHELL_HOME": "not passed on"}
    return Person(folder, tmp_path / "home", {**part.variables, **wanted})


def test_files_flow_into_a_container_and_out_of_it(person: Person, part: docker.Engine) -> None:
    person.types("secret", "add", "token", stdin="s3cret-value")

    ended = person.types("task", "run", "count", "--logs")

    assert ended.returncode == 0, ended.stderr
    assert (person.folder / "count.txt").read_text().strip() == "11"
    assert "token ***, home \n" in ended.stderr
    assert "s3cret-value" not in ended.stdout + ended.stderr
    assert part.containers() == []


def test_a_container_reports_metrics(person: Person) -> None:
    ended = person.types("task", "run", "report", "--format", "json")

    assert ended.returncode == 0, ended.stderr
    metrics = json.loads(ended.stdout)["metrics"]
    assert [(each["name"], each["value"]) for each in metrics] == [("answer", 42.0)]


def test_the_exit_code_and_the_last_lines_of_a_container_are_in_view(person: Person) -> None:
    ended = person.types("task", "run", "fail")

    assert ended.returncode == 1
    assert "exited with 7" in ended.stderr
    assert "last words" in ended.stderr


def test_an_image_that_is_not_to_be_had_fails_the_step(person: Person) -> None:
    ended = person.types("task", "run", "gone")

    assert ended.returncode == 1
    assert "could not be fetched" in ended.stderr


def test_without_an_engine_nothing_starts(person: Person, tmp_path: Path) -> None:
    person.environment |= {"AME_CONTAINER_ENGINE": "", "DOCKER_HOST": f"unix://{tmp_path}/none"}
    person.environment["PATH"] = str(tmp_path)

    ended = person.types("task", "run", "report")

    assert ended.returncode == 6
    assert "install Docker or Podman" in ended.stderr


def wait_for(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_an_interrupt_leaves_no_container(person: Person, part: docker.Engine) -> None:
    with person.leaves_running("task", "run", "stay") as running:
        wait_for(lambda: part("ps", "--quiet"))

        running.send_signal(signal.SIGINT)

        assert running.wait(60) == 130
    assert part.containers() == []
    assert "Cancelled" in person.types("task", "list").stdout


def test_the_next_command_after_a_crash_sweeps_the_container(
    person: Person, part: docker.Engine
) -> None:
    with person.leaves_running("task", "run", "stay"):
        wait_for(lambda: part("ps", "--quiet"))

    assert "Failed" in person.types("task", "list").stdout
    assert part.containers() == []
