"""A model and settings become plans and checkpoints. What it is given is run: see `parent`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame import errors
from ame.builder import client, model
from ame.builder.client import versions
from ame.builder.making.parent import Artifacts
from ame.builder.server import learning, plan

if TYPE_CHECKING:
    from pathlib import Path

    from ame.builder.config import Settings
    from ame.builder.making.parent import Options
    from ame.builder.model import Model
    from ame.builder.process import Tensor


def build(path: Path, settings: Settings, options: Options) -> dict[str, Artifacts]:
    """The artifacts of the tasks that settings ask for: `training`, `evaluation`, or both.

    Raises:
        errors.ModelInvalid: it is no model, or does not fit the settings.
        errors.OpsUnsupported, errors.GraphRefused: devices cannot run it.
        errors.NoiseUnfit: no noise of this kind can be added with so few devices.
    """
    try:
        return _all(model.load(path, settings), settings, options, str(path))
    except (TypeError, ValueError, tf.errors.OpError) as error:  # what it computes is not ours
        first = str(error).strip().partition("\n")[0]
        why = f"no plan can be made of what it computes, or of its loss: {first}"
        raise errors.ModelInvalid(str(path), why) from error


def _all(loaded: Model, settings: Settings, options: Options, place: str) -> dict[str, Artifacts]:
    made = {}
    if settings.mode.trains:
        if not loaded.trainable:
            raise errors.ModelInvalid(place, "none of its weights is to be trained")
        made["training"] = _one(loaded, settings, options, evaluates=False)
    if settings.mode.evaluates:
        made["evaluation"] = _one(loaded, settings, options, evaluates=True)
    return made


def _one(loaded: Model, settings: Settings, options: Options, *, evaluates: bool) -> Artifacts:
    half = client.build(loaded, settings, evaluates=evaluates)
    seed = secrets.randbits(63)
    weights = loaded.trainable, loaded.non_trainable
    rounds = learning.of(settings, *weights, evaluates=evaluates, seed=seed)
    whole = plan.build(rounds, half.phase, half.flatbuffer, daf=settings.use_daf)
    return Artifacts(
        plan=whole.SerializeToString(),
        client_plan=half.plan(with_graph=options.graph).SerializeToString(),
        checkpoint=plan.checkpoint(rounds),
        least_version=versions.NONE if options.skip_ops else half.minimum_version(),
        sent=sum(map(_bytes, half.process.sent.all)),
    )


def _bytes(tensor: Tensor) -> int:
    return int(np.prod(tensor.shape, dtype=np.int64)) * np.dtype(tensor.dtype).itemsize
