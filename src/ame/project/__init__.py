"""What was written: a project's `ame.yml`, read once into frozen values."""

from ame.project.executor import Custom, Executor, Flower, Mlflow, Pip, Pipenv, Poetry
from ame.project.file import NAMES, around, find, first, name_of, read
from ame.project.format import PROVIDED, schema
from ame.project.project import Dataset, Deployment, KnownProjects, Model, Project, Projects
from ame.project.resolve import check, dataset, model, resolve
from ame.project.task import (
    AmeSecret,
    Artifacts,
    DatasetRef,
    Place,
    Reference,
    Resources,
    Secret,
    Task,
    TaskRef,
    TemplateRef,
    Triggers,
    Variable,
    VaultSecret,
)

__all__ = [
    "NAMES",
    "PROVIDED",
    "AmeSecret",
    "Artifacts",
    "Custom",
    "Dataset",
    "DatasetRef",
    "Deployment",
    "Executor",
    "Flower",
    "KnownProjects",
    "Mlflow",
    "Model",
    "Pip",
    "Pipenv",
    "Place",
    "Poetry",
    "Project",
    "Projects",
    "Reference",
    "Resources",
    "Secret",
    "Task",
    "TaskRef",
    "TemplateRef",
    "Triggers",
    "Variable",
    "VaultSecret",
    "around",
    "check",
    "dataset",
    "find",
    "first",
    "model",
    "name_of",
    "read",
    "resolve",
    "schema",
]
