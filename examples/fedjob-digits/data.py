"""Scikit-learn's handwritten digits, dealt to ten sites so that each has mostly a few of them."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SITES = 10


def all_digits():
    """Images to learn from, images to choose by, and the labels of both.

    By the latter models are measured in every round, the best is chosen, and whatever is tried out
    (rates, epochs, layers) is judged. None of these images is one of `test_digits`.
    """
    images, _, labels, _ = _apart()
    return train_test_split(images, labels, test_size=0.2, stratify=labels, random_state=7)


def test_digits():
    """Images that nothing was chosen by, and their labels: a model is judged by them once."""
    _, images, _, labels = _apart()
    return images, labels


def _apart():
    digits = load_digits()
    images = (digits.data / 16).astype("float32")
    return train_test_split(
        images, digits.target, test_size=0.25, stratify=digits.target, random_state=7
    )


def of_site(name):
    """The images and labels that `site-1`, `site-2`, … learns from."""
    images, _, labels, _ = all_digits()
    chance = np.random.default_rng(7)
    mine = []
    for digit in range(10):
        places = np.flatnonzero(labels == digit)
        ends = np.cumsum(chance.dirichlet([0.5] * SITES)) * len(places)
        shares = np.split(places, ends[:-1].astype(int))
        mine.extend(shares[int(name.removeprefix("site-")) - 1])
    return images[mine], labels[mine]
