"""A model and settings become plans and checkpoints. What it is given is run: see `parent`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np

from ame.builder import client, model, process
from ame.builder.client import versions
from ame.builder.making.parent import Artifacts
from ame.builder.server import learning, plan

if TYPE_CHECKING:
    from pathlib import Path

    from ame.builder.client import Client
    from ame.builder.config import Settings
    from ame.builder.making.parent import Options
    from ame.builder.model import Model


def build(path: Path, settings: Settings, options: Options) -> dict[str, Artifacts]:
    """The artifacts of the tasks that settings ask for: `training`, `evaluation`, or both.

    Raises:
        errors.ModelInvalid: it is no model, or does not fit the settings.
        errors.OpsUnsupported, errors.GraphRefused: devices cannot run it.
        errors.ConfigInvalid: no noise of this kind can be added with so few devices.
    """
    loaded = model.load(path)
    kinds = {"training": settings.mode.trains, "evaluation": settings.mode.evaluates}
    return {kind: _one(kind, loaded, settings, options) for kind, asked in kinds.items() if asked}


def _one(kind: str, loaded: Model, settings: Settings, options: Options) -> Artifacts:
    half = client.build(loaded, settings, evaluates=kind == "evaluation")
    rounds = _rounds(half, loaded, settings)
    whole = plan.build(rounds, half.phase, half.flatbuffer, daf=settings.use_daf)
    return Artifacts(
        plan=whole.SerializeToString(),
        client_plan=half.plan(with_graph=options.graph).SerializeToString(),
        checkpoint=plan.checkpoint(rounds),
        least_version=versions.NONE if options.skip_ops else half.minimum_version(),
        sent=sum(map(_bytes, half.process.sent.all)),
    )


def _rounds(half: Client, loaded: Model, settings: Settings) -> learning.Learning:
    """What the rounds are to the server. An evaluation begins with a state of the training."""
    agreed, evaluates = half.process, half.process.evaluates
    trains = process.of(settings, *loaded.forms, evaluates=False) if evaluates else agreed
    weights = (*loaded.trainable, *loaded.non_trainable)
    training = learning.training(trains, weights, settings, seed=secrets.randbits(63))
    return learning.Evaluation(process=agreed, training=training) if evaluates else training


def _bytes(tensor: process.Tensor) -> int:
    return int(np.prod(tensor.shape, dtype=np.int64)) * np.dtype(tensor.dtype).itemsize
