"""Folders of NVFLARE's: as users have them, with whatever is wrong, and as we write them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ame.federation import FedJob, export
from ame.federation.program import Version

META: dict[str, Any] = {"name": "j", "min_clients": 1, "deploy_map": {"app": ["@ALL"]}}
SERVER: dict[str, Any] = {
    "format_version": 2,
    "workflows": [
        {
            "id": "c",
            "path": "nvflare.app_common.workflows.fedavg.FedAvg",
            "args": {"num_rounds": 2},
        }
    ],
    "components": [{"id": "own", "path": "own.Own", "args": {"inner": {"path": "own.Own"}}}],
    "task_result_filters": [
        {"tasks": ["train"], "direction": "in", "filters": [{"path": "own.Own"}]}
    ],
    "get_task_timeout": 3,
}
CLIENT: dict[str, Any] = {
    "format_version": 2,
    "executors": [
        {
            "tasks": ["train"],
            "executor": {
                "path": "nvflare.app_opt.pt.in_process_client_api_executor"
                ".PTInProcessClientAPIExecutor",
                "args": {"task_script_path": "train.py", "task_script_args": "-a 'b"},
            },
        }
    ],
}
CODE = {"own.py": "class Own:\n    pass\n", "train.py": "", "deep/other.py": ""}


def put(
    place: Path,
    *,
    meta: Any = META,
    server: Any = SERVER,
    client: Any = CLIENT,
    code: Mapping[str, str] = CODE,
) -> Path:
    app = place / "app"
    (app / "config").mkdir(parents=True)
    for file, content in (
        (place / "meta.json", meta),
        (app / "config/config_fed_server.json", server),
        (app / "config/config_fed_client.json", client),
    ):
        if content is not None:
            file.write_text(content if isinstance(content, str) else json.dumps(content))
    for name, text in code.items():
        file = app / "custom" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return place


def refused(place: Path, kind: type[Exception], why: str, **parts: Any) -> None:
    with pytest.raises(kind, match=why):
        export.read(put(place, **parts))


def exported(job: FedJob, version: Version = "2.7", **more: Any) -> Path:
    job.export_job("jobs", flare_version=version, **more)
    return Path("jobs") / job.name


def config(folder: Path, app: str, side: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (folder / app / f"config/config_fed_{side}.json").read_text()
    )
    return found


def files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
