"""Lightning: a patched trainer's `fit` is one round, and its `validate` evaluates what came.

flare.patch(trainer)
while flare.is_running():
trainer.validate(model, data)
trainer.fit(model, data)
"""

from __future__ import annotations

import copy
import importlib
import logging
from typing import TYPE_CHECKING, Any

from ame.federation.client.trainers.rounds import EVALUATE, TRAIN, Anchor, Rounds, load, numbers
from ame.federation.model import FLModel

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("ame.federation.client")


def patch(
    trainer: Any,
    restore_state: bool = True,
    load_state_dict_strict: bool = True,
    update_fit_loop: bool = True,
) -> None:
    """Makes each `fit` of a trainer one round of the job. Again has no further effect.

    `validate` before `fit` evaluates the received model, and its metrics go with the trained one;
    if the task is to evaluate, they are sent by themselves. What a module has in `__fl_meta__` goes
    along. FedProx is applied where the server asks for it.

    Args:
        trainer: a `lightning.Trainer` or a `pytorch_lightning.Trainer`.
        restore_state: whether optimizers, schedulers and the scaler go on where they were.
        load_state_dict_strict: whether what is received must have just the module's names.
        update_fit_loop: whether `max_epochs` and `max_steps` count anew in each round.

    Raises:
        TypeError: `trainer` is no trainer of Lightning.
        errors.NoSite: the script runs in no federated job (a RuntimeError).

    """
    package = _package(trainer)
    if any(isinstance(each, _Federated) for each in trainer.callbacks):
        return
    kind = importlib.import_module(f"{package}.callbacks").Callback
    # Lightning knows callbacks by their class, and there are two Lightnings.
    federated = type("FLCallback", (_Federated, kind), {})
    trainer.callbacks.append(
        federated(
            trainer, restore=restore_state, strict=load_state_dict_strict, grow=update_fit_loop
        )
    )


class _Federated:
    """The hooks of a round, in the order in which Lightning calls them."""

    def __init__(self, trainer: Any, *, restore: bool, strict: bool, grow: bool) -> None:
        super().__init__()
        self._rounds = Rounds(trainer.global_rank, self._broadcaster(trainer))
        self._restore = restore
        self._strict = strict
        self._grow = grow
        self._kept: dict[str, Any] | None = None
        self._limits: tuple[int | None, int] | None = None
        self._anchor: Anchor | None = None
        self._begun_at = 0

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:  # noqa: ARG002  # Lightning's
        """Before anything: lets this round have as many epochs and steps as the first."""
        if stage != "fit":
            return
        if self._limits is None:
            self._limits = trainer.max_epochs, trainer.max_steps
        elif self._grow:
            epochs, steps = self._limits
            if epochs is not None and epochs > 0:
                trainer.fit_loop.max_epochs = trainer.current_epoch + epochs
            if steps > 0:
                trainer.fit_loop.epoch_loop.max_steps = trainer.global_step + steps
            trainer.num_sanity_val_steps = 0

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Optimizers are made anew for each `fit`; gives them what they had."""
        if not self._restore or self._kept is None:
            return
        trainer.strategy.load_optimizer_state_dict({"optimizer_states": self._kept["optimizers"]})
        for config, state in zip(
            trainer.lr_scheduler_configs, self._kept["schedules"], strict=True
        ):
            config.scheduler.load_state_dict(state)
        if trainer.scaler is not None and self._kept["scaler"]:
            trainer.scaler.load_state_dict(self._kept["scaler"])

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """A `validate` by itself is of the received model; one within a `fit` is its own affair."""
        if _validates(trainer) and self._rounds.metrics is None:
            self._load(pl_module)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Keeps what was measured, or sends it."""
        rounds = self._rounds
        if _validates(trainer) and rounds.task is not None and rounds.metrics is None:
            rounds.metrics = numbers(trainer.callback_metrics)
            if rounds.task == EVALUATE:
                rounds.answer(FLModel(metrics=rounds.metrics))

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Trains what was received; nothing when the job is over."""
        self._load(pl_module)
        rounds = self._rounds
        if rounds.task is None:
            trainer.should_stop = True
        self._begun_at = trainer.global_step
        self._anchor = Anchor(pl_module, rounds.pull) if rounds.pull else None

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:  # noqa: ARG002
        """FedProx, after the gradients are complete and before they are clipped."""
        if self._anchor is not None:
            self._anchor.draw()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Sends what was trained."""
        rounds = self._rounds
        if rounds.task == TRAIN:
            meta = getattr(pl_module, "__fl_meta__", {})
            steps = trainer.global_step - self._begun_at
            rounds.answer(rounds.trained(pl_module.state_dict(), steps, meta))

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Keeps what optimizers and schedulers know."""
        if self._restore:
            self._kept = copy.deepcopy(
                {
                    "optimizers": [each.state_dict() for each in trainer.optimizers],
                    "schedules": [
                        config.scheduler.state_dict() for config in trainer.lr_scheduler_configs
                    ],
                    "scaler": trainer.scaler.state_dict() if trainer.scaler is not None else None,
                }
            )

    def _load(self, module: Any) -> None:
        model = self._rounds.take()
        if model is not None and model.params:
            load(module, model.params, strict=self._strict)

    @staticmethod
    def _broadcaster(trainer: Any) -> Callable[[Any], Any]:
        return lambda told: trainer.strategy.broadcast(told, src=0)


def _validates(trainer: Any) -> bool:
    return str(trainer.state.fn.value) == "validate"


def _package(trainer: Any) -> str:
    for kind in type(trainer).__mro__:
        if kind.__name__ == "Trainer":
            for package in ("lightning.pytorch", "pytorch_lightning"):
                if kind.__module__.startswith(f"{package}."):
                    return package
    message = f"`patch()` takes a trainer of Lightning and was given {type(trainer).__name__}"
    raise TypeError(message)
