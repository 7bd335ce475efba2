"""Receivers of what scripts and components tell, in jobs that are simulated."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uv

from ame import errors
from ame.federation import recipes
from ame.federation.flare import alias
from ame.federation.job.fedjob import FedJob
from ame.federation.job.script_runner import FrameworkType, ScriptRunner
from ame.federation.receivers.mlflow_runs import MLflowReceiver
from ame.federation.receivers.streaming import AnalyticsSender
from ame.federation.receivers.tensorboard import TBAnalyticsReceiver
from ame.federation.receivers.wandb_runs import WandBReceiver
from ame.federation.receivers.writers import TBWriter
from ame.federation.recipes.fedavg import NumpyFedAvgRecipe
from ame.federation.simulator import simulate
from ame.federation.spec.analytics import AnalyticsDataType
from parts.simulated import Seen

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[3]
NUMPY = FrameworkType.NUMPY
SCRIPT = """
from ame.federation import client as flare
from ame.federation.client.tracking import MLflowWriter, SummaryWriter
flare.init()
while flare.is_running():
    model = flare.receive()
    SummaryWriter().add_scalar("loss", 0.5 - model.current_round / 4, model.current_round)
    SummaryWriter().add_text("note", "well", model.current_round)
    MLflowWriter().log_param("lr", 0.1)
    flare.send(flare.FLModel(params=model.params))
"""

PARTS = """
from nvflare.apis.analytix import AnalyticsData
from nvflare.apis.dxo import from_shareable
from nvflare.app_common.tracking.log_writer import LogWriter
from nvflare.app_common.widgets.streaming import AnalyticsReceiver
from nvflare.apis.executor import Executor


class Lines(AnalyticsReceiver):
    def __init__(self, target="lines.txt", fails=False, events=None):
        super().__init__(events)
        self.target = target
        self.fails = fails

    def initialize(self, fl_ctx):
        folder = fl_ctx.get_engine().get_workspace().get_run_dir(fl_ctx.get_job_id())
        self.file = open(f"{folder}/{self.target}", "w")

    def save(self, fl_ctx, shareable, record_origin):
        if self.fails:
            raise OSError("the disk is full")
        data = AnalyticsData.from_dxo(from_shareable(shareable))
        self.file.write(f"{record_origin} {data.tag} {data.value} {data.step}\\n")

    def finalize(self, fl_ctx):
        self.file.close()


class Trains(Executor):
    def __init__(self, writer="writer"):
        super().__init__()
        self.writer = writer

    def execute(self, task_name, shareable, fl_ctx, abort_signal):
        fl_ctx.get_engine().get_component(self.writer).add_scalar("loss", 0.25, 7)
        return shareable
