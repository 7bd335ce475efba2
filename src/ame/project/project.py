"""A project: its tasks, templates, models and data sets; and how projects find one another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ame.project.task import Place, Resources, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Data that a task produces once, for all who need it."""

    name: str
    path: str
    """Where in the project's folder the task leaves it, and where those who need it find it."""
    size: int | None = None
    """Bytes that it may have."""
    task: Task
    project: str
    folder: Path
    place: Place = field(default_factory=Place, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """How a model is served."""

    replicas: int = 1
    image: str = ""
    resources: Resources = field(default_factory=Resources)
    ingress_annotations: tuple[tuple[str, str], ...] = ()
    enable_tls: bool = True
    deploy: bool = True
    """Whether each new version is deployed by itself."""
    train: bool = False
    """Whether it is trained anew when its project changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model: how it is trained, validated and served."""

    name: str
    type: str = "mlflow"
    training: Task | None = None
    validation: Task | None = None
    deployment: Deployment | None = None
    project: str
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What an `ame.yml` says."""

    name: str
    file: Path
    folder: Path
    tasks: tuple[Task, ...] = ()
    templates: tuple[Task, ...] = ()
    models: tuple[Model, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    enable_triggers: bool = True
    """Whether the triggers of its tasks fire."""


class Projects(Protocol):
    """Which projects are known, and where they are. Finding one reads nothing of it."""

    def find(self, name: str) -> Path | None:
        """The folder of the project of that name; None when none is known."""
        ...

    def names(self) -> tuple[str, ...]:
        """The names of all that are known, sorted."""
        ...


@dataclass(frozen=True, slots=True)
class KnownProjects:
    """Projects by name, in memory. Empty, it is the world of a project that stands alone."""

    folders: Mapping[str, Path] = field(default_factory=dict)

    def find(self, name: str) -> Path | None:
        """As promised by `Projects`."""
        return self.folders.get(name)

    def names(self) -> tuple[str, ...]:
        """As promised by `Projects`."""
        return tuple(sorted(self.folders))


Data = dict[str, Any]
"""A map of a project file as the reader left it: its fields, checked. An edge."""
