"""`ame fed run APP --engine flower`, as somebody types it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from parts.servers import index

APP = Path(__file__).parent / "apps" / "newest"
SOURCE = Path(__file__).parents[3] / "src"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def fed_run(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AME_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "ame", "fed", "run", *words],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(SOURCE), "AME_HOME": str(folder / "home"), **variables},
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
    model = np.load(tmp_path / "ws" / "server" / "model.npy")
    assert model == pytest.approx([2 / 3 * 0.5] * 2)
    assert (tmp_path / "ws" / "flower" / "superlink.log").exists()


def test_packages_that_an_app_lists_are_there_for_its_server_and_its_sites(tmp_path: Path) -> None:
    shutil.copytree(APP, tmp_path / "app")
    project = tmp_path / "app" / "pyproject.toml"
    project.write_text(project.read_text().replace('"numpy"]', '"numpy", "colorama==0.4.6"]'))
    for each in ("server_app", "client_app"):
        file = tmp_path / "app" / "newest" / f"{each}.py"
        holds = f"assert colorama.__file__.startswith({str(tmp_path / 'home')!r})"
        file.write_text(f"import colorama\n{holds}\n{file.read_text()}")
    with index.serving(tmp_path / "index", "colorama==0.4.6", "numpy>=2,<3") as address:
        asked = ("app", "--clients", "2", "--", "num-server-rounds=1")
        done = fed_run(tmp_path, *asked, UV_DEFAULT_INDEX=address)

    assert done.returncode == 0, done.stderr
    assert "creating environment" in done.stderr


JOB = """
from nvflare.app_common.np.np_model_persistor import NPModelPersistor
from nvflare.app_common.workflows.fedavg import FedAvg
from nvflare.job_config.api import FedJob
from nvflare.job_config.script_runner import FrameworkType, ScriptRunner

job = FedJob(name="theirs", min_clients=2)
job.to_server(NPModelPersistor(), id="persistor")
job.to_server(FedAvg(num_clients=2, num_rounds=1))
job.to_clients(ScriptRunner(script="train.py", framework=FrameworkType.NUMPY))
job.simulator_run("ws", n_clients=2)
"""
TRAIN = """
import nvflare.client as flare

flare.init()
while flare.is_running():
    received = flare.receive()
    flare.send(flare.FLModel(params={"numpy_key": received.params["numpy_key"] + 1}))
"""


def test_a_job_in_nvflares_words_runs_on_flower(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "train.py").write_text(TRAIN)

    done = fed_run(tmp_path, "job.py", "--engine", "flower")

    assert done.returncode == 0, done.stderr
    (kept,) = (tmp_path / "ws").rglob("server.npy")
    assert np.load(kept)[0].tolist() == [2, 3, 4]


def test_a_superlink_that_is_not_there_is_named_with_its_exit_code(tmp_path: Path) -> None:
    done = fed_run(tmp_path, str(APP), "--engine", "flower", "--superlink", "http://127.0.0.1:9")

    assert done.returncode not in {0, 1}
    assert "127.0.0.1:9" in done.stderr
