"""What each site does, with XGBoost: it grows one tree for each digit on the model of all."""

import numpy as np
import xgboost
from data import SITES, all_digits, of_site

import ame.federation.client as flare

PARAMETERS = {
    "objective": "multi:softmax",
    "num_class": 10,
    "max_depth": 4,
    "eta": 1.0 / SITES,
    "base_score": 0.5,
    "nthread": 1,
}

flare.init()
images, labels = of_site(flare.get_site_name())
_, others, _, truth = all_digits()
mine, unseen = xgboost.DMatrix(images, labels), xgboost.DMatrix(others)

while flare.is_running():
    received = flare.receive()
    model = None
    metrics = {}
    if len(received.params["model"]):
        model = xgboost.Booster(PARAMETERS)
        model.load_model(bytearray(received.params["model"]))
        metrics["accuracy"] = float((model.predict(unseen) == truth).mean())
    grown = xgboost.train(PARAMETERS, mine, num_boost_round=1, xgb_model=model)
    params = {"model": np.frombuffer(grown.save_raw("json"), np.uint8)}
    flare.send(flare.FLModel(params=params, metrics=metrics))
