"""`ame fed run APP --engine flower`, as somebody types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

APP = Path(__file__).parent / "apps" / "newest"
SOURCE = Path(__file__).parents[3] / "src"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def fed_run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AME_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "ame", "fed", "run", *words],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(SOURCE), "AME_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_app_runs_on_a_superlink_and_supernodes_that_are_started_for_it(tmp_path: Path) -> None:
    asked = ("--clients", "2", "--engine", "flower", "--workspace", "ws", "--format", "json")

    done = fed_run(tmp_path, str(APP), *asked, "--", "num-server-rounds=1", "size=2")

    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)
    assert (run["kind"], run["state"]) == ("fedjob", "Succeeded")
    assert {step["name"] for step in run["steps"]} == {"server", "site-1", "site-2"}
    model = np.load(tmp_path / "ws" / "server" / "simulate_job" / "app_server" / "model.npy")
    assert model == pytest.approx([2 / 3 * 0.5] * 2)
    assert (tmp_path / "ws" / "flower" / "superlink.log").exists()


def test_a_superlink_that_is_not_there_is_named_with_its_exit_code(tmp_path: Path) -> None:
    done = fed_run(tmp_path, str(APP), "--engine", "flower", "--superlink", "http://127.0.0.1:9")

    assert done.returncode not in {0, 1}
    assert "127.0.0.1:9" in done.stderr
