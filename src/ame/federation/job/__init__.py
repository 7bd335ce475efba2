"""Federated jobs defined in Python: `FedJob` and what is given to it.

The names are imported when they are asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ame.federation.job.fedjob import FedJob, FilterType, JobCtx
    from ame.federation.job.models import PTModel, TFModel
    from ame.federation.job.patterns import BaseFedJob, FedAvgJob
    from ame.federation.job.script_runner import FrameworkType, ScriptRunner

_HOMES = {
    "BaseFedJob": "patterns",
    "FedAvgJob": "patterns",
    "FedJob": "fedjob",
    "FilterType": "fedjob",
    "FrameworkType": "script_runner",
    "JobCtx": "fedjob",
    "PTModel": "models",
    "ScriptRunner": "script_runner",
    "TFModel": "models",
}

__all__ = [
    "BaseFedJob",
    "FedAvgJob",
    "FedJob",
    "FilterType",
    "FrameworkType",
    "JobCtx",
    "PTModel",
    "ScriptRunner",
    "TFModel",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