"""


@pytest.fixture(autouse=True)
def _scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "client.py").write_text(SCRIPT)
    (tmp_path / "own_parts.py").write_text(PARTS)
    with alias.activated():
        yield
    sys.modules.pop("own_parts", None)


def own(kind: str, **args: Any) -> Any:
    import own_parts  # type: ignore[import-not-found]  # written by the test

    return getattr(own_parts, kind)(**args)


def recipe(rounds: int = 2, sites: int = 2, *, scripts: bool = True) -> NumpyFedAvgRecipe:
    made = NumpyFedAvgRecipe(
        name="told",
        model=[1.0, 2.0],
        min_clients=sites,
        num_rounds=rounds,
        train_script="client.py",
    )
    if scripts:
        made.settle()
    return made


def lines(folder: Path, name: str = "server", file: str = "lines.txt") -> list[str]:
    return sorted((folder / name / "simulate_job" / file).read_text().splitlines())


def told(site: str) -> list[str]:
    return sorted(
        f"{site} {line}"
        for n in (0, 1)
        for line in (f"loss {0.5 - n / 4} {n}", f"note well {n}", "lr 0.1 None")
    )


def test_a_receiver_of_ones_own_is_given_each_record_with_its_site(tmp_path: Path) -> None:
    made = recipe()
    made.job.to_server(own("Lines"))
    seen = Seen()
    simulate(made.job.program(), workspace=tmp_path / "run", sites=2, threads=2, watcher=seen)

    assert lines(tmp_path / "run") == [*told("site-1"), *told("site-2")]
    assert len(seen.records) == 12


def test_the_last_record_before_an_answer_is_not_late(tmp_path: Path) -> None:
    made = recipe(rounds=1, sites=20)
    made.job.to_server(own("Lines"))
    simulate(made.job.program(), workspace=tmp_path / "run", sites=20, threads=2)

    assert len(lines(tmp_path / "run")) == 60


def test_records_of_a_script_that_is_a_process_are_received_too(tmp_path: Path) -> None:
    job = recipe(rounds=1, sites=1, scripts=False).job
    job.to_clients(ScriptRunner("client.py", launch_external_process=True, framework=NUMPY))
    job.to_server(own("Lines"))
    simulate(job.program(), workspace=tmp_path / "run", sites=1)

    assert len(lines(tmp_path / "run")) == 3


def test_a_client_may_have_a_receiver_for_itself(tmp_path: Path) -> None:
    made = recipe()
    made.add_to_clients(own("Lines", events=["analytix_log_stats"]))
    simulate(made.job.program(), workspace=tmp_path / "run", sites=2)

    assert lines(tmp_path / "run", "site-2") == told("site-2")


def test_a_receiver_that_fails_is_named(tmp_path: Path) -> None:
    made = recipe()
    made.job.to_server(own("Lines", fails=True))

    with pytest.raises(errors.ComponentFailed, match="Lines"):
        simulate(made.job.program(), workspace=tmp_path / "run", sites=2)


@pytest.mark.parametrize("writer", [TBWriter, AnalyticsSender])
def test_a_component_that_writes_is_kept_and_received(
    tmp_path: Path, writer: type[AnalyticsSender]
) -> None:
    job = recipe(rounds=1, scripts=False).job
    job.to_clients(own("Trains"), tasks=["train"])
    job.to_clients(writer(), id="writer")
    job.to_server(own("Lines"))
    seen = Seen()
    simulate(job.program(), workspace=tmp_path / "run", sites=2, watcher=seen)

    assert lines(tmp_path / "run") == ["site-1 loss 0.25 7", "site-2 loss 0.25 7"]
    assert [dict(record.numbers()) for _, record in seen.records] == [{"loss": 0.25}] * 2


def test_what_is_told_before_the_run_is_refused() -> None:
    with pytest.raises(RuntimeError, match="before the run has begun"):
        AnalyticsSender().add("loss", 1.0, AnalyticsDataType.SCALAR)


def test_clients_send_their_events_once(tmp_path: Path) -> None:
    from ame.federation.training.events import ConvertToFedEvent

    made = recipe()
    recipes.add_experiment_tracking(made, "tensorboard")
    recipes.add_experiment_tracking(made, "tensorboard", {"tb_folder": "more"})
    made.export(str(tmp_path / "jobs"))
    config = json.loads((tmp_path / "jobs/told/app/config/config_fed_client.json").read_text())
    paths = [part["path"] for part in config["components"]]
    assert paths == ["nvflare.app_common.widgets.convert_to_fed_event.ConvertToFedEvent"]

    explicit = recipe()
    explicit.add_to_clients(ConvertToFedEvent(["analytix_log_stats"]))
    explicit.job.to_server(TBAnalyticsReceiver())
    assert len(explicit.job.program().app("site-1").components) == 1


@pytest.mark.parametrize("version", ["2.7", "2.9"])
def test_receivers_are_exported_under_nvflares_names(tmp_path: Path, version: Any) -> None:
    job = FedJob("exported")
    job.to_server(own_controller())
    job.to_clients(ScriptRunner("client.py", framework=NUMPY))
    job.to_server(TBAnalyticsReceiver("here"), id="tb")
    job.to_server(MLflowReceiver(kw_args={"run_name": "mine"}), id="mlflow")
    job.to_server(
        WandBReceiver({"name": "n", "project": "p", "job_type": "t"}, mode="disabled"), id="wandb"
    )
    job.export_job(tmp_path / "jobs", flare_version=version)
    config = json.loads((tmp_path / "jobs/exported/app/config/config_fed_server.json").read_text())
    found = {part["id"]: (part["path"], part["args"]) for part in config["components"]}

    assert found["tb"] == (
        "nvflare.app_opt.tracking.tb.tb_receiver.TBAnalyticsReceiver",
        {"tb_folder": "here"},
    )
    assert found["mlflow"][0] == "nvflare.app_opt.tracking.mlflow.mlflow_receiver.MLflowReceiver"
    assert found["wandb"][1]["mode"] == "disabled"


def own_controller() -> Any:
    from ame.federation.workflows.averaging.fedavg import FedAvg

    return FedAvg(num_clients=1, num_rounds=1)


@pytest.mark.slow
def test_tensorboard_finds_each_site_where_flare_has_it(tmp_path: Path) -> None:
    from tensorflow.compat.v1.train import summary_iterator  # type: ignore[import-untyped]

    made = recipe()
    recipes.add_experiment_tracking(made, "tensorboard")
    simulate(made.job.program(), workspace=tmp_path / "run", sites=2)

    folder = tmp_path / "run/server/simulate_job/tb_events"
    assert sorted(each.name for each in folder.iterdir()) == ["site-1", "site-2"]
    (file,) = (folder / "site-2").iterdir()
    found = [(v.tag, e.step, v) for e in summary_iterator(str(file)) for v in e.summary.value]
    assert [(tag, step) for tag, step, _ in found] == [
        ("loss", 0), ("note", 0), ("lr", 0), ("loss", 1), ("note", 1), ("lr", 0),
    ]  # fmt: skip
    assert [v.simple_value for tag, _, v in found if tag == "loss"] == [0.5, 0.25]
    (note, *_) = [v for tag, _, v in found if tag == "note"]
    assert list(note.tensor.string_val) == [b"well"]
    assert note.metadata.plugin_data.plugin_name == "text"


def test_a_folder_outside_the_runs_is_refused() -> None:
    for folder in ("/tmp/x", "../x"):
        with pytest.raises(errors.JobInvalid, match="tb_folder"):
            TBAnalyticsReceiver(folder)


@pytest.mark.parametrize("kind", ["mlflow", "wandb"])
def test_a_missing_package_is_named(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("mlflow", "wandb"):
        monkeypatch.setitem(sys.modules, module, None)
    made = recipe()
    given = {"wandb_args": {"name": "n", "project": "p", "job_type": "t"}}
    recipes.add_experiment_tracking(made, kind, given if kind == "wandb" else None)

    with pytest.raises(errors.PackageMissing, match=f"pip install {kind}"):
        simulate(made.job.program(), workspace=tmp_path / "run", sites=2)


def test_what_wandb_needs_is_said_at_once() -> None:
    with pytest.raises(errors.JobInvalid, match="lacks project, job_type"):
        WandBReceiver({"name": "n"})


TO_MLFLOW = """
from ame.federation import recipes
from ame.federation.recipes.fedavg import NumpyFedAvgRecipe

