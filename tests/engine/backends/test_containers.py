"""Containers, in a private Docker engine and a private Podman."""

import json
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from ame import errors, process
from ame.engine.backends import contained, containers
from parts.servers import docker

MEBIBYTE = 1024**2
EAT = "head -c 300000000 /dev/zero | tail >/dev/null"
"""Shell text one process of which needs 300 MB."""
Start = Callable[..., contained.Contained]


@pytest.fixture(scope="module", params=["docker", "podman"])
def part(request: pytest.FixtureRequest) -> Iterator[docker.Engine]:
    with docker.docker() if request.param == "docker" else docker.podman() as engine:
        yield engine


@pytest.fixture
def engine(part: docker.Engine) -> Iterator[containers.Engine]:
    yield containers.Engine.find(part.variables, wanted=part.name, network="none")
    assert part.containers() == []


@pytest.fixture
def supervisor() -> Iterator[process.Supervisor]:
    with process.Supervisor() as started:
        yield started


@pytest.fixture
def start(engine: containers.Engine, supervisor: process.Supervisor, tmp_path: Path) -> Start:
    """Starts shell text in a container whose workspace is `tmp_path`."""

    def start(
        text: str,
        *,
        variables: Mapping[str, str] | None = None,
        limits: process.Limits | None = None,
        mounts: tuple[containers.Mount, ...] = (),
        owner: str = "me",
    ) -> contained.Contained:
        return engine.start(
            supervisor,
            process.Command(
                argv=("/bin/sh", "-c", text), folder=tmp_path, variables=variables or {}
            ),
            limits or process.Limits(),
            engine.fetch(docker.IMAGE, run=refuse, folder=tmp_path),
            run="train-abc",
            step="a step/of it",
            owner=owner,
            mounts=mounts,
        )

    return start


def refuse(command: process.Command) -> process.Exit:
    raise AssertionError(f"nothing is to be pulled: {command.argv}")


def finish(child: contained.Contained) -> tuple[process.Exit, str]:
    """How it ended, and all that it printed."""
    printed: list[bytes] = []
    process.pump(child, printed.append)
    return child.wait(), b"".join(printed).decode()


