"""The examples, as the README has people run them."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flow.running import SOURCE
from parts import fleet, sample

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
def test_the_digits_are_learnt_and_a_second_run_reuses_the_environment(tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    shutil.copytree(EXAMPLES / "digits", folder, ignore=shutil.ignore_patterns("results"))

    first, second = (
        subprocess.run(
            [sys.executable, "-m", "ame", "task", "run", "digits", *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": SOURCE, "AME_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
        )
        for options in ((), ("--format", "json"))
    )

    assert first.returncode == 0, first.stderr
    assert "creating environment" in first.stderr
    assert "neighbours_accuracy" in first.stdout
    assert "federated/results/metrics.html" in first.stdout
    assert "results/confusion.png" in first.stdout
    assert (folder / "results" / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert second.returncode == 0, second.stderr
    run = json.loads(second.stdout)
    scores = {each["name"]: each["value"] for each in run["metrics"] if each["step"] == "evaluate"}
    assert set(scores) == {"federated_accuracy", "logistic_accuracy", "neighbours_accuracy"}
    assert 0.95 < max(scores.values()) <= 1
    assert scores["federated_accuracy"] > scores["logistic_accuracy"] - 0.02
    environments = tmp_path / "home" / "environments"
    assert len([each for each in environments.iterdir() if each.is_dir()]) == 1


def _run(folder: Path, name: str, *command: str) -> str:
    """What the command prints, run on a copy of the example."""
    shutil.copytree(
        EXAMPLES / name,
        folder / name,
        ignore=shutil.ignore_patterns("workspace*", "images"),
        dirs_exist_ok=True,
    )
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder / name,
        env={**os.environ, "PYTHONPATH": SOURCE, "AME_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


FED = ("-m", "ame", "fed", "run")


@pytest.mark.slow
def test_ten_sites_come_within_two_points_of_training_in_one_place(tmp_path: Path) -> None:
    _run(tmp_path, "fedjob-digits", *FED, "job.py")

    compared = _run(tmp_path, "fedjob-digits", "compare.py")

    scores = dict(line.split() for line in compared.splitlines())
    assert float(scores["federated"]) > float(scores["central"]) - 0.02
    workspace = tmp_path / "fedjob-digits" / "workspace"
    assert (workspace / "models" / "best.safetensors").is_file()
    assert list(workspace.glob("server/**/FL_global_model.pt"))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "least"), [("keras", 0.9), ("sklearn", 0.9), ("xgboost", 0.9)])
def test_the_digits_are_learnt_with_other_frameworks(
    kind: str, least: float, tmp_path: Path
) -> None:
    _run(tmp_path, "fedjob-digits", *FED, f"{kind}_job.py")

    rounds = tmp_path / "fedjob-digits" / f"workspace-{kind}" / "results" / "rounds.json"
    assert json.loads(rounds.read_text())[-1]["metrics"]["accuracy"] > least


@pytest.mark.slow
def test_a_hundred_sites_learn_fashion_mnist(tmp_path: Path) -> None:
    _run(tmp_path, "fedjob-fashion-mnist", *FED, "job.py", "--", "--rounds", "2")

    told = _run(tmp_path, "fedjob-fashion-mnist", "evaluate.py")

    assert float(told.split()[0]) > 0.5


@pytest.mark.slow
def test_the_example_of_the_interface_runs_and_chooses_the_best_model(tmp_path: Path) -> None:
    _run(tmp_path, "fedjob-cifar10", *FED, "job.py")

    models = tmp_path / "fedjob-cifar10" / "workspace" / "models"
    assert {each.name for each in models.iterdir()} == {"best.safetensors", "last.safetensors"}


@pytest.mark.slow
@pytest.mark.timeout(1800)  # TensorFlow is imported seven times
@pytest.mark.parametrize("kind", ["keras", "functional"])
def test_a_model_is_built_trained_by_devices_and_usable_again(tmp_path: Path, kind: str) -> None:
    own = ("--model", sample.MODEL) if kind == "functional" else ()

    with fleet.serving(tmp_path, "--open") as server:
        done = subprocess.run(
            [
                *(sys.executable, EXAMPLES / "build-and-train" / "pictures.py"),
                *("--server", server.url, "--folder", tmp_path / "made", *own),
            ],
            env={**os.environ, "PYTHONPATH": SOURCE, "AME_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        rounds = [
            json.loads(server.ame("fleet", "task", "show", "pictures", task, "--format", "json"))
            for task in (1, 2)
        ]

    assert ("FIXED_GAUSSIAN: norm 0.3, noise 0." in done.stdout) is (kind == "keras")
    trained, evaluated = ([each["metrics"] for each in shown["rounds"]] for shown in rounds)
    losses = [each["server/client_work/train/loss"] for each in trained]
    assert losses[-1] < losses[0] - 0.02
    seen = [each["server/eval/loss"] for each in evaluated]
    assert seen[-1] < seen[0]
    [(before, after)] = re.findall(r"^before ([\d.]+), after ([\d.]+)$", done.stdout, re.MULTILINE)
    assert float(after) > 0.8 >= float(before)
