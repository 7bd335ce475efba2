"""NVFLARE's folders as jobs. A folder from a stranger runs nothing but its own declared code."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.federation import export
from ame.federation.program import Program
from parts.jobfolders import CLIENT, CODE, META, SERVER, put, refused


def check(program: Program) -> None:
    (workflow,) = program.server.workflows
    assert workflow.path == "ame.federation.workflows.averaging.fedavg.FedAvg"
    assert workflow.args == {"num_rounds": 2}
    (own,) = program.server.components
    assert own.args["inner"].path == "own.Own"  # type: ignore[union-attr]  # it is a Part
    (filtered,) = program.server.task_result_filters
    assert (filtered.tasks, filtered.direction) == (("train",), "in")
    assert program.server.params == {"get_task_timeout": 3}
    assert program.everyone is not None
    (routed,) = program.everyone.executors
    assert routed.tasks == ("train",)
    assert routed.executor.args["script_args"] == ["-a", "'b"]
    assert {str(file.target) for file in program.server.files} == set(CODE)
    assert program.packages == frozenset()


def test_a_folder_is_a_job(tmp_path: Path) -> None:
    check(export.read(put(tmp_path / "job")))


def test_nothing_is_imported_to_read_it(tmp_path: Path) -> None:
    export.read(put(tmp_path / "job", code={**CODE, "own.py": "raise SystemExit"}))

    assert "own" not in sys.modules


@pytest.mark.parametrize("form", ["hocon", "yaml"])
def test_a_folder_may_be_of_other_forms(tmp_path: Path, form: str) -> None:
    import yaml

    def hocon(value: Any) -> str:
        return "\n".join(f"{key} = {json.dumps(each)}" for key, each in value.items())

    place = put(tmp_path / "job")
    suffix, write = (".conf", hocon) if form == "hocon" else (".yml", yaml.safe_dump)
    for file in list(place.rglob("*.json")):
        file.with_suffix(suffix).write_text(write(json.loads(file.read_text())))
        file.unlink()

    check(export.read(place))


def test_values_of_hocon_may_refer_to_others_in_the_file(tmp_path: Path) -> None:
    place = put(tmp_path / "job", meta=None)
    (place / "meta.conf").write_text(
        'base = j # include "x"\nname = ${base}\ndeploy_map.app = ["@ALL"]'
    )

    assert export.read(place).name == "j"


def test_variables_of_a_configuration_stand_for_what_they_are(tmp_path: Path) -> None:
    executor = {
        "path": "nvflare.app_common.executors.client_api_launcher_executor"
        ".ClientAPILauncherExecutor",
        "args": {"launcher_id": "launcher"},
    }
    client = {
        "format_version": 2,
        "app_script": "train.py",
        "app_config": "--rate {rate} --site {SITE_NAME}",
        "rate": 0.5,
        "executors": [{"tasks": ["train"], "executor": executor}],
        "components": [
            {
                "id": "launcher",
                "path": "nvflare.app_common.launchers.subprocess_launcher.SubprocessLauncher",
                "args": {"script": "python3 custom/{app_script}  {app_config} "},
            }
        ],
    }
    workflow = {**SERVER["workflows"][0], "args": {"num_rounds": "{rounds}"}}
    server = {**SERVER, "workflows": [workflow], "rounds": 7}
    program = export.read(put(tmp_path / "job", server=server, client=client))

    assert program.server.workflows[0].args == {"num_rounds": 7}
    assert program.everyone is not None
    (routed,) = program.everyone.executors
    assert routed.executor.args["script"] == "train.py"
    assert routed.executor.args["script_args"] == ["--rate", "0.5", "--site", "{SITE_NAME}"]


def test_a_variable_that_stands_for_itself_is_refused(tmp_path: Path) -> None:
    server = {**SERVER, "one": "a{other}", "other": "b{one}"}
    refused(tmp_path / "job", errors.JobFolderInvalid, "stands for itself", server=server)


@pytest.mark.parametrize(
    "text",
    [
        'include "/etc/passwd"',
        'a { include url("http://127.0.0.1/x") }',
        "name = ${HOME}",
        "name = ${?PATH}",
    ],
)
def test_hocon_takes_nothing_in_from_outside(tmp_path: Path, text: str) -> None:
    place = put(tmp_path / "job", meta=None)
    (place / "meta.conf").write_text(text + '\ndeploy_map.app = ["@ALL"]\n')

    with pytest.raises(errors.JobFolderUnsafe):
        export.read(place)


def test_yaml_makes_no_objects(tmp_path: Path) -> None:
    place = put(tmp_path / "job", meta=None)
    (place / "meta.yml").write_text("name: !!python/object/apply:os.system ['true']\n")

    with pytest.raises(errors.JobFolderInvalid, match="no YAML"):
        export.read(place)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"deploy_map": {}}, "deploy_map: is empty"),
        ({"deploy_map": {"app": []}}, "must list the sites"),
        ({"deploy_map": {"app": ["@ALL", "site-1"]}}, "must stand alone"),
        ({"deploy_map": {"app": ["site-1"]}}, "neither `server` nor `@ALL`"),
        ({"deploy_map": {"app": ["server", "a", "a"]}}, "`a` is listed twice"),
        ({"min_clients": 0}, "min_clients: must be 1"),
        ({"min_clients": "2"}, "min_clients"),
        (
            {"min_clients": 2, "deploy_map": {"app": ["server", "a"]}},
            "is 2, and deploy_map lists 1",
        ),
        (
            {"mandatory_clients": ["b"], "deploy_map": {"app": ["server", "a"]}},
            "b is not in deploy_map",
        ),
        ({"resource_spec": {"a": 1}}, "resource_spec"),
        ({"deploy_map": {"absent": ["@ALL"]}}, "absent/config: goes to a server and has no"),
    ],
)
def test_meta_must_be_sound(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    refused(tmp_path / "job", errors.JobFolderInvalid, why, meta={**META, **change})


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"meta": None}, r"has no `meta\.json`"),
        ({"meta": "{"}, r"meta\.json:1: no JSON"),
        ({"meta": "[]"}, "must hold keys"),
        ({"client": None}, "goes to a client and has no `config_fed_client.json`"),
        ({"server": {**SERVER, "format_version": 3}}, "wrong format_version 3: must be 2"),
        ({"server": {**SERVER, "workflows": []}}, "workflows: must be a list of at least one"),
        ({"client": {**CLIENT, "executors": []}}, "executors: must be a list"),
        ({"server": {**SERVER, "workflows": [{"id": "x"}]}}, r"workflows\[0\]: has no `path`"),
        ({"server": {**SERVER, "components": [3]}}, r"components\[0\]: must hold a path"),
        ({"code": {"own.py": ""}}, "script `train.py` is not in the app's `custom`"),
    ],
)
def test_configurations_must_be_sound(tmp_path: Path, parts: dict[str, Any], why: str) -> None:
    refused(tmp_path / "job", errors.JobFolderInvalid, why, **parts)


def test_what_is_disabled_is_left_out(tmp_path: Path) -> None:
    server = {**SERVER, "components": [{"id": "x", "path": "own.Own", "disabled": True}]}

    assert export.read(put(tmp_path / "job", server=server)).server.components == ()


def test_a_plain_dict_stays_one(tmp_path: Path) -> None:
    plain = {"path": "os.system", "config_type": "dict"}
    server = {**SERVER, "components": [{"id": "x", "path": "own.Own", "args": {"a": plain}}]}

    (part,) = export.read(put(tmp_path / "job", server=server)).server.components
    assert part.args == {"a": plain}


def test_class_attributes_stand_for_arguments(tmp_path: Path) -> None:
    described = {"id": "x", "path": "own.Own", "args": {"class_attributes": {"a": 1}, "b": 2}}
    server = {**SERVER, "components": [described]}

    (part,) = export.read(put(tmp_path / "job", server=server)).server.components
    assert part.args == {"a": 1}


def test_a_class_may_be_called_by_its_name_alone(tmp_path: Path) -> None:
    server = {**SERVER, "components": [{"id": "x", "name": "IntimeModelSelector"}]}

    (part,) = export.read(put(tmp_path / "job", server=server)).server.components
    assert part.path == "ame.federation.components.selector.IntimeModelSelector"


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


def test_a_name_that_is_none_of_ours_is_made_fit(tmp_path: Path) -> None:
    assert export.read(put(tmp_path / "job", meta={**META, "name": "../my job"})).name == "my_job"


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.JobFolderInvalid, match="is no folder"):
        export.read(tmp_path / "absent")
    with pytest.raises(errors.JobFolderInvalid, match=r"has no `meta\.json`"):
        export.read(tmp_path)
