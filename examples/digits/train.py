"""Trains one model: `python train.py logistic` or `python train.py neighbours`."""

import sys
import time
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import ame

MODELS = {
    "logistic": LogisticRegression(C=0.02, max_iter=500),
    "neighbours": KNeighborsClassifier(n_neighbors=3),
}

name = sys.argv[1]
data = np.load("data/digits.npz")
begun = time.perf_counter()
model = MODELS[name].fit(data["train_images"], data["train_labels"])
ame.report("seconds", time.perf_counter() - begun)
ame.report("train_accuracy", model.score(data["train_images"], data["train_labels"]))
Path("models").mkdir(exist_ok=True)
joblib.dump(model, f"models/{name}.joblib")
print(f"{name}: trained on {len(data['train_images'])} images")
