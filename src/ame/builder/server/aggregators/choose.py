"""Which aggregator a task has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ame.builder import config
from ame.builder.server.aggregators import gaussians, mean, quantile, trees, zeroing

if TYPE_CHECKING:
    from ame.builder import process
    from ame.builder.server.aggregators.aggregator import Aggregator


def choose(agreed: process.Process, settings: config.Settings, seed: int) -> Aggregator:
    """The aggregator that the settings name. From `seed` comes the noise of a tree.

    Raises:
        errors.NoiseUnfit: a norm cannot be adapted with so much noise and so few clients.
    """
    privacy, goal = settings.privacy, settings.training.goal
    noise, clip = privacy.noise, privacy.clip
    match privacy.kind:
        case None:
            return mean.Mean(update=agreed.update)
        case config.Aggregator.FIXED_GAUSSIAN:
            return gaussians.FixedGaussian(process=agreed, noise=noise, clip=clip, goal=goal)
        case config.Aggregator.ADAPTIVE_GAUSSIAN:
            noises = quantile.part(noise, goal)
            return gaussians.AdaptiveGaussian(process=agreed, noises=noises, clip=clip, goal=goal)
        case config.Aggregator.TREE_AGGREGATION:
            inner: Aggregator = trees.FixedTree(
                process=agreed, noise=noise, clip=clip, goal=goal, seed=seed
            )
        case config.Aggregator.ADAPTIVE_TREE:
            noises = quantile.part(noise, goal)
            inner = trees.AdaptiveTree(
                process=agreed, noises=noises, clip=clip, goal=goal, seed=seed
            )
    return zeroing.Zeroing(process=agreed, bound=zeroing.NORMS * clip, inner=inner)
