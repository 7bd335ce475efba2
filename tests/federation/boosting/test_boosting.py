"""Trees of XGBoost, grown by several sites."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

from ame import errors
from ame.federation.boosting import server
from ame.federation.boosting.data import CSVDataLoader
from ame.federation.boosting.histograms import XGBFedController
from ame.federation.boosting.recipes import XGBBaggingRecipe, XGBHorizontalRecipe
from ame.federation.boosting.trees import joined, masked
from ame.federation.flare import activated
from ame.federation.simulator import simulate
from parts.userfolder import user_folder

SITES = ("site-1", "site-2", "site-3")
LOADER = """
import numpy as np
import xgboost as xgb
from nvflare.app_opt.xgboost.data_loader import XGBDataLoader

def rows():
    drawn = np.random.default_rng(5)
    x = drawn.normal(size=(900, 6))
    return x, (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(float)

class Rows(XGBDataLoader):
    def __init__(self, sites):
        self.sites = sites

    def load_data(self):
        x, y = rows()
        mine = slice(self.rank, 600, self.sites)
        return xgb.DMatrix(x[mine], y[mine]), xgb.DMatrix(x[600:], y[600:])
"""


@pytest.fixture
def loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with user_folder(tmp_path, monkeypatch) as folder, activated():
        yield folder.module("loader_of_mine", LOADER)


def per_site(loader: Any) -> dict[str, Any]:
    return {site: {"data_loader": loader.Rows(len(SITES))} for site in SITES}


def ran(recipe: Any, place: Path, name: str = "xgboost_model.json") -> Any:
    """The model that a job came to."""
    recipe.settle()
    simulate(recipe.job.program(), workspace=place, threads=2)
    return xgboost.Booster(model_file=str(place / "server/simulate_job/app_server" / name))


def area(model: Any, loader: Any) -> float:
    x, y = loader.rows()
    said = model.eval_set([(xgboost.DMatrix(x[600:], y[600:]), "valid")])
    return float(said.rpartition(":")[2])


@pytest.mark.parametrize(("mode", "rounds", "trees"), [("bagging", 6, 18), ("cyclic", 4, 12)])
def test_sites_grow_trees_on_one_model(
    loader: Any, tmp_path: Path, mode: str, rounds: int, trees: int
) -> None:
    recipe = XGBBaggingRecipe(
        name="trees", min_clients=3, training_mode=mode, num_rounds=rounds, max_depth=4,
        learning_rate=0.5, nthread=1, save_name="trees.json", per_site_config=per_site(loader),
    )  # fmt: skip
    model = ran(recipe, tmp_path / "work", "trees.json")
    model.set_param({"eval_metric": "auc"})

    assert len(model.get_dump()) == trees
    assert area(model, loader) > 0.85


def test_common_histograms_come_to_the_trees_of_all_rows(loader: Any, tmp_path: Path) -> None:
    params = {
        "objective": "binary:logistic", "eval_metric": "auc", "max_depth": 3, "eta": 0.3,
        "tree_method": "hist", "base_score": 0.5,
    }  # fmt: skip
    recipe = XGBHorizontalRecipe(
        name="histograms", min_clients=3, num_rounds=5, early_stopping_rounds=0, xgb_params=params
    )
    recipe.set_per_site_config(per_site(loader))
    model = ran(recipe, tmp_path / "work")
    x, y = loader.rows()
    central = xgboost.train(params, xgboost.DMatrix(x[:600], y[:600]), 5)

    assert len(model.get_dump()) == 5
    mine, its = (each.predict(xgboost.DMatrix(x[600:])) for each in (model, central))
    assert float(np.corrcoef(mine, its)[0, 1]) > 0.98  # bins are those of a sketch of all rows
    model.set_param({"eval_metric": "auc"})
    assert area(model, loader) > 0.8


def test_a_site_without_its_data_ends_the_job_and_all_trainings(
    loader: Any, tmp_path: Path
) -> None:
    recipe = XGBHorizontalRecipe(
        name="histograms", min_clients=3, num_rounds=2, xgb_params={"objective": "no:such"}
    )
    recipe.set_per_site_config(
        {
            site: {"data_loader": CSVDataLoader(str(tmp_path)) if site == "site-3" else each}
            for site, each in zip(SITES, [loader.Rows(3)] * 3, strict=True)
        }
    )
    with pytest.raises(errors.TooFewResults, match=r"there is no file .*site-3/train\.csv"):
        ran(recipe, tmp_path / "work")


def grown(loader: Any, **params: Any) -> bytes:
    x, y = loader.rows()
    return bytes(xgboost.train(params, xgboost.DMatrix(x, y), 1).save_raw("json"))


def test_trees_side_by_side_predict_the_sum_of_theirs(loader: Any) -> None:
    x, _ = loader.rows()
    data = xgboost.DMatrix(x)
    base = {"base_score": 0.0, "objective": "reg:squarederror"}
    one, other = grown(loader, max_depth=2, **base), grown(loader, max_depth=4, **base)
    both = joined(None, [masked(one), masked(other)])

    predicted = [
        xgboost.Booster(model_file=bytearray(each)).predict(data) for each in (one, other, both)
    ]
    np.testing.assert_allclose(predicted[0] + predicted[1], predicted[2], rtol=1e-5)


def test_forests_of_different_sizes_are_not_put_together(loader: Any) -> None:
    with pytest.raises(ValueError, match="different numbers of trees"):
        joined(grown(loader), [grown(loader, num_parallel_tree=2)])
    with pytest.raises(ValueError, match="no model of XGBoost"):
        joined(None, [b"{}"])


def test_a_package_without_federated_training_is_told(
    loader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_FEDERATED": False})

    with pytest.raises(errors.JobInvalid, match="xgboost-cpu"), server.started(2, tmp_path):
        pass


def test_what_cannot_be_is_refused_at_the_call(loader: Any) -> None:
    with pytest.raises(errors.JobInvalid, match="which sites there are"):
        XGBBaggingRecipe(name="trees", min_clients=2).settle()
    with pytest.raises(errors.JobInvalid, match="needs a `data_loader`"):
        XGBBaggingRecipe(name="trees", min_clients=2, per_site_config={"site-1": {}})
    with pytest.raises(errors.JobInvalid, match="training_mode"):
        XGBBaggingRecipe(name="trees", min_clients=2, training_mode="boosting")
    with pytest.raises(errors.JobInvalid, match="plugin"):
        XGBHorizontalRecipe(name="trees", min_clients=2, num_rounds=1, secure=True)
    with pytest.raises(errors.JobInvalid, match="aligned"):
        XGBFedController(3, 1, False, {})
