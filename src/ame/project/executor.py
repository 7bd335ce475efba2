"""How a task's command is to be executed, as data. `engine.executors` are the deeds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Poetry:
    """The packages of `poetry.lock`; the command is one process."""

    python_version: str
    command: str
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pip:
    """The packages of `requirements.txt`; the command is shell text."""

    python_version: str
    command: str
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipenv:
    """The packages and the Python version of `Pipfile.lock`; the command is one process."""

    command: str
    python_version: str = ""
    """Overrides the one of the lock file."""
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mlflow:
    """What the file `MLproject` says."""

    command: str = ""
    """Replaces the command of the entry point `main`."""
    python_version: str = ""
    """For a project whose `MLproject` names no Python environment."""
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Custom:
    """No set-up; the command is shell text."""

    command: str
    python_version: str = ""
    """When given, `python` on the command's path is of that version."""
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flower:
    """An app of Flower's: its ServerApp leads, its ClientApp works at every site."""

    app: str = "."
    """The folder with its `pyproject.toml`, in the project."""
    sites: str = ""
    """How many, or their names with commas between them; empty: as many as the app says."""
    backend: str = "simulation"
    """Or `superlink` for one that is started for it, or where a SuperLink is."""
    root_certificates: str = ""
    """The file by which that SuperLink's certificate is checked."""
    run_config: tuple[tuple[str, str], ...] = ()
    """Goes before what the app's `tool.flwr.app.config` says."""
    results: str = "federated"
    """The folder of the workspace for what comes of it."""
    tolerate: bool = False
    """Whether it is well though sites were lost."""
    image: str = ""
    """None: it is refused when there is one."""


Executor = Poetry | Pip | Pipenv | Mlflow | Custom | Flower
