"""What `ame population` and `ame fleet` say to people who are mistaken, and how they end."""

import asyncio
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from ame import errors
from ame.cli import exits
from ame.cli.main import root
from ame.device import records
from ame.protocol.tensors import checkpoint
from device import devices
from parts import fleet, pages
from server import fleets
from server.fleets import Peer

USUAL = ("--rounds", "1", "--goal", "2")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fleet.Fleet]:
    with fleet.serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The options that name the files of a task."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "plan").write_bytes(fleets.PLAN)
    (folder / "start").write_bytes(checkpoint.to_bytes(fleets.START))
    return ("--plan", str(folder / "plan"), "--checkpoint", str(folder / "start"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that has ended."""

    code: int
    output: str


def ame(server: fleet.Fleet, *words: str, home: str = "") -> Ended:
    known = {"AME_HOME": home or str(server.folder / "home"), "AME_SERVER": server.url}
    ended = CliRunner().invoke(root, words, prog_name="ame", env=known)
    if isinstance(ended.exception, errors.Error):
        return Ended(code=exits.code_of(ended.exception), output=str(ended.exception))
    return Ended(code=ended.exit_code, output=ended.output)


def tasks(server: fleet.Fleet, population: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(
        ame(server, "fleet", "task", "list", population, "--format", "json").output
    )
    return found


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("fleet", "task", "show", "p", "99"), 4),
        (("fleet", "task", "cancel", "p", "99"), 4),
        (("fleet", "explain", "p", "nothing"), 4),
        (("population", "pause", "nowhere"), 4),
        (("population", "resume", "nowhere"), 4),
        (("population", "create", "two\nlines"), 3),
        (("population", "create", "n" * 201), 3),
        (("population", "create", ""), 2),
        (("fleet", "task", "list", ""), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_a_server_refuses_has_the_exit_code_that_it_would_have_here(
    server: fleet.Fleet, words: tuple[str, ...], code: int
) -> None:
    ended = ame(server, *words)

    assert ended.code == code, ended.output


def test_an_operator_without_a_token_is_denied(server: fleet.Fleet, tmp_path: Path) -> None:
    assert ame(server, "population", "list", home=str(tmp_path)).code == 8


def test_a_task_that_has_ended_is_not_paused(server: fleet.Fleet, files: tuple[str, ...]) -> None:
    ame(server, "fleet", "task", "create", "ended", *files, *USUAL)
    assert ame(server, "fleet", "task", "cancel", "ended", "1").code == 0

    assert ame(server, "fleet", "task", "pause", "ended", "1").code == 5


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--every", "2_round"), 2, "--evaluates TASK"),
        (("--evaluates", "77"), 4, "has no task 77"),
        (("--min-version", "1.10", "--max-version", "1.9"), 3, "no device could do it"),
        (("--start", "2030-01-01T00:00", "--last-start", "2029-01-01T00:00"), 3, "no round could"),
        (("--capacity", "1"), 3, "max_aggregation_size must be"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_task_that_could_never_do_anything_is_not_made(
    server: fleet.Fleet, files: tuple[str, ...], words: tuple[str, ...], code: int, said: str
) -> None:
    ended = ame(server, "fleet", "task", "create", "never", *files, *USUAL, *words)

    assert ended.code == code, ended.output
    assert said in ended.output
    assert tasks(server, "never") == []


@contextmanager
def saying(*answers: object) -> Iterator[str]:
    """A server that says one thing after another."""
    left = list(answers)

    class Says(pages.Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(left.pop(0)).encode())

    with pages.served(Says) as address:
        yield address
    assert not left


def test_a_task_is_waited_for_until_devices_find_a_round_of_it(
    server: fleet.Fleet, files: tuple[str, ...]
) -> None:
    wait = ("fleet", "task", "wait", "waited", "1", "--format", "json")
    assert ame(server, "fleet", "task", "create", "waited", *files, *USUAL).code == 0
    found = json.loads(ame(server, *wait).output)
    assert [each["status"] for each in found["rounds"]] == ["COLLECTING"]

    empty = {**found, "rounds": []}
    for *before, last in (
        ({**empty, "status": "CREATED"}, empty, found),
        ({**empty, "paused": True},),
        ({**empty, "status": "CANCELED"},),
        ({**empty, "kind": "evaluation"},),
    ):
        with saying(*before, last) as address:
            ended = ame(replace(server, url=address), *wait)
        assert json.loads(ended.output) == last


def test_an_evaluation_is_not_evaluated(server: fleet.Fleet, files: tuple[str, ...]) -> None:
    create = ("fleet", "task", "create", "looked", *files, *USUAL)
    assert ame(server, *create).code == 0
    assert ame(server, *create, "--evaluates", "1").code == 0

    ended = ame(server, *create, "--evaluates", "2")

    assert ended.code == 2
    assert "looked/2 trains nothing" in ended.output


def test_a_task_whose_files_are_refused_is_canceled_and_the_reason_is_told_in_words(
    server: fleet.Fleet, files: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "rows").write_bytes(b"\xff")

    words = ("--slices", str(tmp_path / "rows"))
    ended = ame(server, "fleet", "task", "create", "sliced", *files, *USUAL, *words)

    assert ended.code == 3
    assert ended.output.startswith("the message cannot be read: no SlicesTestDataset")
    assert [each["status"] for each in tasks(server, "sliced")] == ["CANCELED"]


def test_policies_that_are_none_are_told_in_one_line(
    server: fleet.Fleet, files: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "more.json").write_text('[{"sworPolicy": {}}, {"often": 1}]')

    words = ("--policies", str(tmp_path / "more.json"))
    ended = ame(server, "fleet", "task", "create", "asking", *files, *USUAL, *words)

    assert ended.code == 3
    [line] = ended.output.splitlines()
    assert line.startswith("task.policies[1] is no EligibilityPolicyEvalSpec: ")


@pytest.mark.parametrize("content", [b"\xff", fleets.PLAN])
def test_a_populations_plan_that_says_nothing_of_tasks_is_refused(
    server: fleet.Fleet, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "plan").write_bytes(content)

    words = ("--eligibility-plan", str(tmp_path / "plan"))
    ended = ame(server, "population", "create", "asked", *words)

    assert ended.code == 3
    assert "plan" in ended.output.lower()


def test_why_an_upload_was_refused_is_explained(
    server: fleet.Fleet, files: tuple[str, ...]
) -> None:
    assert ame(server, "fleet", "task", "create", "p", *files, *USUAL).code == 0
    assert ame(server, "fleet", "task", "wait", "p", "1").code == 0

    async def visit() -> str:
        async with httpx.AsyncClient(base_url=server.url) as client:
            peer = Peer(client=client)
            session: str = (await peer.session()).session_id
            assigned = (await peer.assignment(session)).task_assignment
            with pytest.raises(errors.CallFailed):
                await peer.hand_in(assigned, b"nonsense")
            return session

    explain = ("fleet", "explain", "p", asyncio.run(visit()))
    told = ame(server, *explain).output
    assert told.startswith("task 1, round 1: REMOTE_FAILED: these bytes are no tensors: ")
    [only] = json.loads(ame(server, *explain, "--format", "json").output)["assignments"]
    assert f"{only['status']}: {only['reason']}" in told


@pytest.mark.parametrize("dialect", ["federated-compute", "odp"])
def test_a_device_names_the_command_that_explains_why_it_failed(
    server: fleet.Fleet, tmp_path: Path, dialect: str
) -> None:
    population = f"failing {dialect}"
    (tmp_path / "plan").write_bytes(devices.PLAN)
    (tmp_path / "start").write_bytes(checkpoint.to_bytes(devices.START))
    task = ("--plan", str(tmp_path / "plan"), "--checkpoint", str(tmp_path / "start"))
    assert ame(server, "fleet", "task", "create", population, *task, *USUAL).code == 0
    assert ame(server, "fleet", "task", "wait", population, "1").code == 0
    with (tmp_path / "mine").open("wb") as file:
        records.write(file, [devices.serialized(w=[1, 2])])  # without the others that are asked for

    words = ("--population", population, "--examples", str(tmp_path / "mine"), "--once")
    state = ("--state", str(tmp_path / "state"), "--dialect", dialect)
    failed = ame(server, "device", "run", *words, *state)

    assert failed.code == 1
    ame_, *explain = shlex.split(failed.output.split("`")[1])
    told = ame(server, *explain)
    assert (ame_, told.code) == ("ame", 0), told.output
    assert told.output.startswith("task 1, round 1: LOCAL_FAILED")
    assert ": the device reported " in told.output


def test_settings_of_a_population_that_are_not_known_are_refused(server: fleet.Fleet) -> None:
    token = (server.folder / "home" / "server" / "operator-token").read_text().strip()
    shown = {"authorization": f"Bearer {token}"}
    for said in ({"pausd": True}, {"paused": "yes"}):
        refused = httpx.put(f"{server.url}/api/v1/populations/p", json=said, headers=shown)
        assert refused.status_code == 400, refused.text


def test_exit_codes_of_refusals_are_those_of_branches() -> None:
    assert set(exits.REFUSED.values()) <= set(exits.CODES)
    unknown = exits.code_of(errors.ServerRefused(500, "no"))
    assert unknown == exits.CODES[errors.Failed]
