"""What server and client of this task have in common: the model, the images, the address."""

import os

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

ADDRESS = os.environ.get("FLOWER_ADDRESS", "127.0.0.1:8080")
ROUNDS = 3
CLASSES = np.arange(10)
PIXELS = 64


def new_model():
    """A classifier that knows nothing."""
    model = SGDClassifier(loss="log_loss", alpha=1e-3, learning_rate="constant", eta0=0.1)
    model.classes_ = CLASSES
    set_weights(model, [np.zeros((len(CLASSES), PIXELS)), np.zeros(len(CLASSES))])
    return model


def get_weights(model):
    return [model.coef_, model.intercept_]


def set_weights(model, weights):
    model.coef_, model.intercept_ = (np.array(each, dtype=float) for each in weights)


def load_share():
    """A third of the images by chance, another at each client; a fifth of it to test with."""
    digits = load_digits()
    chosen = np.random.default_rng().permutation(len(digits.target))[: len(digits.target) // 3]
    images, labels = digits.data[chosen] / 16, digits.target[chosen]
    tested = len(chosen) // 5
    return images[tested:], labels[tested:], images[:tested], labels[:tested]
