"""Jobs as NVFLARE's folders."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ame import errors
from ame.federation import FedJob, FilterType, PTModel, ScriptRunner, export
from ame.federation.components.persistors.numpy_files import NPModelLocator, NPModelPersistor
from ame.federation.filters.noise import NormClipping
from ame.federation.filters.privacy import PercentilePrivacy
from ame.federation.filters.variables import ExcludeVars
from ame.federation.program import Version
from ame.federation.workflows.averaging.fedavg import FedAvg
from parts.jobfolders import config, exported, files
from parts.userfolder import Folder


def test_a_job_for_all_clients_is_one_app(job: FedJob) -> None:
    job.to_clients(ScriptRunner("train.py", script_args="--epochs 2"))
    folder = exported(job)

    assert json.loads((folder / "meta.json").read_text()) == {
        "name": "j",
        "resource_spec": {},
        "min_clients": 2,
        "deploy_map": {"app": ["@ALL"]},
    }
    assert files(folder) == {
        "meta.json",
        "app/config/config_fed_server.json",
        "app/config/config_fed_client.json",
        "app/custom/initial_persistor.pt",
        "app/custom/net.py",
        "app/custom/train.py",
    }
    assert config(folder, "app", "client") == {
        "format_version": 2,
        "executors": [
            {
                "tasks": ["*"],
                "executor": {
                    "path": "nvflare.app_opt.pt.in_process_client_api_executor"
                    ".PTInProcessClientAPIExecutor",
                    "args": {"task_script_path": "train.py", "task_script_args": "--epochs 2"},
                },
            }
        ],
        "components": [],
        "task_data_filters": [],
        "task_result_filters": [],
    }


def test_a_script_of_2_9_is_a_client_api_executor(job: FedJob) -> None:
    job.to_clients(ScriptRunner("train.py"))
    (routed,) = config(exported(job, "2.9"), "app", "client")["executors"]

    assert routed["executor"] == {
        "path": "nvflare.app_common.executors.client_api_executor.ClientAPIExecutor",
        "args": {
            "execution_mode": "in_process",
            "task_script_path": "train.py",
            "params_exchange_format": "pytorch",
        },
    }


def test_a_process_of_2_7_has_its_pipes_and_its_launcher(job: FedJob, own: Any) -> None:
    job.to_clients(own.Holds(), id="pipe")
    runner = ScriptRunner("train.py", script_args="--name 'a b'", launch_external_process=True)
    job.to_clients(runner)
    app = config(exported(job), "app", "client")

    assert [part["id"] for part in app["components"]] == [
        "pipe", "pipe1", "launcher", "metrics_pipe", "metric_relay", "config_preparer",
    ]  # fmt: skip
    assert app["executors"][0]["executor"]["args"] == {
        "pipe_id": "pipe1",
        "launcher_id": "launcher",
    }
    assert app["components"][2]["args"] == {"script": "python3 -u custom/train.py --name 'a b'"}


def test_a_process_of_2_9_is_a_command(job: FedJob) -> None:
    runner = ScriptRunner("train.py", launch_external_process=True, launch_once=False)
    job.to_clients(runner)
    (routed,) = config(exported(job, "2.9"), "app", "client")["executors"]

    args = routed["executor"]["args"]
    assert args["command"] == ["python3", "-u", "custom/train.py"]
    assert args["launch_once"] is False


def test_clients_by_name_have_apps_of_their_own(job: FedJob) -> None:
    job.to(ScriptRunner("train.py", script_args="a"), "site-1")
    job.to(ScriptRunner("train.py", script_args="b"), "site-2")
    folder = exported(job)

    assert json.loads((folder / "meta.json").read_text())["deploy_map"] == {
        "app_server": ["server"],
        "app_site-1": ["site-1"],
        "app_site-2": ["site-2"],
    }
    assert "app_site-1/custom/train.py" in files(folder)
    assert "app_server/custom/train.py" not in files(folder)


def test_what_one_client_has_beside_all_is_written_for_each(job: FedJob, own: Any) -> None:
    job.to_clients(ScriptRunner("train.py"))
    job.to(own.Holds(3), "site-1", id="extra")
    with pytest.raises(errors.SitesUnclear, match="give `clients`"):
        exported(job)
    folder = exported(job, clients=3)

    assert json.loads((folder / "meta.json").read_text())["deploy_map"] == {
        "app_server": ["server"],
        "app_site-1": ["site-1"],
        "app_clients2": ["site-2", "site-3"],
    }
    assert len(config(folder, "app_site-1", "client")["components"]) == 1
    assert config(folder, "app_clients2", "client")["components"] == []


def test_the_weights_of_a_torch_model_travel(job: FedJob) -> None:
    job.to_clients(ScriptRunner("train.py"))
    folder = exported(job)

    persistor = config(folder, "app", "server")["components"][0]
    assert persistor["args"] == {
        "model": {"path": "net.Net", "args": {"hidden": 3}},
        "source_ckpt_file_full_name": "{JOB_CUSTOM_DIR}/initial_persistor.pt",
        "load_weights_only": True,
    }
    kept = torch.load(folder / "app/custom/initial_persistor.pt", weights_only=True)
    assert kept.keys() == {"model"}
    assert kept["model"]["layer.weight"].shape == (3, 2)


@pytest.mark.parametrize("model", [np.arange(4.0), [[1.0, 2.0]], {"numpy_key": np.ones(2)}])
def test_the_weights_of_a_numpy_model_travel(folder: Folder, model: Any) -> None:
    folder.write("train.py")
    job = FedJob()
    job.to_server(FedAvg())
    job.to_server(NPModelPersistor(model=model), id="persistor")
    job.to_server(NPModelLocator(), id="locator")
    job.to_clients(ScriptRunner("train.py", framework="numpy"))
    made = exported(job)

    place = {"model_dir": "app_server/custom", "model_name": "initial_persistor.npy"}
    persistor, locator = config(made, "app", "server")["components"]
    assert persistor["args"] == place
    assert locator["args"] == place
    kept = np.load(made / "app/custom/initial_persistor.npy")
    assert np.array_equal(kept, model["numpy_key"] if isinstance(model, dict) else np.array(model))


def test_code_speaks_nvflares_names(job: FedJob) -> None:
    job.to_clients(ScriptRunner("train.py"))

    text = (exported(job) / "app/custom/train.py").read_text()
    assert text.splitlines()[1:] == [
        "from nvflare.app_common.abstract.fl_model import FLModel; import nvflare.client as flare",
        "import net",
    ]


def test_a_filter_for_all_tasks_names_them(job: FedJob) -> None:
    job.to_clients(ScriptRunner("train.py"), tasks=["train", "special"])
    job.to_clients(PercentilePrivacy(gamma=0.5), filter_type=FilterType.TASK_RESULT)
    (filtered,) = config(exported(job), "app", "client")["task_result_filters"]

    assert filtered["tasks"] == ["train", "validate", "submit_model", "special"]
    assert filtered["filters"] == [
        {
            "path": "nvflare.app_common.filters.percentile_privacy.PercentilePrivacy",
            "args": {"gamma": 0.5},
        }
    ]


def test_each_task_has_one_chain_of_filters(job: FedJob) -> None:
    job.to_clients(ScriptRunner("train.py"))
    job.to_clients(ExcludeVars(["a"]), filter_type=FilterType.TASK_RESULT)
    job.to_clients(ExcludeVars(["b"]), filter_type=FilterType.TASK_RESULT, tasks=["train"])
    chains = config(exported(job), "app", "client")["task_result_filters"]

    assert [(c["tasks"], [f["args"]["exclude_vars"] for f in c["filters"]]) for c in chains] == [
        (["train"], [["a"], ["b"]]),
        (["validate", "submit_model"], [["a"]]),
    ]


def test_a_filter_for_all_tasks_of_a_workflow_of_ones_own_is_refused(
    folder: Folder, own: Any
) -> None:
    folder.write("train.py")
    job = FedJob()
    job.to_server(own.Leads())
    job.to_clients(ScriptRunner("train.py"))
    job.to_clients(own.Sieve(), filter_type=FilterType.TASK_DATA)

    with pytest.raises(errors.NotExportable, match=r"own\.Sieve.*give the filter `tasks="):
        exported(job)


def test_a_nested_class_has_a_name_of_its_own(job: FedJob, own: Any) -> None:
    job.to_clients(ScriptRunner("train.py"))
    job.to_server(own.Outer.Inner(4), id="inner")
    folder = exported(job)

    inner = config(folder, "app", "server")["components"][-1]
    assert inner["path"] == "nested_own_Outer_Inner.Outer_Inner"
    text = (folder / "app/custom/nested_own_Outer_Inner.py").read_text()
    assert "Outer_Inner = own.Outer.Inner" in text


def test_a_model_of_layers_is_a_module_of_the_job(folder: Folder) -> None:
    folder.write("train.py")
    job = FedJob()
    job.to_server(FedAvg())
    job.to_server(PTModel(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())))
    job.to_clients(ScriptRunner("train.py"))
    made = exported(job)

    assert len(files(made)) == 6
    path = config(made, "app", "server")["components"][0]["args"]["model"]["path"]
    assert (made / "app/custom" / f"{path.partition('.')[0]}.py").is_file()


def test_an_earlier_export_is_replaced_whole(job: FedJob) -> None:
    job.to_clients(ScriptRunner("train.py"))
    folder = exported(job)
    (folder / "left over").touch()

    exported(job)

    assert "left over" not in files(folder)
    assert [each.name for each in folder.parent.iterdir()] == ["j"]


def test_an_export_that_fails_leaves_the_earlier_one(job: FedJob) -> None:
    job.to_clients(ScriptRunner("train.py"))
    before = files(exported(job))
    job.to_clients(NormClipping(1.0), filter_type=FilterType.TASK_RESULT)

    with pytest.raises(errors.NotExportable):
        exported(job)

    assert files(Path("jobs/j")) == before


def test_what_is_no_export_is_not_replaced(job: FedJob, folder: Folder) -> None:
    job.to_clients(ScriptRunner("train.py"))
    folder.write("jobs/j/thesis.txt", "years of work")

    with pytest.raises(errors.JobConflict, match="is no job, so it is not replaced"):
        exported(job)
    assert Path("jobs/j/thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("version", ["2.7", "2.9"])
def test_what_was_written_is_read_as_the_same_job(job: FedJob, own: Any, version: Version) -> None:
    job.to_clients(ScriptRunner("train.py", script_args="-a 1"), tasks=["train"])
    job.to_clients(own.Sieve(2), filter_type=FilterType.TASK_DATA, tasks=["train"])
    job.to({"get_task_timeout": 5}, "server")
    read = export.read(exported(job, version))
    meant = job.program()

    assert (read.name, read.min_clients) == ("j", 2)
    assert read.everyone is not None
    assert meant.everyone is not None
    assert read.server.params == {"get_task_timeout": 5}
    assert [part.path for part in read.server.tops()] == [p.path for p in meant.server.tops()]
    assert read.server.workflows == meant.server.workflows
    assert read.everyone.task_data_filters == meant.everyone.task_data_filters
    (routed,) = read.everyone.executors
    assert routed.tasks == ("train",)
    assert routed.executor.args["script"] == "train.py"
    assert routed.executor.args["script_args"] == ["-a", "1"]
    assert routed.executor.args["framework"] == "pytorch"
