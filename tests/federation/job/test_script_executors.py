"""Executors of scripts by NVFLARE's names, jobs with MLflow, what components leave."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from ame.federation import FedAvg, FedJob
from ame.federation.components.persistors.numpy_files import NPModelPersistor
from ame.federation.components.persistors.torch_format import PTModelPersistenceFormatManager
from ame.federation.job.patterns import SAGMLFlowJob
from ame.federation.job.script_executors import (
    BaseScriptRunner,
    ClientAPIExecutor,
    FilePipe,
    InProcessClientAPIExecutor,
    PTInProcessClientAPIExecutor,
    SubprocessLauncher,
    TFInProcessClientAPIExecutor,
)
from ame.federation.receivers.reports import JobLogReceiver, JobLogStreamer, JobStatsReporter
from ame.federation.simulator import simulate
from ame.federation.spec.learnable import ModelLearnableKey
from parts.userfolder import Folder

WEIGHTS = ModelLearnableKey.WEIGHTS
TRAIN = """
import ame.federation.client as flare

flare.init()
while flare.is_running():
    received = flare.receive()
    flare.send(flare.FLModel(params={"numpy_key": received.params["numpy_key"] + 1}))
"""


@pytest.mark.parametrize(
    ("kind", "framework"),
    [
        (InProcessClientAPIExecutor, "numpy"),
        (PTInProcessClientAPIExecutor, "pytorch"),
        (TFInProcessClientAPIExecutor, "tensorflow"),
    ],
)
def test_an_executor_of_a_script_is_a_runner_of_it(
    folder: Folder, kind: Any, framework: str
) -> None:
    folder.write("train.py", TRAIN)
    job = FedJob("job")
    job.to_server(FedAvg())
    job.to(kind("train.py", "--rate 1", task_wait_time=5), "site-1", tasks=["train"])
    (routed,) = job.program().sites["site-1"].executors

    assert routed.executor.args["framework"] == framework
    assert routed.executor.args["script_args"] == "--rate 1"
    assert routed.tasks == ("train",)


def test_a_runner_may_be_given_the_launcher(folder: Folder, monkeypatch: Any) -> None:
    folder.write("src/train.py", TRAIN)
    monkeypatch.chdir(folder.path)
    launcher = SubprocessLauncher("python3 -u custom/src/train.py --rate 1", launch_once=False)
    job = FedJob("job")
    job.to_server(FedAvg())
    job.to(
        BaseScriptRunner(
            "src/train.py", launcher=launcher, framework="numpy", metric_pipe=FilePipe("PASSIVE")
        ),
        "site-1",
    )
    (routed,) = job.program().sites["site-1"].executors

    args = routed.executor.args
    assert (args["external"], args["launch_once"], args["framework"]) == (True, False, "numpy")
    assert (args["command"], args["script_args"]) == (["python3", "-u"], ["--rate", "1"])


def test_a_launcher_of_something_else_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"does not run 'train\.py'; give `python3 -u custom/train"
    ):
        BaseScriptRunner("train.py", launcher=SubprocessLauncher("python3 custom/other.py"))
    with pytest.raises(ValueError, match="at the end of the training script"):
        SubprocessLauncher("python3 custom/train.py", clean_up_script="rm -r data")  # type: ignore[arg-type]  # that is the test


def test_a_runner_may_be_given_the_executor(folder: Folder) -> None:
    folder.write("train.py", TRAIN)
    job = FedJob("job")
    job.to_server(FedAvg())
    executor = PTInProcessClientAPIExecutor("train.py", "--rate 1")
    job.to(BaseScriptRunner(str(folder.path / "train.py"), executor=executor), "site-1")
    (routed,) = job.program().sites["site-1"].executors

    assert routed.executor.args["framework"] == "pytorch"
    assert routed.executor.args["script_args"] == "--rate 1"


def test_what_such_an_executor_cannot_do_is_refused() -> None:
    with pytest.raises(ValueError, match="converters"):
        InProcessClientAPIExecutor("train.py", from_nvflare_converter_id="one")
    with pytest.raises(ValueError, match="ScriptRunner"):
        ClientAPIExecutor("external_process", command="python3 train.py")
    with pytest.raises(ValueError, match="ScriptRunner"):
        ClientAPIExecutor("in_process")


def test_a_job_leaves_how_long_its_rounds_took(folder: Folder, tmp_path: Path) -> None:
    folder.write("train.py", TRAIN)
    job = FedJob("job")
    job.to_server(NPModelPersistor(), id="persistor")
    job.to_server(FedAvg(num_clients=2, num_rounds=3))
    job.to_server(JobStatsReporter(json_filename="stats/job.json"))
    job.to_server(JobLogReceiver(idle_timeout=3.0))
    job.to_clients(JobLogStreamer(log_file_name="log.txt"))
    job.to_clients(ClientAPIExecutor("in_process", "train.py", params_exchange_format="numpy"))
    simulate(job.program(), workspace=tmp_path / "work", sites=2)

    run = tmp_path / "work/server/simulate_job"
    told = json.loads((run / "stats/job.json").read_text())
    assert told["status"] == "SUCCESS"
    assert [each["round"] for each in told["rounds"]] == [0, 1, 2]
    assert "SUCCESS" in (run / "job_stats_run_summary.log").read_text()


def test_a_job_with_mlflow_has_its_parts(folder: Folder) -> None:
    net = folder.module(
        "net_of_mlflow", "from torch import nn\nclass Net(nn.Linear):\n    def __init__(self):\n"
        "        super().__init__(2, 2)\n"
    )  # fmt: skip
    folder.write("train.py", TRAIN)
    job = SAGMLFlowJob(net.Net(), n_clients=2, num_rounds=3, tracking_uri="sqlite:///mlflow.db")
    job.to(PTInProcessClientAPIExecutor("train.py"), "site-1")
    program = job.program()

    (workflow,) = program.server.workflows
    assert workflow.args["num_rounds"] == 3
    assert {each.id for each in program.server.components} >= {
        "persistor", "aggregator", "shareable_generator", "mlflow_receiver_with_tracking_uri"
    }  # fmt: skip
    assert {each.id for each in program.sites["site-1"].components} == {
        "event_to_fed", "log_writer"
    }  # fmt: skip
    with pytest.raises(ValueError, match="num_rounds"):
        SAGMLFlowJob(net.Net(), n_clients=2, num_rounds=0)


def test_the_format_of_kept_models_goes_both_ways() -> None:
    state = {"weight": torch.ones(2), "bias": torch.zeros(1)}
    kept = PTModelPersistenceFormatManager({"model": state, "epoch": 3}, {"train": "conf"})
    learned = kept.to_model_learnable()
    learned[WEIGHTS]["weight"] = learned[WEIGHTS]["weight"] * 2
    kept.update(learned)
    written = kept.to_persistence_dict()

    assert written["model"]["weight"].tolist() == [2, 2]
    assert (written["epoch"], written["train_conf"]) == (3, {"train": "conf"})
    with pytest.raises(TypeError, match="must be a dict"):
        PTModelPersistenceFormatManager([])  # type: ignore[arg-type]  # that is the point
