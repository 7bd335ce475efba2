"""What each of the ten sites does: `federate.py` sends it the model, and gets it back trained."""

import sys

import numpy as np
from sklearn.linear_model import SGDClassifier

import ame.federation.client as flare

flare.init()
with np.load(sys.argv[1]) as data:
    mine = data["train_sites"] == int(flare.get_site_name().removeprefix("site-"))
    images, labels = data["train_images"][mine], data["train_labels"][mine]
model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.05, random_state=7)
model.partial_fit(images[:1], labels[:1], classes=np.arange(10))

while flare.is_running():
    received = flare.receive()
    model.coef_, model.intercept_ = received.params["coef"], received.params["intercept"]
    accuracy = model.score(images, labels)
    for _ in range(3):
        model.partial_fit(images, labels)
    flare.send(
        flare.FLModel(
            params={"coef": model.coef_, "intercept": model.intercept_},
            metrics={"site_accuracy": accuracy},
            meta={"NUM_STEPS_CURRENT_ROUND": len(images)},
        )
    )
