"""Logistic regression by Newton's method over sites is that over all rows."""

from pathlib import Path

import numpy as np
import pytest

from ame.federation.flare import activated
from ame.federation.simulator import simulate
from ame.federation.workflows.averaging.newton import FedAvgLR, LRModelPersistor
from parts.userfolder import user_folder

CLIENT = """
import numpy as np
import nvflare.client as flare

def rows(number):
    drawn = np.random.default_rng(number)
    x = np.hstack([drawn.normal(size=(60, 2)), np.ones((60, 1))])
    return x, (x @ [1.0, -2.0, 0.5] + drawn.normal(size=60) > 0).astype(float)[:, None]

def parts(x, y, weights):
    p = 1 / (1 + np.exp(-x @ weights))
    return {"gradient": x.T @ (y - p) / len(x), "hessian": (x * (p * (1 - p))).T @ x / len(x)}

if __name__ == "__main__":
    flare.init()
    x, y = rows(int(flare.get_site_name()[-1]))
    while flare.is_running():
        received = flare.receive()
        found = parts(x, y, received.params["numpy_key"])
        flare.send(flare.FLModel(params=found, meta={"NUM_STEPS_CURRENT_ROUND": len(x)}))
"""


def test_newtons_steps_over_sites_are_those_over_all_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with user_folder(tmp_path, monkeypatch) as folder, activated():
        client = folder.module("newton_client", CLIENT)
        from nvflare.app_common.np.recipes.lr.fedavg import (  # type: ignore[import-not-found]  # ours
            FedAvgLrRecipe,
        )

        recipe = FedAvgLrRecipe(
            min_clients=3, num_rounds=4, damping_factor=0.9, num_features=2,
            train_script="newton_client.py",
        )  # fmt: skip
        recipe.settle()
        simulate(recipe.job.program(), workspace=tmp_path / "work", sites=3)
        x, y = (np.vstack(each) for each in zip(*map(client.rows, (1, 2, 3)), strict=True))
        weights = np.zeros((3, 1))
        for _ in range(4):
            found = client.parts(x, y, weights)
            damped = found["hessian"] + np.eye(3)
            weights += 0.9 * np.linalg.solve(damped, found["gradient"])

    (kept,) = (tmp_path / "work/server").rglob("weights.npy")
    np.testing.assert_allclose(np.load(kept), weights, rtol=1e-4)


def test_objects_are_not_given_to_it() -> None:
    with pytest.raises(ValueError, match="no `aggregator`"):
        FedAvgLR(0.8, aggregator=object())
    with pytest.raises(ValueError, match="n_features"):
        LRModelPersistor(n_features=0)
