"""Federated optimization with an optimizer of PyTorch.

Reddi et al. 2021, "Adaptive Federated Optimization", Algorithm 2.
"""

from collections.abc import Mapping
from typing import Any

from ame import errors
from ame.federation.components.generators import FullModelShareableGenerator
from ame.federation.model import FLModel
from ame.federation.spec.context import FLContext
from ame.federation.spec.dxo import DataKind, from_shareable
from ame.federation.spec.learnable import (
    ModelLearnable,
    ModelLearnableKey,
    make_model_learnable,
)
from ame.federation.spec.names.app import AppConstants
from ame.federation.spec.names.events import EventType
from ame.federation.spec.shareable import Shareable
from ame.federation.workflows.averaging.fedopt import Optimized

_SGD = {"path": "torch.optim.SGD", "args": {"lr": 1.0, "momentum": 0.6}}
_COSINE = {
    "path": "torch.optim.lr_scheduler.CosineAnnealingLR",
    "args": {"T_max": 3, "eta_min": 0.9},
}
_PLAIN = {"path": "torch.optim.SGD", "args": {"lr": 1.0}}


class _Server:
    """A model on the server, with its optimizer and the schedule of its rate."""

    def __init__(
        self,
        component: str,
        model: Any,
        optimizer: Mapping[str, Any],
        schedule: Mapping[str, Any] | None,
        device: str | None,
        build: Any,
    ) -> None:
        import torch

        if not isinstance(model, torch.nn.Module):
            raise errors.ModelUnfit(component, "a torch.nn.Module", model)
        self.model = model.to(device or "cpu")
        self.optimizer = _made(optimizer, "torch.optim", build, params=self.model.parameters())
        self.schedule: Any = None
        if schedule is not None:
            home = "torch.optim.lr_scheduler"
            self.schedule = _made(schedule, home, build, optimizer=self.optimizer)

    def step(self, params: Mapping[str, Any], difference: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters after a round, in the form of those before it."""
        import torch

        own = self.model.state_dict()
        with torch.no_grad():
            for key, each in params.items():
                if key in own:
                    own[key].copy_(torch.as_tensor(each))
        self.model.train()
        self.optimizer.zero_grad()
        trained = dict(self.model.named_parameters())
        for key, parameter in trained.items():
            if key in difference:
                move = torch.as_tensor(difference[key])
                parameter.grad = -move.to(device=parameter.device, dtype=parameter.dtype)
        self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()
        made = dict(params)
        for key, move in difference.items():
            if key not in trained:
                made[key] = params[key] + move
                continue
            moved = trained[key].detach().cpu().clone()
            made[key] = moved if isinstance(params[key], torch.Tensor) else moved.numpy()
        return made


class FedOpt(Optimized):
    """Rounds as of `FedAvg`; then the mean difference, negated, is the gradient of a step."""

    def __init__(
        self,
        *args: Any,
        source_model: Any,
        optimizer_args: dict[str, Any] | None = None,
        lr_scheduler_args: dict[str, Any] | None = None,
        device: str | None = None,
        **kwargs: Any,
    ) -> None:
        """The optimizer and what changes its rate.

        Args:
            args: those of `FedAvg`.
            source_model: the `nn.Module` whose parameters are optimized, or a component's id.
            optimizer_args: `{"path": "torch.optim.…", "args": {…}}`; SGD with rate 1 and momentum
                0.6 by default.
            lr_scheduler_args: the same of `torch.optim.lr_scheduler`; a cosine by default.
            device: where the step is done.
            kwargs: those of `FedAvg`.
        """
        super().__init__(*args, **kwargs)
        self.source_model = source_model
        self.optimizer_args = optimizer_args or _SGD
        self.lr_scheduler_args = lr_scheduler_args or _COSINE
        self.device = device
        self._server: _Server | None = None

    def optimized(self, model: FLModel, difference: dict[str, Any]) -> dict[str, Any]:
        """One step of the optimizer."""
        if self._server is None:
            self._server = _Server(
                self.name,
                _module(self.source_model, self.engine),
                self.optimizer_args,
                self.lr_scheduler_args,
                self.device,
                self.engine.build_component,
            )
        return self._server.step(model.params, difference)


class PTFedOptModelShareableGenerator(FullModelShareableGenerator):
    """The same for `ScatterAndGather`: turns the mean difference into the next model."""

    def __init__(
        self,
        optimizer_args: dict[str, Any] | None = None,
        lr_scheduler_args: dict[str, Any] | None = None,
        source_model: Any = "model",
        device: str | None = None,
    ) -> None:
        """`optimizer_args`: SGD with rate 1 by default. See `FedOpt`.

        Raises:
            TypeError: they are no dicts.
        """
        super().__init__()
        for name, given in (
            ("optimizer_args", optimizer_args),
            ("lr_scheduler_args", lr_scheduler_args),
        ):
            if given is not None and not isinstance(given, dict):
                message = f"{name} must be a dict of `path` and `args`, not {given!r}"
                raise TypeError(message)
        self.optimizer_args = optimizer_args or _PLAIN
        self.lr_scheduler_args = lr_scheduler_args
        self.source_model = source_model
        self.device = device
        self._server: _Server | None = None

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Make the optimizer."""
        if event_type == EventType.START_RUN:
            engine = fl_ctx.get_engine()
            self._server = _Server(
                self.name,
                _module(self.source_model, engine),
                self.optimizer_args,
                self.lr_scheduler_args,
                self.device,
                engine.build_component,
            )

    def shareable_to_learnable(self, shareable: Shareable, fl_ctx: FLContext) -> ModelLearnable:
        """The model after the round.

        Raises:
            errors.JobPanicked: the result is no difference, or there is no model.
        """
        dxo = from_shareable(shareable)
        base = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL)
        if dxo.data_kind != DataKind.WEIGHT_DIFF or not base or self._server is None:
            reason = f"FedOpt needs a model and a WEIGHT_DIFF, and got {dxo.data_kind}"
            raise errors.JobPanicked(component=self.name, reason=reason, side="server")
        moved = self._server.step(base[ModelLearnableKey.WEIGHTS], dxo.data)
        return make_model_learnable(moved, dxo.get_meta_props())


def _module(given: Any, engine: Any) -> Any:
    return engine.get_component(given) if isinstance(given, str) else given


def _made(config: Mapping[str, Any], home: str, build: Any, **more: Any) -> Any:
    """An object of a class of torch's optimizers, or of one of the job's own."""
    from importlib import import_module

    path = str(config.get("path") or config.get("class_path") or "")
    args = {**(config.get("args") or {}), **more}
    module, _, name = path.rpartition(".")
    found = getattr(import_module(home), name, None) if module.startswith("torch.optim") else None
    if isinstance(found, type):
        return found(**args)
    return build({**config, "args": args})
