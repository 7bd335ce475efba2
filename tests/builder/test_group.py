"""Tasks of a build on a real server: made with all they need, or not at all."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.builder import config, group
from ame.builder.making import Artifacts, Made
from ame.builder.places import Files, Server
from ame.protocol.pb import odp_task
from ame.protocol.pb import task_builder as pb
from builder import configs
from parts import fleet, pages, sample
from parts.fleet import Fleet


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet.serving(tmp_path_factory.mktemp("fleet")) as server:
        yield server


@pytest.fixture
def server(running: Fleet) -> Server:
    token = (running.folder / "home" / "server" / "operator-token").read_text().strip()
    return Server(url=running.url, headers={"authorization": f"Bearer {token}"})


def shipped(*, evaluates: bool = False) -> Artifacts:
    """Those of another builder."""
    plan = sample.plan(evaluates=evaluates)
    return Artifacts(
        plan=plan.SerializeToString(),
        client_plan=b"",
        checkpoint=sample.checkpoint(evaluates=evaluates),
        least_version="341812000",
        sent=1,
    )


MADE = Made(training=shipped(), evaluation=shipped(evaluates=True))


def asked(population: str, name: str = "") -> pb.TaskGroup:
    return group.described(config.settings(configs.made(population_name=population)), MADE, name)


def shown(running: Fleet, population: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        running.ame("fleet", "task", "list", population, "--format", "json")
    )
    return found


def test_both_tasks_are_made_and_have_their_artifacts(running: Fleet, server: Server) -> None:
    made = group.create(server, Files(), asked("whole"), MADE)

    assert (made.training_task.task_id, made.eval_task.task_id) == (1, 2)
    assert [each["missing"] for each in shown(running, "whole")] == [[], []]


def test_what_is_asked_for_again_is_not_made_again(running: Fleet, server: Server) -> None:
    first = group.create(server, Files(), asked("again", "a-name"), MADE)

    second = group.create(server, Files(), asked("again", "a-name"), MADE)

    assert first.training_task.task_id == second.training_task.task_id
    assert len(shown(running, "again")) == 2


def test_a_build_that_was_killed_is_gone_on_with(running: Fleet, server: Server) -> None:
    left = server.create(asked("killed", "a-name").training_task)

    made = group.create(server, Files(), asked("killed", "a-name"), MADE)

    assert made.training_task.task_id == left.task_id
    assert [each["missing"] for each in shown(running, "killed")] == [[], []]


def test_artifacts_go_to_all_addresses_that_a_server_gives(tmp_path: Path) -> None:
    class Two(Server):
        """A server that keeps everything twice, in folders."""

        def create(self, task: odp_task.Task) -> odp_task.Task:
            for field in group.FIELDS:
                kind = "training" if task.info.HasField("training_info") else "evaluation"
                places = (str(tmp_path / each / kind / field) for each in "ab")
                getattr(task, field)[:] = places
            return task

    group.create(Two(url="http://localhost:1/"), Files(), asked("two"), MADE)

    found = {each.relative_to(tmp_path / "a") for each in (tmp_path / "a").rglob("*_url")}
    assert len(found) == 6
    assert all((tmp_path / "b" / each).exists() for each in found)


def test_where_an_artifact_is_not_taken_nothing_is_left_half_made(
    running: Fleet, server: Server
) -> None:
    class Cut(Server):
        """A server to which the way is cut before the last artifact."""

        def upload(self, place: str, content: bytes, files: Files) -> None:
            if content == MADE.training.client_plan:  # type: ignore[union-attr]  # it is there
                raise errors.PlaceUnusable("upload artifact to:", place, "the way is cut")
            Server.upload(self, place, content, files)

    with pytest.raises(errors.PlaceUnusable, match="the way is cut"):
        group.create(Cut(url=server.url, headers=server.headers), Files(), asked("cut"), MADE)

    assert {each["status"] for each in shown(running, "cut")} == {"CANCELED"}


def test_a_server_that_wants_a_token_is_named(running: Fleet) -> None:
    with pytest.raises(errors.ServerDenies, match="401: Unauthorized"):
        group.create(Server(url=running.url), Files(), asked("denied"), MADE)


def test_a_server_that_refuses_says_why(server: Server) -> None:
    wrong = asked("wrong")
    wrong.training_task.min_aggregation_size = 0

    with pytest.raises(errors.ServerFaulty, match=r"400: .*min_aggregation_size"):
        group.create(server, Files(), wrong, MADE)


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(errors.ServerUnreachable, match="Fail to connect: http://localhost:1/"):
        group.create(Server(url="http://localhost:1/"), Files(), asked("p"), MADE)


def test_an_address_of_something_else_is_refused(running: Fleet) -> None:
    with pytest.raises(errors.ServerFaulty, match="404"):
        group.create(Server(url=f"{running.url}/elsewhere"), Files(), asked("p"), MADE)


class Garbage(pages.Quiet, BaseHTTPRequestHandler):
    """Answers all with what is no message."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"\xff\xff")


def test_an_answer_that_is_none_is_said_to_be_unreadable() -> None:
    unreadable = pytest.raises(errors.ServerFaulty, match="Server returned unreadable response")
    with pages.served(Garbage) as url, unreadable:
        group.create(Server(url=url), Files(), asked("p"), MADE)


def test_artifacts_alone_go_where_the_configuration_says(tmp_path: Path) -> None:
    said = configs.made()
    for part in (said.federated_learning.learning_process, said.federated_learning.evaluation):
        name = type(part).DESCRIPTOR.name
        part.artifact_building.plan_url = str(tmp_path / name / "plan")
        part.artifact_building.client_plan_url = str(tmp_path / name / "client")
        part.artifact_building.checkpoint_url = str(tmp_path / name / "checkpoint")

    places = group.places(config.settings(said))
    group.upload(Files(), places, MADE)

    assert (tmp_path / "LearningProcess" / "plan").read_bytes() == shipped().plan
    assert (tmp_path / "Evaluation" / "checkpoint").read_bytes() == MADE.evaluation.checkpoint  # type: ignore[union-attr]  # it is there
    assert list(places.training_task.server_phase_url) == [str(tmp_path / "LearningProcess/plan")]


def test_artifacts_alone_need_places_without_gaps() -> None:
    said = configs.made()
    with pytest.raises(errors.PlacesInvalid, match="`artifact_building` in `learning_process`"):
        group.places(config.settings(said))

    building = said.federated_learning.learning_process.artifact_building
    building.plan_url = building.client_plan_url = building.checkpoint_url = "{storage_path}/p"
    with pytest.raises(errors.PlacesInvalid, match="--storage_path"):
        group.places(config.settings(said))
