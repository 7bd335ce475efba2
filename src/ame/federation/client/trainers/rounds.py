"""What every patched trainer does in a round: takes a model, loads it, sends what came of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.client import api
from ame.federation.model import FLModel, MetaKey
from ame.federation.spec.names.app import AlgorithmConstants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

TRAIN, EVALUATE, SUBMIT = "train", "evaluate", "submit_model"

_log = logging.getLogger("ame.federation.client")


class Rounds:
    """The task under way, known to every process of a training; rank 0 talks to the site."""

    def __init__(self, rank: int, broadcast: Callable[[Any], Any]) -> None:
        """Says `init()`. `broadcast` gives every process what rank 0 has."""
        api.init(rank=rank)
        self.task: str | None = None
        """What is to be done now: one of `train`, `evaluate`, `submit_model`; None: nothing."""
        self.model: FLModel | None = None
        """What was received for it."""
        self.metrics: dict[str, float] | None = None
        """What the received model was worth, to go with the one trained from it."""
        self.broadcast = broadcast
        self.first = rank == 0

    def take(self) -> FLModel | None:
        """The model of the task under way. Blocks for the next task if there is none.

        None: the job is over.
        """
        if self.task is None:
            told: tuple[str, FLModel] | None = None
            if self.first and (model := api.receive()) is not None:
                told = self._kind(), model
            told = self.broadcast(told)
            if told is not None:
                self.task, self.model = told
        return self.model

    def answer(self, model: FLModel) -> None:
        """Ends the task with this answer, of rank 0."""
        if self.first:
            api.send(model)
        self.task = self.model = self.metrics = None

    def trained(self, params: Mapping[str, Any], steps: int, meta: Mapping[str, Any]) -> FLModel:
        """The answer to a task to train.

        Raises:
            errors.MetricsMissing: the job wants metrics of the received model, and it was not
                evaluated.

        """
        if (
            self.metrics is None
            and api.current("train").channel.info.exchange.train_with_evaluation
        ):
            raise errors.MetricsMissing
        known = {MetaKey.NUM_STEPS_CURRENT_ROUND: steps, **meta}
        return FLModel(params=dict(params), metrics=self.metrics, meta=known)

    @property
    def pull(self) -> float:
        """FedProx's coefficient, if the server asks for it; else 0."""
        meta = self.model.meta if self.model is not None else {}
        return float(meta.get(AlgorithmConstants.FEDPROX_MU) or 0.0)

    def _kind(self) -> str:
        if api.is_submit_model():
            return SUBMIT
        return EVALUATE if api.is_evaluate() else TRAIN


class Anchor:
    """FedProx: draws parameters to where the round began (Li et al. 2020, arXiv:1812.06127).

    The gradient of `mu / 2 * |w - w0|^2` is added before each step, so losses that are logged are
    without it.
    """

    def __init__(self, module: torch.nn.Module, mu: float) -> None:
        """Notes where the parameters are now."""
        self._mu = mu
        self._pairs = [
            (each, each.detach().clone()) for each in module.parameters() if each.requires_grad
        ]

    def draw(self) -> None:
        """Adds its gradient to those that are there."""
        for parameter, origin in self._pairs:
            if parameter.grad is not None:
                parameter.grad.add_(parameter.detach() - origin, alpha=self._mu)


def load(module: torch.nn.Module, params: Mapping[str, Any], *, strict: bool) -> None:
    """Gives a module the received parameters. Not `strict`: those that have its names.

    Raises:
        errors.ParamsUnfit: it has none of these names.
        RuntimeError: torch's, where names or shapes differ.

    """
    import torch

    own = module.state_dict()
    fit = {key: torch.as_tensor(value) for key, value in params.items() if key in own or strict}
    if not own.keys() & fit.keys():
        raise errors.ParamsUnfit(
            next(iter(params), None),
            f"the model has no parameter of that name, nor of any other that was received; "
            f"its own are {', '.join(list(own)[:3])}, …",
        )
    if len(fit) < len(params):
        left = ", ".join(f"`{key}`" for key in params if key not in fit)
        _log.warning("received and not loaded, as the model has no such parameters: %s", left)
    module.load_state_dict(fit, strict=strict)


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Those that are numbers, or tensors of one."""
    import torch

    return {
        key: float(value)
        for key, value in metrics.items()
        if isinstance(value, int | float)
        or (isinstance(value, torch.Tensor) and value.numel() == 1)
    }
