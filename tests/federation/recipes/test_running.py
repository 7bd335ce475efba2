"""Recipes whose jobs are simulated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from ame.federation import recipes
from ame.federation.recipes.evaluation import FedEvalRecipe
from ame.federation.recipes.fedavg import FedAvgRecipe, NumpyFedAvgRecipe
from ame.federation.recipes.workflows import (
    CyclicRecipe,
    FedOptRecipe,
    FedTaskRecipe,
    ScaffoldRecipe,
)
from ame.federation.simulator import simulate

if TYPE_CHECKING:
    from pathlib import Path

NUMPY = """
import sys
import numpy as np
from ame.federation import client as flare
flare.init()
step = float(sys.argv[1])
while flare.is_running():
    model = flare.receive()
    if flare.is_submit_model():
        flare.send(flare.FLModel(params={"numpy_key": np.full(2, step)}))
        continue
    value = model.params["numpy_key"]
    metrics = {"accuracy": float(np.sum(value))}
    if flare.is_evaluate():
        flare.send(flare.FLModel(metrics=metrics))
        continue
    flare.send(flare.FLModel(params={"numpy_key": value + step}, metrics=metrics))
"""

TORCH = """
import torch
from ame.federation import client as flare
flare.init()
while flare.is_running():
    model = flare.receive()
    params = {key: value + 1 for key, value in model.params.items()}
    if flare.is_evaluate():
        flare.send(flare.FLModel(metrics={"sum": float(sum(v.sum() for v in params.values()))}))
        continue
    meta = {}
    controls = model.meta.get("scaffold_c_global")
    if controls is not None:
        meta = {"scaffold_c_diff": {key: value * 0 for key, value in controls.items()}}
    flare.send(flare.FLModel(params=params, meta=meta))
"""


@pytest.fixture(autouse=True)
def _scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "client.py").write_text(NUMPY)
    (tmp_path / "torch_client.py").write_text(TORCH)


def net() -> torch.nn.Module:
    made = torch.nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        made.weight.fill_(1)
    return made


def run(recipe: recipes.Recipe, folder: Path, sites: int | None = 2) -> Path:
    recipe.settle()
    simulate(recipe.job.program(), workspace=folder / "ws", sites=sites)
    return folder / "ws" / "server" / "simulate_job"


def saved(folder: Path) -> Any:
    return torch.load(folder / "app_server" / "FL_global_model.pt", weights_only=True)["model"]


def test_numpy_models_are_averaged_over_sites_with_their_own_settings(tmp_path: Path) -> None:
    recipe = NumpyFedAvgRecipe(
        model=[0.0, 1.0],
        min_clients=2,
        num_rounds=3,
        train_script="client.py",
        per_site_config={"a": {"train_args": "1"}, "b": {"train_args": "3"}},
    )
    folder = run(recipe, tmp_path, None)

    assert np.load(folder / "models" / "server.npy").tolist() == [6, 7]


def test_torch_models_begin_with_their_weights(tmp_path: Path) -> None:
    recipe = FedAvgRecipe(model=net(), min_clients=2, num_rounds=2, train_script="torch_client.py")
    assert saved(run(recipe, tmp_path))["weight"].tolist() == [[3, 3]]


def test_a_model_goes_from_client_to_client(tmp_path: Path) -> None:
    recipe = CyclicRecipe(
        model=[0.0], min_clients=2, num_rounds=2, train_script="client.py", train_args="1"
    )
    folder = run(recipe, tmp_path, 3)

    assert np.load(folder / "models" / "server.npy").tolist() == [6]


def test_the_server_optimizes_with_the_mean_difference(tmp_path: Path) -> None:
    recipe = FedOptRecipe(
        model=net(),
        min_clients=2,
        num_rounds=2,
        train_script="torch_client.py",
        optimizer_args={"path": "torch.optim.SGD", "args": {"lr": 0.5}},
        lr_scheduler_args={"path": "torch.optim.lr_scheduler.ConstantLR", "args": {"factor": 1}},
    )
    assert saved(run(recipe, tmp_path))["weight"].tolist() == [[2, 2]]


def test_scaffold_keeps_controls(tmp_path: Path) -> None:
    recipe = ScaffoldRecipe(
        model=net(), min_clients=2, num_rounds=2, train_script="torch_client.py"
    )
    assert saved(run(recipe, tmp_path))["weight"].tolist() == [[3, 3]]


def test_a_trained_model_is_evaluated_by_all(tmp_path: Path) -> None:
    recipe = FedEvalRecipe(model=net(), min_clients=2, eval_script="torch_client.py")
    run(recipe, tmp_path)


def test_models_are_evaluated_across_sites_after_the_training(tmp_path: Path) -> None:
    recipe = NumpyFedAvgRecipe(
        model=[0.0, 1.0],
        min_clients=2,
        num_rounds=1,
        train_script="client.py",
        per_site_config={"a": {"train_args": "1"}, "b": {"train_args": "3"}},
    )
    recipes.add_cross_site_evaluation(recipe)
    with pytest.raises(RuntimeError, match="add it once"):
        recipes.add_final_global_evaluation(recipe)
    folder = run(recipe, tmp_path, None)

    (table,) = folder.rglob("cross_val_results.json")
    found = json.loads(table.read_text())
    assert {model: row["accuracy"] for model, row in found["a"].items()} == {
        "SRV_server": 5,
        "a": 2,
        "b": 6,
    }


def test_a_task_without_a_model_is_done_by_scripts(tmp_path: Path) -> None:
    (tmp_path / "embed.py").write_text(
        "import sys\n"
        "from ame.federation import client as flare\n"
        "flare.init()\n"
        "model = flare.receive()\n"
        "print(flare.get_task_name(), model.params['rows'], sys.argv[1])\n"
        "flare.send(flare.FLModel(metrics={'rows': 3.0}))\n"
    )
    recipe = FedTaskRecipe(
        task_name="embed", min_clients=2, task_script="embed.py", task_args="--all",
        task_data={"rows": [1, 2]},
    )  # fmt: skip

    run(recipe, tmp_path)

    assert "embed [1, 2] --all" in (tmp_path / "ws/site-2/log.txt").read_text()


def test_a_recipe_whose_job_fails_says_so_where_it_was_run(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text("raise RuntimeError('no data')")
    recipe = NumpyFedAvgRecipe(model=[0.0], min_clients=2, train_script="client.py")
    env = recipes.SimEnv(num_clients=2, workspace_root=str(tmp_path / "ws"))

    with pytest.raises(RuntimeError, match=r"job `fedavg` failed.*ws/fedavg") as told:
        recipe.execute(env)

    assert "no data" in str(told.value.__cause__)


def test_a_recipe_whose_job_succeeds_has_its_folder_as_result(tmp_path: Path) -> None:
    recipe = NumpyFedAvgRecipe(
        model=[0.0], min_clients=2, num_rounds=1, train_script="client.py", train_args="1"
    )
    run = recipe.execute(recipes.SimEnv(num_clients=2, workspace_root=str(tmp_path / "ws")))

    assert run.get_status() == "FINISHED:COMPLETED"
    assert run.get_result() == str(tmp_path / "ws" / "fedavg")
