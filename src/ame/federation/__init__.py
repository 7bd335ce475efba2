"""Learning together: federated jobs, their simulation, and their export.

The names are imported when they are asked for, so importing this costs next to nothing. These are
the most used; `docs/reference/federated-jobs.md` lists all that a job can be made of.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ame.federation.components.aggregators import ModelAggregator
    from ame.federation.components.persistors.numpy_files import NPModelPersistor
    from ame.federation.components.persistors.safetensors_files import SafetensorsModelPersistor
    from ame.federation.components.robust import (
        KrumAggregator,
        MedianAggregator,
        TrimmedMeanAggregator,
    )
    from ame.federation.components.selector import IntimeModelSelector
    from ame.federation.filters.noise import GaussianNoise, NormClipping
    from ame.federation.filters.privacy import PercentilePrivacy, SVTPrivacy
    from ame.federation.filters.quantize import ModelDequantizer, ModelQuantizer
    from ame.federation.filters.variables import ConvertWeights, DXOBlocker, ExcludeVars
    from ame.federation.flower.apps.job import FlowerJob
    from ame.federation.job.ccwf import CCWFJob
    from ame.federation.job.fedjob import FedJob, FilterType
    from ame.federation.job.models import PTModel, TFModel
    from ame.federation.job.patterns import BaseFedJob, FedAvgJob
    from ame.federation.job.script_runner import FrameworkType, ScriptRunner
    from ame.federation.model import FLModel, ParamsType
    from ame.federation.spec.controller import Controller
    from ame.federation.spec.executor import Executor
    from ame.federation.spec.filter import Filter
    from ame.federation.statistics.job import StatsJob
    from ame.federation.workflows.averaging.fedavg import FedAvg
    from ame.federation.workflows.averaging.fedopt import FedOptimizer
    from ame.federation.workflows.averaging.scaffold import Scaffold
    from ame.federation.workflows.cyclic import Cyclic
    from ame.federation.workflows.model_controller import ModelController
    from ame.federation.workflows.scatter_and_gather import ScatterAndGather

__all__ = [
    "BaseFedJob",
    "CCWFJob",
    "Controller",
    "ConvertWeights",
    "Cyclic",
    "DXOBlocker",
    "ExcludeVars",
    "Executor",
    "FLModel",
    "FedAvg",
    "FedAvgJob",
    "FedJob",
    "FedOptimizer",
    "Filter",
    "FilterType",
    "FlowerJob",
    "FrameworkType",
    "GaussianNoise",
    "IntimeModelSelector",
    "KrumAggregator",
    "MedianAggregator",
    "ModelAggregator",
    "ModelController",
    "ModelDequantizer",
    "ModelQuantizer",
    "NPModelPersistor",
    "NormClipping",
    "PTModel",
    "ParamsType",
    "PercentilePrivacy",
    "SVTPrivacy",
    "SafetensorsModelPersistor",
    "Scaffold",
    "ScatterAndGather",
    "ScriptRunner",
    "StatsJob",
    "TFModel",
    "TrimmedMeanAggregator",
]

_HOMES: Final = {
    "components.aggregators": "ModelAggregator",
    "components.persistors.numpy_files": "NPModelPersistor",
    "components.persistors.safetensors_files": "SafetensorsModelPersistor",
    "components.robust": "KrumAggregator MedianAggregator TrimmedMeanAggregator",
    "components.selector": "IntimeModelSelector",
    "filters.noise": "GaussianNoise NormClipping",
    "filters.privacy": "PercentilePrivacy SVTPrivacy",
    "filters.quantize": "ModelDequantizer ModelQuantizer",
    "filters.variables": "ConvertWeights DXOBlocker ExcludeVars",
    "flower.apps.job": "FlowerJob",
    "job.ccwf": "CCWFJob",
    "job.fedjob": "FedJob FilterType",
    "job.models": "PTModel TFModel",
    "job.patterns": "BaseFedJob FedAvgJob",
    "job.script_runner": "FrameworkType ScriptRunner",
    "model": "FLModel ParamsType",
    "spec.controller": "Controller",
    "spec.executor": "Executor",
    "spec.filter": "Filter",
    "statistics.job": "StatsJob",
    "workflows.averaging.fedavg": "FedAvg",
    "workflows.averaging.fedopt": "FedOptimizer",
    "workflows.averaging.scaffold": "Scaffold",
    "workflows.cyclic": "Cyclic",
    "workflows.model_controller": "ModelController",
    "workflows.scatter_and_gather": "ScatterAndGather",
}

if not TYPE_CHECKING:  # whom it is there for would take any name for one of these

    def __getattr__(name: str) -> object:
        for module, names in _HOMES.items():
            if name in names.split():
                from importlib import import_module

                from ame.federation import extra

                with extra.asked("a federated job"):
                    return getattr(import_module(f"{__name__}.{module}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
