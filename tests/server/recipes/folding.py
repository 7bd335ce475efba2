"""What tests of recipes share: a round in one call."""

from collections.abc import Iterable, Mapping

import numpy as np

from ame.protocol.tensors import Array, checkpoint
from ame.server.recipes import Made, Recipe

Tensors = Mapping[str, Array]


def folded(recipe: Recipe, state: bytes, uploads: Iterable[Tensors]) -> Made:
    """A round of these uploads."""
    folding = recipe.fold(state)
    for each in uploads:
        folding.add(recipe.take(checkpoint.to_bytes(each)))
    return folding.made(state)


def updates(count: int, seed: int = 0) -> list[dict[str, Array]]:
    """Updates of a model of two tensors."""
    generator = np.random.default_rng(seed)
    return [
        {
            "update/w": generator.standard_normal((3, 4)).astype(np.float32),
            "update/b": generator.standard_normal(4).astype(np.float32),
        }
        for _ in range(count)
    ]


MODEL: Tensors = {"server/w": np.ones((3, 4), np.float32), "server/b": np.zeros(4, np.float32)}
STATE = checkpoint.to_bytes(MODEL)
