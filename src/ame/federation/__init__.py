"""Learning together: federated jobs, their simulation, and their export.

The names are imported when they are asked for, so importing this costs next to nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ame.federation.job.fedjob import FedJob, FilterType
    from ame.federation.job.script_runner import FrameworkType, ScriptRunner
    from ame.federation.model import FLModel, ParamsType

_HOMES = {
    "FLModel": "model",
    "FedJob": "job.fedjob",
    "FilterType": "job.fedjob",
    "FrameworkType": "job.script_runner",
    "ParamsType": "model",
    "ScriptRunner": "job.script_runner",
}

__all__ = ["FLModel", "FedJob", "FilterType", "FrameworkType", "ParamsType", "ScriptRunner"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
