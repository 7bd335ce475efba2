"""Recipes: federated jobs that are made from a few settings, and run where one says.

One says `FedAvgRecipe(model=…, train_script=…, …)`, then `execute(SimEnv(num_clients=2))`.
"""

from ame.federation.recipes.environments import ExecEnv, PocEnv, ProdEnv, Run, SimEnv
from ame.federation.recipes.extras import (
    add_cross_site_evaluation,
    add_experiment_tracking,
    add_final_global_evaluation,
    set_per_site_config,
    set_recipe_meta,
)
from ame.federation.recipes.fedavg import FedAvgRecipe
from ame.federation.recipes.recipe import Recipe

__all__ = [
    "ExecEnv",
    "FedAvgRecipe",
    "PocEnv",
    "ProdEnv",
    "Recipe",
    "Run",
    "SimEnv",
    "add_cross_site_evaluation",
    "add_experiment_tracking",
    "add_final_global_evaluation",
    "set_per_site_config",
    "set_recipe_meta",
]
