"""The table of NVFLARE's names."""

import importlib
import pkgutil

import pytest

from ame import federation
from ame.federation.flare import names
from ame.federation.spec.component import FLComponent


@pytest.mark.parametrize("path", sorted(names.table()))
def test_every_name_stands_for_something(path: str) -> None:
    assert names.load(path) is not None


@pytest.mark.parametrize("path", names.OURS)
def test_every_component_of_our_own_is_there(path: str) -> None:
    module, _, name = path.rpartition(".")

    assert issubclass(
        getattr(importlib.import_module(f"ame.federation.{module}"), name), FLComponent
    )


def test_every_component_is_in_the_table() -> None:
    for module in pkgutil.walk_packages(federation.__path__, "ame.federation."):
        if ".client.trainers" not in module.name and ".flower" not in module.name:
            importlib.import_module(module.name)

    missing = {
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in below(FLComponent)
        if kind.__module__.startswith("ame.federation.") and not kind.__name__.startswith("_")
        if names.ours(f"{kind.__module__}.{kind.__qualname__}") is None
    }

    assert missing == set()


def below(kind: type[FLComponent]) -> set[type[FLComponent]]:
    found = set(kind.__subclasses__())
    return found.union(*map(below, found))


def test_a_name_is_known_under_both_paths() -> None:
    theirs = "nvflare.app_common.workflows.fedavg.FedAvg"
    ours = "ame.federation.workflows.fedavg.FedAvg"

    assert names.ours(theirs) == names.ours(ours) == ours
    assert names.theirs(ours) == theirs
    assert names.ours("nvflare.fuel.hci.Server") is None


def test_the_nearest_names_are_told() -> None:
    assert names.nearest("nvflare.app_common.workflow.fedavg.FedAvg")[0] == (
        "nvflare.app_common.workflows.fedavg.FedAvg"
    )
