"""The table of NVFLARE's names."""

import importlib
import inspect
import pkgutil

import pytest

from ame import errors, federation
from ame.federation.flare import names, rows
from ame.federation.spec.component import FLComponent

ELSEWHERE = tuple(f"ame.federation.{each}." for each in ("client.trainers", "flower", "simulator"))
"""What no job names: frameworks' trainers, and what runs jobs."""


@pytest.mark.parametrize("path", sorted(names.table()))
def test_every_name_stands_for_something(path: str) -> None:
    assert names.load(path) is not None


@pytest.mark.parametrize("path", rows.OURS)
def test_every_component_of_our_own_is_there(path: str) -> None:
    module, _, name = path.rpartition(".")

    assert issubclass(
        getattr(importlib.import_module(f"ame.federation.{module}"), name), FLComponent
    )


def test_every_component_is_in_the_table() -> None:
    for module in pkgutil.walk_packages(federation.__path__, "ame.federation."):
        if not module.name.startswith(ELSEWHERE):
            importlib.import_module(module.name)

    missing = {
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in below(FLComponent)
        if kind.__module__.startswith("ame.federation.") and not kind.__name__.startswith("_")
        if not kind.__module__.startswith(ELSEWHERE) and not inspect.isabstract(kind)
        if kind.__name__ != "RobustAggregator"  # a base
        if names.ours(f"{kind.__module__}.{kind.__qualname__}") is None
    }

    assert missing == set()


def below(kind: type[FLComponent]) -> set[type[FLComponent]]:
    found = set(kind.__subclasses__())
    return found.union(*map(below, found))


def test_a_name_is_known_under_both_paths() -> None:
    theirs = "nvflare.app_common.workflows.fedavg.FedAvg"
    ours = "ame.federation.workflows.averaging.fedavg.FedAvg"

    assert names.ours(theirs) == names.ours(ours) == ours
    assert names.theirs(ours) == theirs
    assert names.ours("nvflare.fuel.hci.Server") is None


def test_the_nearest_names_are_told() -> None:
    assert names.nearest("nvflare.app_common.workflow.fedavg.FedAvg")[0] == (
        "nvflare.app_common.workflows.fedavg.FedAvg"
    )


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("app_common.workflows.splitnn_workflow.SplitNNController", "split learning"),
        ("app_opt.pt.fedce.FedCEModelAggregator", r"FedAvg\(aggregator="),
        ("app_common.aggregators.lazy.LazyAggregator", "added up as they come"),
        ("app_opt.pt.params_converter.NumpyToPTParamsConverter", "`framework`"),
        ("app_opt.he.model_encryptor.HEModelEncryptor", "homomorphic encryption"),
        ("app_opt.xgboost.histogram_based.executor.XGBoostParams", "histogram_based_v2"),
        ("app_opt.p2p.controllers.dist_opt_controller.DistOptController", "without a server"),
    ],
)
def test_what_is_not_served_on_purpose_says_why(path: str, why: str) -> None:
    with pytest.raises(errors.NameNotServed, match=why):
        raise names.not_served(f"nvflare.{path}")


def test_a_version_lacks_what_came_later_or_went() -> None:
    early = "nvflare.app_opt.pt.fedavg_early_stopping.PTFedAvgEarlyStopping"
    assert names.lacks(early, "2.9")
    assert not names.lacks(early, "2.7")
    assert names.lacks("nvflare.app_opt.pt.fedavg.PTFedAvg", "2.7")
