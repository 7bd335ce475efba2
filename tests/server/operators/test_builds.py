"""The builder as a service of a real server, with models in a real server of objects."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ame.builder.places import Files
from ame.protocol.pb import task_builder as pb
from builder import configs
from parts import fleet, sample
from parts.fleet import Fleet
from parts.servers import buckets

PROTO = "application/x-protobuf"
GROUP, ARTIFACTS = "/taskbuilder/v1:build-task-group", "/taskbuilder/v1:build-artifacts"
TOKEN = "a-token-of-operators"
MODEL = "gs://ame/model"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with buckets.gcs(folder) as google, pytest.MonkeyPatch().context() as environment:
        environment.setenv("STORAGE_EMULATOR_HOST", google.options["endpoint_url"])
        Files().put(
            {
                f"{MODEL}/{path.relative_to(sample.MODEL)}": path.read_bytes()
                for path in sample.MODEL.rglob("*")
                if path.is_file()
            }
        )
        with fleet.serving(folder, "--operator-token", TOKEN) as server:
            yield server


def asked(running: Fleet, path: str, *, accept: str = PROTO, **changes: Any) -> httpx.Response:
    """The response to a request for the sample's model."""
    config = configs.made(**{"differential_privacy__noise_multiplier": 2.0, **changes})
    for part in (config.federated_learning.learning_process, config.federated_learning.evaluation):
        name = type(part).DESCRIPTOR.name
        part.artifact_building.plan_url = f"gs://ame/out/{name}/plan"
        part.artifact_building.client_plan_url = f"gs://ame/out/{name}/client"
        part.artifact_building.checkpoint_url = f"gs://ame/out/{name}/checkpoint"
    request = pb.BuildTaskRequest(task_config=config)
    request.saved_model.uri = MODEL
    return httpx.post(
        f"{running.url}{path}",
        content=request.SerializeToString(),
        headers={"content-type": PROTO, "accept": accept, "authorization": f"Bearer {TOKEN}"},
        timeout=300,
    )


def read(response: httpx.Response) -> pb.BuildTaskResponse:
    return pb.BuildTaskResponse.FromString(response.content)


@pytest.mark.slow
def test_tasks_are_built_with_their_artifacts(running: Fleet) -> None:
    response = asked(running, GROUP)

    group = read(response).task_group
    assert response.status_code == 200, read(response)
    assert (group.training_task.task_id, group.eval_task.task_id) == (1, 2)
    found = json.loads(
        running.ame("fleet", "task", "list", "--format", "json", AME_OPERATOR_TOKEN=TOKEN)
    )
    assert [each["missing"] for each in found] == [[], []]
    assert read(response).task_report.dp_hyperparameters.noise_multiplier == 2.0


@pytest.mark.slow
def test_artifacts_go_to_their_bucket(running: Fleet) -> None:
    response = asked(running, ARTIFACTS)

    assert response.status_code == 200, read(response)
    kept = Files().read("gs://ame/out/Evaluation/checkpoint")
    assert len(kept) > len(sample.checkpoint()) * 0.9


def test_what_is_wrong_with_a_request_has_a_status_of_its_own(running: Fleet) -> None:
    response = asked(running, GROUP, population_name="")

    error = read(response).error_info
    assert response.status_code == 400
    assert error.error_type == pb.ErrorType.INVALID_REQUEST
    assert error.error_message.startswith("Task config is invalid: [Invalid task config]: ")


def test_clients_that_look_only_into_answers_get_200(running: Fleet) -> None:
    response = asked(running, GROUP, accept="*/*", population_name="")

    assert response.status_code == 200
    assert read(response).error_info.error_type == pb.ErrorType.INVALID_REQUEST


def test_a_model_of_the_server_s_own_disk_is_not_read(running: Fleet) -> None:
    request = pb.BuildTaskRequest(
        task_config=configs.made(differential_privacy__noise_multiplier=2.0)
    )
    request.saved_model.uri = str(sample.MODEL)

    response = httpx.post(
        f"{running.url}{GROUP}?key={TOKEN}",
        content=request.SerializeToString(),
        headers={"content-type": PROTO, "accept": PROTO},
        timeout=60,
    )

    assert response.status_code == 400
    assert "no address of a bucket" in read(response).error_info.error_message


@pytest.mark.slow
def test_a_model_within_the_request_that_is_none_is_refused(running: Fleet) -> None:
    request = pb.BuildTaskRequest(
        task_config=configs.made(differential_privacy__noise_multiplier=2.0)
    )
    request.saved_model.inline_resource.data = b"no model" * 1_000_000

    response = httpx.post(
        f"{running.url}{GROUP}?key={TOKEN}",
        content=request.SerializeToString(),
        headers={"content-type": PROTO, "accept": PROTO},
        timeout=300,
    )

    why = "Cannot load a model from the request: it is neither a `.keras` file nor"
    assert response.status_code == 400
    assert why in read(response).error_info.error_message


def test_a_request_without_a_model_is_refused(running: Fleet) -> None:
    response = httpx.post(
        f"{running.url}{GROUP}?key={TOKEN}",
        content=pb.BuildTaskRequest(task_config=configs.made()).SerializeToString(),
        headers={"content-type": PROTO, "accept": PROTO},
        timeout=60,
    )

    assert response.status_code == 400
    assert "saved_model is required" in read(response).error_info.error_message


def test_only_operators_build(running: Fleet) -> None:
    response = httpx.post(f"{running.url}{GROUP}?key=guessed", content=b"")

    assert response.status_code == 401


def test_the_command_line_has_a_server_build(running: Fleet, tmp_path: Path) -> None:
    (tmp_path / "task.pbtxt").write_text(configs.VALID.replace('"digits"', '""'))

    said = running.ame(
        *("build", "--task_builder_server", running.url, "--api_key", TOKEN),
        *("--saved_model", MODEL, "--task_config", tmp_path / "task.pbtxt"),
        code=1,
    )

    assert "Failed to create task group. Error type: INVALID_REQUEST" in said
    assert "population_name" in said


@pytest.mark.slow
@pytest.mark.parametrize("model", [MODEL, sample.MODEL])
def test_the_command_line_prints_the_report_of_a_server_that_built(
    running: Fleet, tmp_path: Path, model: str | Path
) -> None:
    said = configs.VALID.replace("clip_norm: 0.1", "clip_norm: 0.1 noise_multiplier: 2.0")
    (tmp_path / "task.pbtxt").write_text(said.replace("digits", f"of-{type(model).__name__}"))

    said = running.ame(
        *("build", "--task_builder_server", running.url, "--api_key", TOKEN, "--report"),
        *("--saved_model", model, "--task_config", tmp_path / "task.pbtxt"),
    )

    assert "learning     FED_AVG; devices SGD, server SGD" in said
    assert "noise 2; after 1000 rounds epsilon" in said


def test_it_says_that_it_is_ready(running: Fleet) -> None:
    assert httpx.get(f"{running.url}/ready").status_code == 200
    assert httpx.get(f"{running.url}/healthz").status_code == 200
