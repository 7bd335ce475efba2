"""The environment variables that ame gives to every step.

They are refused in a task's `environment`, see `project.PROVIDED`. The two of MLflow that say where
and under which name runs are kept may be set in the settings or in ame's own environment instead.
"""

import json
import os
from pathlib import Path

from ame import runs
from ame.engine.settings import Settings

_NOT_PASSED_ON = ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "VAULT_TOKEN", "PYTHONSTARTUP")
"""Of ame's own environment: they would lead a step into ame's packages, or hold its keys."""


def inherited() -> dict[str, str]:
    """What a step takes over from the environment that ame was started in."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _NOT_PASSED_ON and not name.startswith("AME_")
    }


def of_run(settings: Settings, *, home: Path, run: str, task: str, project: str) -> dict[str, str]:
    """Those that all steps of a run get. Those of MLflow yield to what is set outside."""
    return {
        "MLFLOW_TRACKING_URI": tracking_uri(settings, home),
        **_artifacts(settings, home),
        "MLFLOW_EXPERIMENT_NAME": _outside("MLFLOW_EXPERIMENT_NAME", settings) or project,
        "AME_RUN": run,
        "AME_TASK": task,
        "AME_PROJECT": project,
        "AME_HOME": str(home),
    }


def of_attempt(attempt: runs.Attempt, *, report: Path, gpus: tuple[str, ...]) -> dict[str, str]:
    """Those that only one attempt at a step gets."""
    number, devices = str(attempt.number), ",".join(gpus)
    return {
        "MLFLOW_RUN_CONTEXT": json.dumps(
            {"ame.run": attempt.run, "ame.step": attempt.step, "ame.attempt": number}
        ),
        "AME_STEP": attempt.step,
        "AME_ATTEMPT": number,
        "AME_REPORT": str(report),
        "CUDA_VISIBLE_DEVICES": devices,
        "NVIDIA_VISIBLE_DEVICES": devices or "void",
    }


def tracking_uri(settings: Settings, home: Path) -> str:
    """Where MLflow keeps its runs: as set outside, else a file in the state folder."""
    return _outside("MLFLOW_TRACKING_URI", settings) or f"sqlite:///{_store(home)}"


def own_store(settings: Settings, home: Path) -> Path | None:
    """The file in the state folder where MLflow keeps its runs; None where that is set outside."""
    return None if _outside("MLFLOW_TRACKING_URI", settings) else _store(home)


def _store(home: Path) -> Path:
    return home / "mlflow" / "mlflow.db"


def _artifacts(settings: Settings, home: Path) -> dict[str, str]:
    """Where artifacts go that MLflow keeps with such a file: else into the step's workspace."""
    if own_store(settings, home) is None:
        return {}
    return {"_MLFLOW_SERVER_ARTIFACT_ROOT": str(home / "mlflow" / "artifacts")}


def _outside(name: str, settings: Settings) -> str:
    return os.environ.get(name) or settings.environment.get(name, "")
