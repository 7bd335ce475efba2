"""Values from what the reader left: every field has been checked, only defaults are added."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ame.project.executor import Custom, Executor, Flower, Mlflow, Pip, Pipenv, Poetry
from ame.project.format import EXECUTOR
from ame.project.project import Data, Dataset, Deployment, Model, Project
from ame.project.task import (
    AmeSecret,
    Artifacts,
    DatasetRef,
    Resources,
    Secret,
    Task,
    TaskRef,
    TemplateRef,
    Triggers,
    Variable,
    VaultSecret,
)

_EXECUTORS: dict[str, Callable[..., Executor]] = {
    "poetry": Poetry,
    "pip": Pip,
    "pipenv": Pipenv,
    "mlflow": Mlflow,
    "custom": Custom,
    "flower": Flower,
}
_GPU_KEYS = ("nvidia.com/gpu", "amd.com/gpu", "gpu.intel.com/i915")


def project(data: Data, file: Path, name: str) -> Project:
    """The whole project; `name` is for a file that gives none."""
    name, folder = data.get("name") or name, file.parent

    def tasks(field: str) -> tuple[Task, ...]:
        return tuple(task(item, file, name) for item in data.get(field) or ())

    return Project(
        name=name,
        file=file,
        folder=folder,
        tasks=tasks("tasks"),
        templates=tasks("templates"),
        models=tuple(_model(item, file, name) for item in data.get("models") or ()),
        datasets=tuple(_dataset(item, file, name) for item in data.get("datasets") or ()),
        enable_triggers=data.get("enable_triggers") is not False,
    )


def task(data: Data, file: Path, project: str, *, name: str = "") -> Task:
    """One task; `name` is for one that has none, not even by what it refers to."""
    reference, template = data.get("reference"), data.get("template")
    artifacts, triggers = data.get("artifacts"), data.get("triggers")
    return Task(
        name=data.get("name") or (reference["name"] if reference else name),
        executor=executor(data.get("executor") or {}),
        resources=resources(data.get("resources") or {}),
        secrets=tuple(map(_secret, data.get("secrets") or ())),
        environment=tuple(
            Variable(key=pair["key"], value=pair["value"])
            for pair in data.get("environment") or ()
            if pair.get("value") is not None
        ),
        artifacts=Artifacts(
            paths=tuple(artifacts.get("paths") or ()),
            save_changed_files=bool(artifacts.get("save_changed_files")),
        )
        if artifacts
        else None,
        datasets=tuple(
            DatasetRef(**_target(item.get("ref") or item)) for item in data.get("datasets") or ()
        ),
        triggers=Triggers(schedule=triggers["schedule"])
        if triggers and triggers.get("schedule")
        else None,
        pipeline=tuple(
            tuple(task(member, file, project) for member in group)
            for group in data.get("pipeline") or ()
        ),
        reference=TaskRef(**_target(reference)) if reference else None,
        template=TemplateRef(**_target(template)) if template else None,
        timeout=data.get("timeout"),
        retries=int(data.get("retries") or 0),
        cache=bool(data.get("cache")),
        inputs=tuple(data.get("inputs") or ()),
        project=project,
        folder=file.parent,
        place=data["place"],
        written=data,
    )


def missing(data: Data) -> tuple[str, ...]:
    """The keys that an executor still lacks."""
    record = EXECUTOR.kinds[data["kind"]]
    return tuple(key.name for key in record.keys if key.required and not data.get(key.field))


def executor(data: Data) -> Executor | None:
    """The executor; None when it is a part that a template completes."""
    if "kind" not in data or missing(data):
        return None
    values = {key: value for key, value in data.items() if key != "kind" and value is not None}
    if "run_config" in values:
        said = values["run_config"].items()
        values["run_config"] = tuple((name, value) for name, value in said if value is not None)
    return _EXECUTORS[data["kind"]](**values)


def resources(data: Data) -> Resources:
    """Amounts, as they were converted when they were read."""
    return Resources(
        memory=data.get("memory"),
        cpu=data.get("cpu"),
        storage=data.get("storage"),
        gpus=tuple((key, data[key]) for key in _GPU_KEYS if data.get(key)),
        gpu_memory=data.get("vram"),
    )


def _secret(data: Data) -> Secret:
    if data.get("kind") != "vault":
        return AmeSecret(key=data["key"], variable=data["variable"])
    path, _, field = data["key"].partition("#")
    return VaultSecret(
        vault=data["vault"],
        key=path,
        field=data.get("field") or field,
        variable=data["variable"],
    )


def _target(data: Data) -> dict[str, Any]:
    return {"name": data["name"], "project": data.get("project") or ""}


def _dataset(data: Data, file: Path, project: str) -> Dataset:
    inline = data.get("task") or {
        "reference": data["reference"],
        "place": data["place"],
        "places": {},
    }
    return Dataset(
        name=data["name"],
        path=data["path"],
        size=data.get("size"),
        task=task(inline, file, project, name=data["name"]),
        project=project,
        folder=file.parent,
        place=data["place"],
    )


def _model(data: Data, file: Path, project: str) -> Model:
    training = (data.get("training") or {}).get("task")
    validation = data.get("validation") or (data.get("older_validation") or {}).get("task")
    deployment = data.get("deployment")
    name = data["name"]
    return Model(
        name=name,
        type=data.get("type") or "mlflow",
        training=task(training, file, project, name=name) if training else None,
        validation=task(validation, file, project, name=name) if validation else None,
        deployment=_deployment(deployment) if deployment is not None else None,
        project=project,
        folder=file.parent,
    )


def _deployment(data: Data) -> Deployment:
    replicas, train = data.get("replicas"), data.get("train")
    annotations = data.get("ingress_annotations") or {}
    return Deployment(
        replicas=1 if replicas is None else int(replicas),
        image=data.get("image") or "",
        resources=resources(data.get("resources") or {}),
        ingress_annotations=tuple((key, value or "") for key, value in annotations.items()),
        enable_tls=data.get("enable_tls") is not False,
        deploy=data.get("deploy") is not False,
        train=bool(train),
    )
