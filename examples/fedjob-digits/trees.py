"""Tree bagging: sites grow trees on the model of all, and the server puts them side by side."""

import json

import numpy as np

from ame.federation import FLModel
from ame.federation.workflows.model_controller import ModelController


class TreeBagging(ModelController):
    """Leads the rounds. A model is XGBoost's JSON, as an array of bytes."""

    def __init__(self, num_rounds):
        super().__init__(persistor_id="persistor")
        self.num_rounds = num_rounds

    def run(self):
        model = self.load_model()
        model.total_rounds = self.num_rounds
        for model.current_round in range(self.num_rounds):
            results = self.send_model_and_wait(data=model)
            grown = [result.params["model"] for result in results]
            model = FLModel(
                params={"model": joined(model.params["model"], grown)},
                total_rounds=self.num_rounds,
                current_round=model.current_round,
            )
            self.save_model(model)


def joined(together, grown):
    """The model of all, with the trees of each site that it did not have yet."""
    models = [json.loads(bytes(each)) for each in grown]
    whole = json.loads(bytes(together)) if len(together) else None
    had = len(trees(whole)) if whole else 0
    added = [tree for model in models for tree in trees(model)[had:]]
    labels = [label for model in models for label in booster(model)["tree_info"][had:]]
    base = whole or models[0]
    inside = booster(base)
    inside["trees"] = [*(trees(whole) if whole else ()), *added]
    inside["tree_info"] = [*(booster(whole)["tree_info"][:had] if whole else ()), *labels]
    for number, tree in enumerate(inside["trees"]):
        tree["id"] = number
    inside["gbtree_model_param"]["num_trees"] = str(len(inside["trees"]))
    rounds = len(inside["trees"]) // 10
    inside["iteration_indptr"] = [10 * number for number in range(rounds + 1)]
    return np.frombuffer(json.dumps(base).encode(), np.uint8)


def trees(model):
    return booster(model)["trees"]


def booster(model):
    return model["learner"]["gradient_booster"]["model"]
