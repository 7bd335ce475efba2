"""All 70,000 images of Fashion-MNIST, as Debian's package `dataset-fashion-mnist` has them."""

import gzip
from pathlib import Path

import numpy as np

SOURCE = Path("/usr/share/datasets/fashion-mnist")
SITES = 100


def unpack(folder):
    """Writes them as arrays that all sites read from one place in memory."""
    folder.mkdir(exist_ok=True)
    for part in ("train", "t10k"):
        with gzip.open(SOURCE / f"{part}-images-idx3-ubyte.gz") as file:
            images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
        with gzip.open(SOURCE / f"{part}-labels-idx1-ubyte.gz") as file:
            labels = np.frombuffer(file.read(), np.uint8, offset=8)
        if part == "train":
            order = dealt(labels)
            images, labels = images[order], labels[order]
        np.save(folder / f"{part}-images.npy", images)
        np.save(folder / f"{part}-labels.npy", labels)


def dealt(labels):
    """An order in which every site's 600 images lie together, mostly of a few kinds."""
    chance = np.random.default_rng(7)
    wanted = chance.dirichlet([0.5] * 10, SITES)
    piles = [list(chance.permutation(np.flatnonzero(labels == kind))) for kind in range(10)]
    order = []
    for mix in wanted:
        for _ in range(len(labels) // SITES):
            weights = mix * [len(pile) > 0 for pile in piles] + 1e-9 * np.array(
                [len(pile) for pile in piles]
            )
            order.append(piles[chance.choice(10, p=weights / weights.sum())].pop())
    return order


def of_site(folder, name):
    """The images and labels of `site-1`, `site-2`, …"""
    return _part(folder, "train", int(name.removeprefix("site-")) - 1, 60_000 // SITES)


def held_out(folder):
    return _part(folder, "t10k", 0, 10_000)


def _part(folder, part, place, size):
    images = np.load(Path(folder) / f"{part}-images.npy", mmap_mode="r")
    labels = np.load(Path(folder) / f"{part}-labels.npy", mmap_mode="r")
    here = slice(place * size, (place + 1) * size)
    return images[here].astype("float32") / 255, labels[here].astype("int64")
