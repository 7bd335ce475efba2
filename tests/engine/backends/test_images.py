"""Executors in containers: environments made and used in an image with Python."""

import hashlib
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ame import errors, process, project
from ame.engine.backends import containers, images
from parts.servers import docker

pytestmark = pytest.mark.slow
VERSION = platform.python_version()


@pytest.fixture(scope="module")
def part() -> Iterator[docker.Engine]:
    with docker.docker() as engine:
        docker.import_python(engine)
        yield engine


class Room:
    """Containers of one image, and the environments that are made in them."""

    def __init__(self, part: docker.Engine, supervisor: process.Supervisor, home: Path) -> None:
        self.engine = containers.Engine.find(part.variables, wanted=part.name, network="none")
        self.supervisor = supervisor
        image = self.engine.fetch(docker.PYTHON_IMAGE, run=run_plainly, folder=home)
        self.image = image
        self.printed: list[bytes] = []
        self.notes: list[str] = []
        self.inside = 0
        self.environments = images.Environments(home, image, inside=self.run, environ={})

    def run(self, command: process.Command) -> process.Exit:
        self.inside += 1
        mounts = (containers.Mount(path=self.environments.folder),)
        child = self.engine.start(
            self.supervisor,
            command,
            process.Limits(),
            self.image,
            run="r",
            step="s",
            owner="me",
            mounts=mounts,
        )
        process.pump(child, self.printed.append)
        return child.wait()

    def do(self, executor: project.Executor, folder: Path) -> tuple[int, str]:
        """The exit code of the executor's command, and what it printed."""
        ready = images.prepare(
            executor,
            folder=folder,
            arguments=(),
            environments=self.environments,
            run=run_plainly,
            note=self.notes.append,
        )
        self.printed.clear()
        command = process.Command(argv=ready.argv, folder=folder, variables=ready.variables)
        return self.run(command).code, b"".join(self.printed).decode()


def run_plainly(command: process.Command) -> process.Exit:
    done = subprocess.run(command.argv, cwd=command.folder, env=command.variables)
    return process.Exit(code=done.returncode)


@pytest.fixture
def room(part: docker.Engine, tmp_path: Path) -> Iterator[Room]:
    home = tmp_path / "environments"
    home.mkdir()
    with process.Supervisor() as supervisor:
        made = Room(part, supervisor, home)
        with made.environments:
            yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    wheel = docker.wheel(work, "greeting", "1.0", "WORD = 'hello from the wheel'\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (work / "requirements.txt").write_text(f"./{wheel.name} --hash=sha256:{digest}\n")
    return work


COMMAND = 'python -c "import greeting, sys; print(greeting.WORD, sys.prefix)" | tr a-z A-Z'


def test_pip_installs_in_the_image_once_and_the_command_finds_the_packages(
    room: Room, folder: Path
) -> None:
    executor = project.Pip(python_version=VERSION, command=COMMAND)

    first = room.do(executor, folder)
    inside = room.inside
    second = room.do(executor, folder)

    assert first[0] == 0, first[1]
    assert first[1].startswith("HELLO FROM THE WHEEL ")
    assert str(room.environments.folder).upper() in first[1]
    assert second == first
    assert room.inside == inside + 1


def test_an_installation_that_fails_fails_the_step_with_the_last_lines(
    room: Room, folder: Path
) -> None:
    (folder / "requirements.txt").write_text("--no-index\nnowhere-to-be-found==1\n")
    executor = project.Pip(python_version=VERSION, command=COMMAND)

    with pytest.raises(errors.EnvironmentFailed) as caught:
        room.do(executor, folder)
    assert "nowhere-to-be-found" in "".join(caught.value.lines)


def test_a_wheel_whose_digest_differs_is_refused(room: Room, folder: Path) -> None:
    text = (folder / "requirements.txt").read_text()
    (folder / "requirements.txt").write_text(text[:-2] + ("1" if text[-2] == "0" else "0") + "\n")
    executor = project.Pip(python_version=VERSION, command=COMMAND)

    with pytest.raises(errors.EnvironmentFailed) as caught:
        room.do(executor, folder)
    assert "HASH" in "".join(caught.value.lines)


def test_a_python_version_that_the_image_lacks_is_refused_with_those_it_has(
    room: Room, folder: Path
) -> None:
    executor = project.Pip(python_version="2.7", command=COMMAND)

    with pytest.raises(errors.PythonMissing, match=VERSION):
        room.do(executor, folder)


def test_a_custom_command_finds_the_image_as_it_is(room: Room, folder: Path) -> None:
    executor = project.Custom(python_version="3.99", command="python3 -V | tr P p")

    assert room.do(executor, folder) == (0, f"python {VERSION}\n")


def test_pip_is_told_of_indexes_without_their_names_and_of_none_on_this_machine() -> None:
    given = {
        "UV_DEFAULT_INDEX": "own-one=https://host/simple/",
        "UV_INDEX": "https://b/simple two=http://c/d",
        "UV_INDEX_OWN_ONE_USERNAME": "me",
        "UV_INDEX_OWN_ONE_PASSWORD": "p@ss",
        "UV_FIND_LINKS": "/wheels,file:///there",
    }

    assert images._for_pip(given) == {
        "PIP_INDEX_URL": "https://me:p%40ss@host/simple/",
        "PIP_EXTRA_INDEX_URL": "https://b/simple http://c/d",
    }
