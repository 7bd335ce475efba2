"""Executors as classes, of the tests' jobs."""

import random
from pathlib import Path
from typing import Any

import helper_module
import numpy as np

from ame.federation.conversion import FLModelUtils
from ame.federation.model import FLModel
from ame.federation.spec.context import FLContext
from ame.federation.spec.executor import Executor
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Signal


class Adds(Executor):
    """Adds random numbers, and how often it was called."""

    def __init__(self, by: float = 1.0) -> None:
        super().__init__()
        self.by = by
        self.calls = 0

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        self.calls += 1
        helper_module.calls += 1
        assert helper_module.calls == self.calls, "a module of its own"
        model = FLModelUtils.from_shareable(shareable)
        assert model.params is not None
        drawn = random.random() + np.random.rand()
        params: dict[str, Any] = {k: v + self.by + drawn for k, v in model.params.items()}
        print(fl_ctx.get_identity_name(), self.calls, Path.cwd().name)
        return FLModelUtils.to_shareable(FLModel(params=params))


class Fails(Adds):
    """Raises."""

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        raise ValueError("no data here")
