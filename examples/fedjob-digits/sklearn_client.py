"""What each site does, with a linear model of scikit-learn."""

import numpy as np
from data import all_digits, of_site
from sklearn.linear_model import SGDClassifier

import ame.federation.client as flare

flare.init()
images, labels = of_site(flare.get_site_name())
_, others, _, truth = all_digits()
model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.05, random_state=7)
model.partial_fit(images[:1], labels[:1], classes=np.arange(10))

while flare.is_running():
    received = flare.receive()
    model.coef_, model.intercept_ = received.params["coef"], received.params["intercept"]
    accuracy = model.score(others, truth)
    for _ in range(3):
        model.partial_fit(images, labels)
    flare.send(
        flare.FLModel(
            params={"coef": model.coef_, "intercept": model.intercept_},
            metrics={"accuracy": accuracy},
            meta={"NUM_STEPS_CURRENT_ROUND": len(images)},
        )
    )
