"""NVFLARE's folders as jobs."""

import json
import sys
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


def test_a_name_that_is_none_of_ours_is_made_fit(tmp_path: Path) -> None:
    assert export.read(put(tmp_path / "job", meta={**META, "name": "../my job"})).name == "my_job"


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.JobFolderInvalid, match="is no folder"):
        export.read(tmp_path / "absent")
    with pytest.raises(errors.JobFolderInvalid, match=r"has no `meta\.json`"):
        export.read(tmp_path)