if __name__ == "__main__":
    made = NumpyFedAvgRecipe(
        name="told", model=[1.0, 2.0], min_clients=2, num_rounds=2, train_script="client.py"
    )
    config = {"kw_args": {"run_tags": {"team": "a"}}}
    recipes.add_experiment_tracking(made, "mlflow", config)
    made.settle()
    assert made.job.simulator_run("run", 2) == 0
"""


@pytest.mark.slow
def test_mlflow_has_a_run_of_each_site(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(TO_MLFLOW)
    alias.deactivate()
    packages = "mlflow-skinny,sqlalchemy,alembic"  # what MLflow needs to write to SQLite
    command = [uv.find_uv_bin(), "run", "--quiet", "--no-project", "--python", sys.executable]
    path = os.pathsep.join(str(SOURCE / each) for each in ("src", "tests"))
    done = subprocess.run(
        [*command, "--with", packages, "python", "job.py"],
        env={
            **os.environ,
            "PYTHONPATH": path,
            "VIRTUAL_ENV": sys.prefix,
            "AME_HOME": str(tmp_path),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

    with closing(sqlite3.connect(tmp_path / "run/server/simulate_job/mlflow.db")) as store:
        runs = store.execute("SELECT name, status FROM runs ORDER BY name").fetchall()
        assert runs == [(f"site-{n}-simulate_job-FLARE FL Run", "FINISHED") for n in (1, 2)]
        assert store.execute("SELECT name FROM experiments WHERE experiment_id > 0").fetchall() == [
            ("told-experiment",)
        ]
        metrics = store.execute("SELECT key, step, value FROM metrics ORDER BY step").fetchall()
        assert metrics == [("loss", 0, 0.5)] * 2 + [("loss", 1, 0.25)] * 2
        assert store.execute("SELECT key, value FROM params").fetchall() == [("lr", "0.1")] * 2
        tags = store.execute("SELECT value FROM tags WHERE key = 'team'").fetchall()
        assert tags == [("a",)] * 2
