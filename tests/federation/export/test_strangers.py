"""A folder from a stranger runs nothing but its own declared code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.federation import export
from parts.jobfolders import CLIENT, META, SERVER, put, refused

EVIL = [
    "os.system", "subprocess.Popen", "builtins.eval", "builtins.exec", "posix.system",
    "importlib.import_module", "pickle.loads", "runpy.run_path", "torch.load", "numpy.ndarray",
    "nvflare.fuel.utils.pipe.pipe.Pipe", "ame.process.Supervisor", "absent.Thing", "shutil.rmtree",
]  # fmt: skip


def at(path: str, place: str) -> dict[str, Any]:
    """The parts of a folder in which a class is named in some place."""
    named = {"id": "x", "path": path, "args": {"command": "touch /tmp/owned"}}
    match place:
        case "component":
            return {"server": {**SERVER, "components": [named]}}
        case "workflow":
            return {"server": {**SERVER, "workflows": [named]}}
        case "argument":
            outer = {"id": "y", "path": "own.Own", "args": {"a": named}}
            return {"server": {**SERVER, "components": [outer]}}
        case "class_path":
            outer = {"id": "y", "class_path": path}
            return {"server": {**SERVER, "components": [outer]}}
        case "filter":
            chain = [{"tasks": ["train"], "filters": [named]}]
            return {"client": {**CLIENT, "task_data_filters": chain}}
    return {"client": {**CLIENT, "executors": [{"tasks": ["train"], "executor": named}]}}


@pytest.mark.parametrize(
    "place", ["component", "workflow", "argument", "class_path", "filter", "executor"]
)
def test_no_class_is_taken_from_elsewhere(tmp_path: Path, place: str) -> None:
    for number, path in enumerate(EVIL):
        refused(
            tmp_path / str(number), errors.ClassRefused, f"`{path}` is refused", **at(path, place)
        )


@pytest.mark.parametrize("name", ["../up", "/etc", "a/b", "..", "a\\b", ""])
def test_an_app_is_a_folder_of_the_job(tmp_path: Path, name: str) -> None:
    meta = {**META, "deploy_map": {name: ["@ALL"]}}

    refused(tmp_path / "job", errors.JobFolderUnsafe, "named without `/`", meta=meta)


def test_no_link_leads_out(tmp_path: Path) -> None:
    place = put(tmp_path / "job")
    (tmp_path / "secret").touch()
    (place / "app/custom/link.py").symlink_to(tmp_path / "secret")

    with pytest.raises(errors.JobFolderUnsafe, match="link leads out"):
        export.read(place)


@pytest.mark.parametrize("link", ["app", "app/config", "app/custom"])
def test_no_folder_is_a_link_that_leads_out(tmp_path: Path, link: str) -> None:
    elsewhere = put(tmp_path / "elsewhere")
    place = put(tmp_path / "job")
    target = place / link
    target.rename(tmp_path / "moved")
    target.symlink_to(elsewhere / link)

    with pytest.raises(errors.JobFolderUnsafe, match="link leads out"):
        export.read(place)


@pytest.mark.parametrize("script", ["/bin/ls", "../../up.py", "custom/../../../x.py"])
def test_a_script_is_of_the_jobs_own_code(tmp_path: Path, script: str) -> None:
    executor = {**CLIENT["executors"][0]["executor"], "args": {"task_script_path": script}}
    client = {**CLIENT, "executors": [{"tasks": ["train"], "executor": executor}]}

    refused(tmp_path / "job", errors.JobFolderUnsafe, "leads out of the job's own", client=client)


def launched(command: Any) -> dict[str, Any]:
    return {
        "format_version": 2,
        "executors": [
            {
                "tasks": ["train"],
                "executor": {
                    "path": "nvflare.app_opt.pt.client_api_launcher_executor"
                    ".PTClientAPILauncherExecutor",
                    "args": {"pipe_id": "pipe", "launcher_id": "launcher"},
                },
            }
        ],
        "components": [
            {"id": "pipe", "path": "nvflare.fuel.utils.pipe.cell_pipe.CellPipe"},
            {
                "id": "launcher",
                "path": "nvflare.app_common.launchers.subprocess_launcher.SubprocessLauncher",
                "args": {"script": command},
            },
            {"id": "relay", "path": "nvflare.app_common.widgets.metric_relay.MetricRelay"},
            {"id": "own", "path": "own.Own"},
        ],
    }


def single(command: Any) -> dict[str, Any]:
    path = "nvflare.app_common.executors.client_api_executor.ClientAPIExecutor"
    args = {
        "execution_mode": "external_process",
        "command": command,
        "params_exchange_format": "pytorch",
    }
    executor = {"path": path, "args": args}
    return {"format_version": 2, "executors": [{"tasks": ["train"], "executor": executor}]}


@pytest.mark.parametrize("form", [launched, single])
@pytest.mark.parametrize(
    ("command", "before"),
    [
        ("python3 -u custom/train.py -a 'b c'", ["python3", "-u"]),
        ("python custom/train.py -a 'b c'", ["python"]),
        (
            "python3 -m torch.distributed.run --nproc_per_node=2 custom/train.py -a 'b c'",
            ["python3", "-m", "torch.distributed.run", "--nproc_per_node=2"],
        ),
        (
            "torchrun --nproc-per-node 2 custom/train.py -a 'b c'",
            ["torchrun", "--nproc-per-node", "2"],
        ),
    ],
)
def test_a_process_is_python_with_a_script_of_the_job(
    tmp_path: Path, form: Callable[[Any], dict[str, Any]], command: str, before: list[str]
) -> None:
    program = export.read(put(tmp_path / "job", client=form(command)))

    assert program.everyone is not None
    args = program.everyone.executors[0].executor.args
    assert args["external"] is True
    assert args["command"] == before
    assert (args["script"], args["script_args"]) == ("train.py", ["-a", "b c"])
    assert args["framework"] == "pytorch"
    assert [part.id for part in program.everyone.components] in ([], ["own"])


@pytest.mark.parametrize("form", [launched, single])
@pytest.mark.parametrize(
    "command",
    [
        "touch /tmp/owned",
        "rm -rf / custom/train.py",
        "bash -c 'touch x' custom/train.py",
        "python3 -c 'import os' custom/train.py",
        "python3 -ucimport custom/train.py",
        "python3 -m http.server custom/train.py",
        "python3 -mhttp.server custom/train.py",
        "python3 /tmp/evil.py custom/train.py",
        "python3 custom/../../../evil.py",
        "/tmp/python3 custom/train.py",
        "custom/train.py",
        "",
        None,
    ],
)
def test_nothing_else_is_started(
    tmp_path: Path, form: Callable[[Any], dict[str, Any]], command: Any
) -> None:
    refused(tmp_path / "job", errors.JobFolderUnsafe, "command|script", client=form(command))


@pytest.mark.parametrize(
    ("path", "args"),
    [
        ("nvflare.app_common.np.np_model_persistor.NPModelPersistor", {"model_dir": "/etc"}),
        ("nvflare.app_common.np.np_model_persistor.NPModelPersistor", {"model_name": "../x"}),
        (
            "nvflare.app_opt.pt.file_model_persistor.PTFileModelPersistor",
            {"source_ckpt_file_full_name": "/home/me/model.pt"},
        ),
        (
            "nvflare.app_opt.pt.file_model_persistor.PTFileModelPersistor",
            {"source_ckpt_file_full_name": "{JOB_CUSTOM_DIR}/../../x.pt"},
        ),
        (
            "nvflare.app_common.np.np_model_locator.NPModelLocator",
            {"model_name": {"server": "/etc/x.npy"}},
        ),
        ("nvflare.app_common.workflows.fedavg.FedAvg", {"save_filename": "/tmp/x.pt"}),
        (
            "nvflare.app_opt.sklearn.joblib_model_param_persistor.JoblibModelParamPersistor",
            {"model_path": "/home/me/model.joblib"},
        ),
        ("nvflare.app_opt.flower.controller.FlowerController", {"flower_app_path": "/home/me/app"}),
        (
            "nvflare.app_common.statistics.json_stats_file_persistor.JsonStatsFileWriter",
            {"output_path": "../../x.json"},
        ),
    ],
)
def test_components_of_ours_are_told_of_no_file_outside(
    tmp_path: Path, path: str, args: dict[str, Any]
) -> None:
    server = {**SERVER, "components": [{"id": "x", "path": path, "args": args}]}

    refused(tmp_path / "job", errors.JobFolderUnsafe, "leads out of the job", server=server)
