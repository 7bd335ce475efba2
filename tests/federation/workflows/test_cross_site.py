"""Sites measure the models of all sites, and of the server."""

import json
from pathlib import Path

import numpy as np
import pytest

from ame.federation.components.validation import ValidationJsonGenerator
from ame.federation.model import FLModel
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.learnable import ModelLocator
from ame.federation.workflows.cross_site import CrossSiteModelEval, GlobalModelEval
from ame.federation.workflows.cross_site_models import CrossSiteEval
from federation.workflows.training import NAMES
from parts.federated import run

OWN = {"site-1": 1.0, "site-2": 2.0, "site-3": 3.0}


def evaluates(site: str, model: FLModel) -> FLModel:
    if not model.params:
        if site == "site-3":
            raise ValueError("no model yet")
        return FLModel(params={"w": np.full(2, OWN[site])})
    return FLModel(metrics={"seen": float(model.params["w"][0]) * OWN[site]})


class Finds(ModelLocator):
    def get_model_names(self, fl_ctx: FLContext) -> list[str]:
        return ["best.pt"]

    def locate_model(self, model_name: str, fl_ctx: FLContext) -> DXO:
        return DXO(DataKind.WEIGHTS, {"w": np.full(2, 10.0)})


@pytest.mark.parametrize("alone", [True, False])
def test_every_site_measures_every_model_and_the_table_is_json(tmp_path: Path, alone: bool) -> None:
    controller = (
        GlobalModelEval(model_locator_id="locator")
        if alone
        else CrossSiteModelEval(model_locator_id="locator")
    )
    run(
        controller,
        tmp_path,
        evaluates,
        names=NAMES,
        components={"locator": Finds(), "json": ValidationJsonGenerator()},
        task="*",
    )

    file = tmp_path / "server/job/cross_site_val/cross_val_results.json"
    table = json.loads(file.read_text())
    models = {"SRV_best.pt"} if alone else {"SRV_best.pt", "site-1", "site-2"}
    assert {site: set(found) for site, found in table.items()} == dict.fromkeys(NAMES, models)
    assert table["site-2"]["SRV_best.pt"] == {"seen": 20.0}


def test_evaluation_of_the_servers_models_needs_what_finds_them() -> None:
    with pytest.raises(ValueError, match="model_locator_id"):
        GlobalModelEval()


def test_evaluation_over_models_writes_the_same_table(tmp_path: Path) -> None:
    run(CrossSiteEval(server_models=[]), tmp_path, evaluates, names=NAMES, task="*")

    file = tmp_path / "server/job/cross_site_val/cross_val_results.json"
    table = json.loads(file.read_text())
    assert table["site-3"] == {"site-1": {"seen": 3.0}, "site-2": {"seen": 6.0}}