def wait_for(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_a_command_works_in_its_folder_and_its_exit_code_is_passed_on(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "in.txt").write_text("seven")

    ended, printed = finish(start("cat in.txt; pwd; cp in.txt out.txt; exit 7"))

    assert (ended.code, ended.cause) == (7, None)
    assert printed == f"seven{tmp_path}\n"
    assert (tmp_path / "out.txt").read_text() == "seven"
    assert (tmp_path / "out.txt").stat().st_uid == os.getuid()


@pytest.mark.parametrize("code", [1, 125, 127])
def test_a_code_that_engines_use_too_is_the_commands_own_when_the_command_gave_it(
    start: Start, code: int
) -> None:
    assert finish(start(f"exit {code}"))[0].code == code


def test_all_output_arrives_in_the_order_in_which_it_was_printed(start: Start) -> None:
    text = 'i=0; while [ $i -lt 3000 ]; do echo "o$i"; echo "e$i" >&2; i=$((i+1)); done; printf end'

    _, printed = finish(start(text))

    assert printed == "".join(f"o{i}\ne{i}\n" for i in range(3000)) + "end"


def test_variables_of_any_content_reach_the_command_and_nobody_else(
    start: Start, part: docker.Engine, tmp_path: Path
) -> None:
    mark = uuid.uuid4().hex
    secret = f"two\nlines 'of' \"$HOME\" `id` \\ ünï{mark}"
    child = start(
        'printf %s "$TOKEN" >got; while [ ! -e go ]; do sleep 0.01; done; cat ~/.ame',
        variables={"TOKEN": secret},
    )
    wait_for((tmp_path / "got").exists)

    kept = part("inspect", *part.containers())
    listed = b""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            listed += file.read_bytes()
    (tmp_path / "go").touch()

    assert finish(child)[1] == ""
    assert (tmp_path / "got").read_text() == secret
    assert mark not in kept
    assert mark.encode() not in listed


def test_a_variable_that_no_shell_takes_is_refused(start: Start) -> None:
    with pytest.raises(errors.VariableUnfit, match=r"a\.b"):
        start("true", variables={"a.b": "1"})


def test_the_environment_of_ame_itself_does_not_reach_a_container(start: Start) -> None:
    names = {line.split("=")[0] for line in finish(start("env"))[1].splitlines()}

    assert "DOCKER_HOST" not in names
    assert "CONTAINERS_CONF" not in names


def test_a_container_has_a_home_of_its_own_that_goes_with_it(start: Start) -> None:
    _, printed = finish(start('cd && echo kept >file && cat file && pwd && df "$PWD" >/dev/null'))

    assert printed == f"kept\n{contained.HOME}\n"
    assert not [*Path("/tmp").glob("ame-container-*/home/file")]


def test_mounts_are_seen_under_their_own_paths_and_read_only_ones_are_not_written(
    start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    odd = tmp_path_factory.mktemp('with "quotes", commas and spaces')
    (odd / "report").touch()
    fixed = tmp_path_factory.mktemp("fixed")

    _, printed = finish(
        start(
            f"echo line >>'{odd}/report'; touch {fixed}/new || echo refused",
            mounts=(
                containers.Mount(path=odd / "report"),
                containers.Mount(path=fixed, read_only=True),
            ),
        )
    )

    assert (odd / "report").read_text() == "line\n"
    assert printed.endswith("refused\n")
    assert not (fixed / "new").exists()


def test_the_kernels_limits_are_set(start: Start) -> None:
    text = (
        "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us"
        " || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max"
    )
    limits = process.Limits(memory=64 * MEBIBYTE, cpu=Decimal("0.5"))

    child = start(text, limits=limits)
    _, printed = finish(child)

    assert str(64 * MEBIBYTE) in printed
    assert "50000" in printed
    assert "memory by" in child.limited
    assert "cpu by" in child.limited


def test_a_command_over_its_memory_is_ended_with_that_cause(start: Start) -> None:
    ended, _ = finish(start(f"exec {EAT}", limits=process.Limits(memory=32 * MEBIBYTE)))

    assert ended.cause is process.Cause.MEMORY


def test_all_of_a_container_ends_when_one_process_of_it_runs_out_of_memory(
    start: Start, tmp_path: Path
) -> None:
    text = f"{EAT}; while [ ! -e go ]; do sleep 0.01; done; touch late"

    ended, _ = finish(start(text, limits=process.Limits(memory=32 * MEBIBYTE)))

    assert ended.cause is process.Cause.MEMORY
    assert not (tmp_path / "late").exists()


def test_a_workspace_over_its_storage_ends_the_command(
    start: Start, tmp_path: Path, part: docker.Engine
) -> None:
    limits = process.Limits(storage=MEBIBYTE, folder=tmp_path)

    ended, _ = finish(
        start("head -c 3000000 /dev/zero >big; while :; do sleep 1; done", limits=limits)
    )

    assert ended.cause is process.Cause.STORAGE
    assert part.containers() == []


def test_ending_asks_first_and_waits_for_the_command_to_tidy_up(
    start: Start, tmp_path: Path
) -> None:
    child = start(
        "trap 'touch tidied; echo last; exit 3' TERM; touch ready; while :; do sleep 0.01; done"
    )
    wait_for((tmp_path / "ready").exists)

    child.end(30)
    ended, printed = finish(child)

    assert (ended.code, ended.cause) == (3, process.Cause.ASKED)
    assert printed == "last\n"
    assert (tmp_path / "tidied").exists()


def test_a_command_that_does_not_listen_is_gone_after_the_grace(
    start: Start, tmp_path: Path, part: docker.Engine
) -> None:
    child = start("trap '' TERM; touch ready; while :; do sleep 0.01; touch beat; done")
    wait_for((tmp_path / "beat").exists)

    child.end(0)
    ended, _ = finish(child)

    assert ended.cause is process.Cause.ASKED
    assert ended.code != 0
    assert part.containers() == []


def test_waiting_stops_at_its_timeout_and_can_go_on(start: Start, tmp_path: Path) -> None:
    child = start("while [ ! -e go ]; do sleep 0.01; done; exit 5")

    with pytest.raises(TimeoutError):
        child.wait(0.01)
    (tmp_path / "go").touch()

    assert finish(child)[0].code == 5
    assert child.wait().code == 5


def test_a_container_says_whose_it_is(start: Start, part: docker.Engine, tmp_path: Path) -> None:
    child = start("while [ ! -e go ]; do sleep 0.01; done")
    wait_for(part.containers)

    (name,) = part.containers()
    labels = json.loads(part("inspect", "--format", "{{json .Config.Labels}}", name))
    (tmp_path / "go").touch()
    finish(child)

    assert name.startswith("ame-train-abc-a-step-of-it-")
    assert (labels["ame.run"], labels["ame.step"]) == ("train-abc", "a step/of it")
    assert labels["ame.owner"] == "me"


def test_a_sweep_ends_what_a_killed_client_left_behind_and_nothing_else(
    start: Start, engine: containers.Engine, part: docker.Engine, tmp_path: Path
) -> None:
    lost = start("touch a; while :; do sleep 0.01; done", owner="dead")
    kept = start("touch b; while [ ! -e go ]; do sleep 0.01; done; exit 4", owner="alive")
    wait_for(lambda: (tmp_path / "a").exists() and (tmp_path / "b").exists())

    assert engine.sweep(lambda _: True) == ()
    assert engine.sweep(lambda owner: owner == "alive") == ("train-abc",)

    assert len(part.containers()) == 1
    finish(lost)
    (tmp_path / "go").touch()
    assert finish(kept)[0].code == 4


def test_a_client_that_is_killed_takes_its_container_with_it(
    start: Start, part: docker.Engine, tmp_path: Path
) -> None:
    child = start("touch ready; while :; do sleep 0.01; done")
    wait_for((tmp_path / "ready").exists)

    os.kill(child.identity.pid, signal.SIGKILL)
    ended, _ = finish(child)

    assert ended.cause is process.Cause.LOST
    assert part.containers() == []


def test_an_image_without_a_shell_is_refused_in_words(
    engine: containers.Engine,
    supervisor: process.Supervisor,
    part: docker.Engine,
    tmp_path: Path,
) -> None:
    part("import", "--change", "ENV A=b", "-", "localhost/ame-test-empty:1", stdin=docker.EMPTY)
    image = engine.fetch("localhost/ame-test-empty:1", run=refuse, folder=tmp_path)
    command = process.Command(argv=("true",), folder=tmp_path, variables={})

    child = engine.start(
        supervisor, command, process.Limits(), image, run="r", step="s", owner="me"
    )

    with pytest.raises(errors.ContainerFailed, match="ame-test-empty"):
        finish(child)


def test_an_image_that_is_not_there_is_not_pulled_when_that_is_switched_off(
    part: docker.Engine, tmp_path: Path
) -> None:
    engine = containers.Engine.find(part.variables, wanted=part.name, pull="never")

    with pytest.raises(errors.ImageMissing, match="forbid"):
        engine.fetch("localhost/never-made:1", run=refuse, folder=tmp_path)


def test_an_image_that_cannot_be_pulled_is_named(engine: containers.Engine, tmp_path: Path) -> None:
    with pytest.raises(errors.ImageMissing, match="could not be fetched"):
        engine.fetch(docker.CLOSED_REGISTRY, run=run_plainly, folder=tmp_path)


def test_an_image_that_is_not_there_is_pulled_from_its_registry(
    engine: containers.Engine, part: docker.Engine, tmp_path: Path
) -> None:
    with docker.registry() as address:
        name = f"{address}/there:1"
        insecure = () if part.name == "docker" else ("--tls-verify=false",)
        part("tag", docker.IMAGE, name)
        part("push", *insecure, name)
        part("rmi", name)

        fetched = engine.fetch(name, run=run_plainly, folder=tmp_path)

    assert fetched.path == "/bin"
    assert fetched == engine.fetch(name, run=refuse, folder=tmp_path)


def run_plainly(command: process.Command) -> process.Exit:
    done = subprocess.run(command.argv, cwd=command.folder, env=command.variables)
    return process.Exit(code=done.returncode)


def test_many_containers_run_at_once(start: Start) -> None:
    ended: list[tuple[process.Exit, str]] = []
    threads = [
        threading.Thread(target=lambda n=n: ended.append(finish(start(f"echo {n}"))))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(printed for _, printed in ended) == [f"{n}\n" for n in range(4)]


def test_an_engine_describes_itself(engine: containers.Engine, part: docker.Engine) -> None:
    assert engine.describe().startswith(f"{part.name} ")


def test_without_any_engine_the_error_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(errors.ContainerEngineMissing, match=r"(?s)docker and podman.*install"):
        containers.Engine.find({"PATH": str(tmp_path)})


def test_a_client_without_an_engine_is_told_apart_from_none() -> None:
    variables = {"PATH": os.environ["PATH"], "DOCKER_HOST": "unix:///nowhere"}

    with pytest.raises(errors.ContainerEngineMissing, match=r"docker does not answer.*DOCKER_HOST"):
        containers.Engine.find(variables, wanted="docker")


def test_the_variable_chooses_the_engine_over_the_setting(part: docker.Engine) -> None:
    variables = {**part.variables, containers.SETTING: part.name}

    assert containers.Engine.find(variables, wanted="neither").kind == part.name
