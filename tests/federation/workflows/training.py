"""Workflows that train a model of a few numbers at three sites."""

from pathlib import Path
from typing import Any

import numpy as np

from ame.federation.model import FLModel
from ame.federation.workflows.cyclic import CyclicController
from ame.federation.workflows.model_controller import ModelController
from ame.federation.workflows.scatter_and_gather import ScatterAndGather
from parts.federated import Keeps, Train, moved, run

NAMES = ("site-1", "site-2", "site-3")
ZERO = {"w": np.zeros(2, np.float32), "b": np.zeros(1, np.float32)}


def broken(site: str, model: FLModel) -> FLModel:
    raise ValueError("no data")


def of(*steps: float) -> dict[str, Train]:
    return {f"site-{number}": moved(by) for number, by in enumerate(steps, 1)}


def trained(
    controller: ModelController | ScatterAndGather | CyclicController,
    tmp_path: Path,
    train: Any,
    start: dict[str, Any] = ZERO,
    **kwargs: Any,
) -> Keeps:
    keeps = Keeps(start)
    components = {"persistor": keeps, **kwargs.pop("components", {})}
    names = tuple(train) if isinstance(train, dict) else NAMES
    run(controller, tmp_path, train, names=names, components=components, **kwargs)
    return keeps
