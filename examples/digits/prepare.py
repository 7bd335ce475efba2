"""Splits scikit-learn's handwritten digits into what is learnt from and what is held out."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

digits = load_digits()
parts = train_test_split(
    digits.data / 16, digits.target, test_size=0.25, stratify=digits.target, random_state=7
)
names = ("train_images", "test_images", "train_labels", "test_labels")

# To which of ten sites an image belongs: each digit is dealt unevenly.
chance = np.random.default_rng(7)
shares = chance.dirichlet([0.5] * 10, 10)
sites = [chance.choice(10, p=shares[digit]) + 1 for digit in parts[2]]

Path("data").mkdir(exist_ok=True)
np.savez_compressed("data/digits.npz", **dict(zip(names, parts, strict=True)), train_sites=sites)
print(f"{len(parts[0])} images to learn from, {len(parts[1])} held out")
