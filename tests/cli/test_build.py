"""`ame build` and `task_builder_client`: both workflows, what they print, how they fail."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder import configs
from parts import fleet, sample
from parts.fleet import Fleet
from parts.servers import buckets

ARTIFACTS_ONLY = sample.FOLDER / "input" / "keras_task_config_build_artifact_only.pbtxt"
FLAGS = ("--saved_model", sample.MODEL, "--task_config")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet.serving(tmp_path_factory.mktemp("fleet")) as server:
        yield server


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of a task that trains, with noise that need not be sought."""
    path = tmp_path / "task.pbtxt"
    path.write_text(
        configs.VALID.replace("AND_EVAL", "ONLY").replace(
            "clip_norm: 0.1", "clip_norm: 0.1 noise_multiplier: 2.0"
        )
    )
    return path


@pytest.mark.slow
def test_a_task_is_made_with_its_artifacts(running: Fleet, config: Path) -> None:
    said = running.ame("build", *FLAGS, config, "--report")

    assert "task digits/1: training" in said
    assert "Success! Tasks are built, and artifacts are uploaded to the cloud." in said
    assert "noise 2; after 1000 rounds epsilon" in said
    [task] = json.loads(running.ame("fleet", "task", "list", "digits", "--format", "json"))
    assert task["missing"] == []


@pytest.mark.slow
def test_artifacts_of_both_tasks_go_to_a_bucket(running: Fleet, tmp_path: Path) -> None:
    with buckets.gcs(tmp_path) as google:
        said = running.ame(
            *("build", "--saved_model", sample.MODEL, "--format", "json"),
            *("--task_config", ARTIFACTS_ONLY),
            *("--build_artifact_only=true", "--storage_path", "gs://ame/out"),
            STORAGE_EMULATOR_HOST=google.options["endpoint_url"],
        )

        from ame.builder.places import Files

        with pytest.MonkeyPatch().context() as environment:
            environment.setenv("STORAGE_EMULATOR_HOST", google.options["endpoint_url"])
            kept = Files().read("gs://ame/out/initial_state.server.ckp")
    answer = json.loads(said)
    assert answer["taskGroup"]["evalTask"]["clientOnlyPlanUrl"] == [
        "gs://ame/out/eval_client_only_plan.pb"
    ]
    noise = answer["taskReport"]["dpHyperparameters"]["noiseMultiplier"]
    assert noise == pytest.approx(0.22200349, abs=1e-5)
    assert len(kept) == len(sample.checkpoint())


def test_what_is_required_is_asked_for(running: Fleet) -> None:
    said = running.ame("build", "--task_config", "x", code=2)

    assert "`--saved_model` is required but not set." in said


def test_all_faults_of_a_configuration_are_printed(running: Fleet, config: Path) -> None:
    config.write_text(config.read_text().replace('"digits"', '""').replace("0.1", "-1"))

    said = running.ame("build", *FLAGS, config, code=3)

    assert "key `population_name` has a bad value" in said
    assert "client_learning_rate must be a probability." in said


def test_a_broken_configuration_is_refused_with_its_line(running: Fleet, config: Path) -> None:
    config.write_text("mode: TRAINING_ONLY\npopulation: 'a'\n")

    said = running.ame("build", *FLAGS, config, code=3)

    assert f"{config}:2:1: " in said


def test_artifacts_alone_ask_for_where_they_go(running: Fleet, config: Path) -> None:
    said = running.ame("build", *FLAGS, config, "--build_artifact_only", code=3)

    assert "artifact_building" in said


def test_a_model_that_is_not_there_is_named(running: Fleet, config: Path) -> None:
    said = running.ame(
        "build", "--saved_model", config.parent / "no", "--task_config", config, code=4
    )

    assert "Cannot load TFF functional model from" in said


@pytest.mark.slow
def test_a_model_without_the_functional_signature_is_refused(
    running: Fleet, config: Path, tmp_path: Path
) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"no graph")

    said = running.ame("build", "--saved-model", tmp_path, "--task-config", config, code=3)

    assert "Cannot load a model from" in said


@pytest.mark.slow
def test_a_server_that_is_not_there_is_named(running: Fleet, config: Path) -> None:
    away = ("--task_management_server", "http://localhost:1/")

    said = running.ame("build", *FLAGS, config, *away, code=6)

    assert "Fail to connect: http://localhost:1/" in said


def test_the_other_name_has_the_same_flags() -> None:
    code = "from ame.cli.build import main; main()"

    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True)

    assert done.returncode == 0
    for flag in ("--saved_model", "--gcp_service_account", "--google_cloud_project"):
        assert flag in done.stdout


def test_the_other_name_takes_flags_as_google_spells_them() -> None:
    code = "from ame.cli.build import main; main()"
    flags = ("-saved_model=m", "--nobuild_artifact_only", "--batch_size", "-1")

    done = subprocess.run([sys.executable, "-c", code, *flags], capture_output=True, text=True)

    assert done.returncode == 2
    assert "`--task_config` is required but not set." in done.stderr
