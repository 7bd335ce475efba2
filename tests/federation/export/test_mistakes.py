"""Mistakes in a folder: each is told with its place and what to do, before anything runs."""

from pathlib import Path
from typing import Any

import pytest

from ame import errors
from ame.federation import export
from parts.jobfolders import CLIENT, META, SERVER, put, refused

SELECTOR = "nvflare.app_common.widgets.intime_model_selector.IntimeModelSelector"
WRITER = "nvflare.app_common.statistics.json_stats_file_persistor.JsonStatsFileWriter"
(SCRIPT,) = CLIENT["executors"]


def server(*more: Any, workflow: Any = None) -> dict[str, Any]:
    """The server's configuration with other components, or another workflow."""
    return {**SERVER, "components": more, "workflows": [{**SERVER["workflows"][0], **workflow}]
            if workflow else SERVER["workflows"]}  # fmt: skip


def client(**args: Any) -> dict[str, Any]:
    """A client's configuration with other arguments of the script's executor."""
    executor = {**SCRIPT["executor"], "args": {**SCRIPT["executor"]["args"], **args}}
    return {**CLIENT, "executors": [{**SCRIPT, "executor": executor}]}


def launched(**args: Any) -> dict[str, Any]:
    """The configuration of a client whose script is a process, with arguments of its launcher."""
    path = "nvflare.app_opt.pt.client_api_launcher_executor.PTClientAPILauncherExecutor"
    executor = {"path": path, "args": {"launcher_id": "launcher", "heartbeat_interval": 2.0}}
    launcher = {
        "id": "launcher",
        "path": "nvflare.app_common.launchers.subprocess_launcher.SubprocessLauncher",
        "args": {"script": "python3 custom/train.py", **args},
    }
    executors = [{"tasks": ["train"], "executor": executor}]
    return {"format_version": 2, "executors": executors, "components": [launcher]}


@pytest.mark.parametrize(
    "targets",
    [
        "@ALL",
        ["@all"],
        {"targets": ["server", "a", "b"]},
        {"sites": ["server", "a", "b"]},
        [{"sites": ["server", "a"]}, "b"],
        ["server", {"targets": ["a", "b"]}],
    ],
)
def test_an_app_goes_to_sites_however_they_are_listed(tmp_path: Path, targets: Any) -> None:
    program = export.read(put(tmp_path / "job", meta={**META, "deploy_map": {"app": targets}}))

    assert program.server.workflows
    assert (program.everyone is not None) == ("all" in str(targets).lower())
    assert sorted(program.sites) == ([] if program.everyone else ["a", "b"])


def test_a_job_may_leave_open_how_many_clients_it_needs(tmp_path: Path) -> None:
    assert export.read(put(tmp_path / "job", meta={**META, "min_clients": None})).min_clients == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"deploy_map": {"app": ["server", 3]}}, "deploy_map.app: is no name of a site: 3"),
        ({"deploy_map": {"app": [["a"]]}}, r"is no name of a site: \['a'\]"),
        ({"deploy_map": {"app": [{"site": ["a"]}]}}, "must list the sites"),
        ({"deploy_map": {"app": [{"sites": ["server", "a"]}, "a"]}}, "`a` is listed twice"),
        ({"mandatory_clients": [{"a": 1}]}, "mandatory_clients: must be a list of sites"),
    ],
)
def test_sites_are_names(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    refused(tmp_path / "job", errors.JobFolderInvalid, why, meta={**META, **change})


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        (
            {"server": server(workflow={"args": {"num_round": 2}})},
            r"workflows\[0\].args: `FedAvg` has no argument `num_round`; did you mean `num_rounds`",
        ),
        (
            {"server": server({"id": "x", "path": SELECTOR, "args": {"metric": "f1"}})},
            r"components\[0\].args: `IntimeModelSelector` has no argument `metric`; did you mean",
        ),
        (
            {"server": server({"id": "x", "path": "own.Own", "args": {"in": {"path": WRITER}}})},
            r"args.in.args: `JsonStatsFileWriter` needs the argument `output_path`",
        ),
        (
            {"client": client(trian_task_name="x")},
            r"args.trian_task_name: is no argument of it; did you mean `train_task_name`\?",
        ),
        ({"client": client(entirely_other=1)}, "entirely_other: is no argument of it; leave it"),
        ({"client": launched(launch_onc=True)}, "`launcher`.args.launch_onc: .* `launch_once`"),
        ({"client": launched(clean_up_script="rm x")}, "clean_up_script: is not served; let the"),
        ({"client": client(task_script_args="-k ${secret:KEY}")}, "sites here have no secrets"),
        (
            {"client": launched(script="python3 custom/train.py -k ${secret:KEY}")},
            "sites here have no secrets of their own; let the script read its environment",
        ),
        ({"client": client(to_nvflare_converter_id="x")}, "converters are not served"),
    ],
)
def test_arguments_are_known(tmp_path: Path, parts: dict[str, Any], why: str) -> None:
    refused(tmp_path / "job", errors.JobFolderInvalid, why, **parts)


def test_arguments_of_a_process_are_those_of_all_versions(tmp_path: Path) -> None:
    program = export.read(put(tmp_path / "job", client=launched(shutdown_timeout=3)))

    assert program.everyone is not None
    assert program.everyone.executors[0].executor.args["shutdown_timeout"] == 3


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"server": server({"path": "own.Own"})}, "components: one of them has no `id`"),
        (
            {"client": {**CLIENT, "executors": [SCRIPT, SCRIPT]}},
            r"executors\[1\].tasks: `train` is the task of an earlier executor",
        ),
        (
            {"client": {**CLIENT, "executors": [
                {**SCRIPT, "executor": {**SCRIPT["executor"], "disabled": True}}
            ]}},
            r"executors\[0\].executor: is disabled, and its tasks are not; take out the entry",
        ),
    ],
)  # fmt: skip
def test_parts_can_be_told_apart(tmp_path: Path, parts: dict[str, Any], why: str) -> None:
    refused(tmp_path / "job", errors.JobFolderInvalid, why, **parts)


def test_what_is_served_and_no_class_is_no_component(tmp_path: Path) -> None:
    named = {"id": "x", "path": "nvflare.client.init"}
    refused(tmp_path / "job", errors.ClassRefused, "it is no class", server=server(named))


def test_a_part_that_is_no_filter_is_refused_among_the_filters(tmp_path: Path) -> None:
    filters = [{"tasks": ["train"], "filters": [{"path": SELECTOR, "args": {}}]}]

    refused(
        tmp_path / "job", errors.JobFolderInvalid,
        r"task_result_filters\[0\].filters: has a `IntimeModelSelector`, which is no filter",
        client={**CLIENT, "task_result_filters": filters},
    )  # fmt: skip
