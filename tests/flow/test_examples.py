"""The examples, as the README has people run them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
def test_the_digits_are_learnt_and_a_second_run_reuses_the_environment(tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    shutil.copytree(EXAMPLES / "digits", folder, ignore=shutil.ignore_patterns("results"))

    first, second = (
        subprocess.run(
            [sys.executable, "-m", "ame", "task", "run", "digits", *options],
            cwd=folder,
            env={**os.environ, "AME_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
        )
        for options in ((), ("--format", "json"))
    )

    assert first.returncode == 0, first.stderr
    assert "creating environment" in first.stderr
    assert "neighbours_accuracy" in first.stdout
    assert "results/confusion.png" in first.stdout
    assert (folder / "results" / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert second.returncode == 0, second.stderr
    run = json.loads(second.stdout)
    accuracies = [each["value"] for each in run["metrics"] if each["name"].endswith("_accuracy")]
    assert 0.95 < max(accuracies) <= 1
    environments = tmp_path / "home" / "environments"
    assert len([each for each in environments.iterdir() if each.is_dir()]) == 1
