"""Learning together: federated jobs, their simulation, and their export.

The names are imported when they are asked for, so importing this costs next to nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ame.federation.components.selector import IntimeModelSelector
    from ame.federation.flower.apps.job import FlowerJob
    from ame.federation.job.fedjob import FedJob, FilterType
    from ame.federation.job.models import PTModel, TFModel
    from ame.federation.job.patterns import BaseFedJob, FedAvgJob
    from ame.federation.job.script_runner import FrameworkType, ScriptRunner
    from ame.federation.model import FLModel, ParamsType
    from ame.federation.workflows.averaging.fedavg import FedAvg

_HOMES = {
    "BaseFedJob": "job.patterns",
    "FLModel": "model",
    "FedAvg": "workflows.averaging.fedavg",
    "FedAvgJob": "job.patterns",
    "FedJob": "job.fedjob",
    "FilterType": "job.fedjob",
    "FlowerJob": "flower.apps.job",
    "FrameworkType": "job.script_runner",
    "IntimeModelSelector": "components.selector",
    "PTModel": "job.models",
    "ParamsType": "model",
    "ScriptRunner": "job.script_runner",
    "TFModel": "job.models",
}

__all__ = [
    "BaseFedJob",
    "FLModel",
    "FedAvg",
    "FedAvgJob",
    "FedJob",
    "FilterType",
    "FlowerJob",
    "FrameworkType",
    "IntimeModelSelector",
    "PTModel",
    "ParamsType",
    "ScriptRunner",
    "TFModel",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    from ame.federation import extra

    with extra.asked("a federated job"):
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
