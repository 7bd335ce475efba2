"""The environment variables that ame gives to every step.

They are refused in a task's `environment`. Those that are not named `AME_…` may be set in the
settings or in ame's own environment instead.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from ame.engine.settings import Settings

PROVIDED: Mapping[str, str] = {
    "AME_RUN": "the run's unique name",
    "AME_STEP": "the step's name within the run",
    "AME_TASK": "the name of the task that the run is of",
    "AME_PROJECT": "the project's name",
    "AME_ATTEMPT": "which try at the step this is, from 1",
    "AME_REPORT": "the file to which metrics and progress are appended as lines of JSON",
    "AME_HOME": "the state folder",
    "MLFLOW_TRACKING_URI": "where MLflow keeps its runs; a SQLite file in the state folder",
    "MLFLOW_EXPERIMENT_NAME": "the project's name",
    "MLFLOW_RUN_CONTEXT": "tags by which ame finds the metrics that a step logs with MLflow",
    "CUDA_VISIBLE_DEVICES": "the GPUs that the step was given",
    "NVIDIA_VISIBLE_DEVICES": "the same, for containers",
}
"""Each with what it holds."""

_NOT_PASSED_ON = ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "VAULT_TOKEN", "PYTHONSTARTUP")
"""Of ame's own environment: they would lead a step into ame's packages, or hold its keys."""


def inherited() -> dict[str, str]:
    """What a step takes over from the environment that ame was started in.

    Python is asked to print at once, so that logs are live.
    """
    taken = {
        name: value
        for name, value in os.environ.items()
        if name not in _NOT_PASSED_ON and not name.startswith("AME_")
    }
    return {"PYTHONUNBUFFERED": "1", **taken}


def provided(
    settings: Settings,
    *,
    home: Path,
    run: str,
    step: str,
    task: str,
    project: str,
    attempt: int,
    report: Path,
    gpus: tuple[str, ...],
) -> dict[str, str]:
    """The variables of one attempt. Those of MLflow yield to what is set outside."""
    devices = ",".join(gpus)
    return {
        "MLFLOW_TRACKING_URI": tracking_uri(settings, home),
        "MLFLOW_EXPERIMENT_NAME": _outside("MLFLOW_EXPERIMENT_NAME", settings) or project,
        "MLFLOW_RUN_CONTEXT": json.dumps(
            {"ame.run": run, "ame.step": step, "ame.attempt": str(attempt)}
        ),
        "AME_RUN": run,
        "AME_STEP": step,
        "AME_TASK": task,
        "AME_PROJECT": project,
        "AME_ATTEMPT": str(attempt),
        "AME_REPORT": str(report),
        "AME_HOME": str(home),
        "CUDA_VISIBLE_DEVICES": devices,
        "NVIDIA_VISIBLE_DEVICES": devices or "void",
    }


def tracking_uri(settings: Settings, home: Path) -> str:
    """Where MLflow keeps its runs: as set outside, else a file in the state folder."""
    return _outside("MLFLOW_TRACKING_URI", settings) or f"sqlite:///{home / 'mlflow' / 'mlflow.db'}"


def _outside(name: str, settings: Settings) -> str:
    return os.environ.get(name) or settings.environment.get(name, "")
