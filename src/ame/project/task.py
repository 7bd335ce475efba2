"""A task as it was written in an `ame.yml`, or as it was resolved from there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ame.project.executor import Executor


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in which file something was written."""

    file: Path = Path("ame.yml")
    line: int = 0
    """From 1; 0 is for the whole file."""
    column: int = 0
    path: str = ""
    """The way to it in the file's own keys: `tasks[2]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a task may use; None where nothing is said."""

    memory: int | None = None
    """Bytes."""
    cpu: Decimal | None = None
    """CPUs, to a thousandth."""
    storage: int | None = None
    """Bytes."""
    gpus: tuple[tuple[str, int], ...] = ()
    """How many whole GPUs of each vendor's key: `("nvidia.com/gpu", 1)`."""
    gpu_memory: int | None = None
    """Bytes that each GPU must have. Kept; nothing holds it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """An environment variable of a task."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AmeSecret:
    """A secret in the store of `ame`."""

    key: str
    variable: str
    """The environment variable that gets its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSecret:
    """A secret in a vault that the settings name."""

    vault: str
    key: str
    """Its path in the vault."""
    field: str = ""
    """Which field of it; empty when it has only one."""
    variable: str
    """The environment variable that gets its value."""


Secret = AmeSecret | VaultSecret


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """Which files are saved when a task has succeeded."""

    paths: tuple[str, ...] = ()
    save_changed_files: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Another thing, by its name; an empty project is the one that refers."""

    name: str
    project: str = ""

    def __str__(self) -> str:
        return f"{self.project}.{self.name}" if self.project else self.name


class TaskRef(Reference):
    """Another task."""

    __slots__ = ()


class TemplateRef(Reference):
    """A template."""

    __slots__ = ()


class DatasetRef(Reference):
    """A data set."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """What starts a task without a person."""

    schedule: str = ""
    """Cron, five fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something to be done: by an executor, as another task that it refers to, or as a pipeline.

    As read, it is what was written: an executor that a template completes is None. As resolved, it
    is complete: no reference and no template, and each leaf of its pipeline has an executor.
    """

    name: str
    """Of members of a pipeline, unique within it once resolved."""
    executor: Executor | None = None
    resources: Resources = field(default_factory=Resources)
    secrets: tuple[Secret, ...] = ()
    environment: tuple[Variable, ...] = ()
    artifacts: Artifacts | None = None
    datasets: tuple[DatasetRef, ...] = ()
    triggers: Triggers | None = None
    pipeline: tuple[tuple["Task", ...], ...] = ()
    """Groups, one after another; the members of one run at once. What else a pipeline says has
    been handed to its members when it is resolved."""
    reference: TaskRef | None = None
    template: TemplateRef | None = None
    timeout: float | None = None
    """Seconds that one attempt may take."""
    retries: int = 0
    cache: bool = False
    inputs: tuple[str, ...] = ()
    project: str
    """The project whose files it runs on."""
    folder: Path
    """Where that project is."""
    place: Place = field(default_factory=Place, compare=False, repr=False)
    written: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was written, as the reader left it: what a template is merged with. An edge."""
