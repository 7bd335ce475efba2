"""Hugging Face: a patched trainer's `train` is one round, and its `evaluate` is of what came.

flare.patch(trainer)
while flare.is_running():
trainer.evaluate()
trainer.train()
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Literal

from ame import errors
from ame.federation.client.api import log
from ame.federation.client.trainers.rounds import (
    EVALUATE,
    SUBMIT,
    TRAIN,
    Anchor,
    Rounds,
    load,
    numbers,
)
from ame.federation.model import FLModel
from ame.federation.spec.analytics import AnalyticsDataType

if TYPE_CHECKING:
    from collections.abc import Mapping

Scope = Literal["auto", "model", "adapter"]


def patch(
    trainer: Any,
    restore_state: bool = True,
    load_state_dict_strict: bool = True,
    params_scope: Scope = "auto",
    server_key_prefix: str | None = None,
    local_epochs: float | None = None,
    local_steps: int | None = None,
    stream_metrics: bool = False,
) -> Any:
    """Makes each `train` of a trainer one round of the job, and returns the trainer.

    `evaluate` before `train` is of the received model, and its metrics go with the trained one; if
    the task is to evaluate, they are sent by themselves. Asked for the site's model, `train` sends
    it as it is. What the trainer has in `__fl_meta__` goes along. FedProx is applied where the
    server asks for it.

    Args:
        trainer: a `transformers.Trainer`.
        restore_state: whether the optimizer goes on where it was, and the schedule runs over all
            rounds of the job instead of over each; else both begin anew in each round.
        load_state_dict_strict: whether what is received must have just the model's names.
        params_scope: the whole `model`, or of a PEFT model the `adapter` alone; `auto`: that, if it
            is one.
        server_key_prefix: what the server has before each name.
        local_epochs: epochs in a round, instead of the trainer's own number.
        local_steps: steps in a round, the same.
        stream_metrics: whether what the trainer logs is recorded.

    Raises:
        TypeError: `trainer` is no trainer of transformers.
        errors.TrainerUnfit: it is set up for what cannot be done in rounds (a ValueError).
        errors.NoSite: the script runs in no federated job (a RuntimeError).

    """
    transformers = sys.modules.get("transformers")
    if transformers is None or not isinstance(trainer, transformers.Trainer):
        message = f"`patch()` takes a trainer of transformers, not {type(trainer).__name__}"
        raise TypeError(message)
    if hasattr(trainer.train, "federated"):
        return trainer
    _check(trainer, local_epochs, local_steps)
    if local_epochs is not None:
        trainer.args.num_train_epochs, trainer.args.max_steps = local_epochs, -1
    if local_steps is not None:
        trainer.args.max_steps = local_steps
    weights = _Weights(trainer, params_scope, server_key_prefix or "", load_state_dict_strict)
    federated = _Federated(trainer, weights, restore=restore_state, stream=stream_metrics)
    for name in ("train", "evaluate", "create_scheduler"):
        own = getattr(trainer, name)
        wrapped = functools.wraps(own)(functools.partial(getattr(federated, name), own))
        wrapped.federated = True  # type: ignore[attr-defined]  # our mark
        setattr(trainer, name, wrapped)
    trainer.add_callback(federated.callback(transformers.TrainerCallback))
    return trainer


class _Federated:
    """What a trainer's calls do instead."""

    def __init__(self, trainer: Any, weights: _Weights, *, restore: bool, stream: bool) -> None:
        self._trainer = trainer
        self._weights = weights
        self._restore = restore
        self._stream = stream
        self._rounds = Rounds(trainer.args.process_index, _broadcast)
        self._training = False
        self._schedule: Mapping[str, Any] | None = None
        self._anchor: Anchor | None = None

    def train(self, own: Any, *arguments: Any, **named: Any) -> Any:
        """One round: takes a model, trains it, and sends it."""
        rounds, trainer = self._rounds, self._trainer
        self._load()
        if rounds.task == SUBMIT:
            rounds.answer(FLModel(params=self._weights.now()))
        if rounds.task != TRAIN:
            return None
        if not self._restore:
            trainer.optimizer = trainer.lr_scheduler = None
        self._anchor = Anchor(self._weights.module, rounds.pull) if rounds.pull else None
        self._training = True
        try:
            outcome = own(*arguments, **named)
        finally:
            self._training = False
        if self._restore and trainer.lr_scheduler is not None:
            self._schedule = trainer.lr_scheduler.state_dict()
        meta = getattr(trainer, "__fl_meta__", {})
        rounds.answer(rounds.trained(self._weights.now(), trainer.state.global_step, meta))
        return outcome

    def evaluate(self, own: Any, *arguments: Any, **named: Any) -> Any:
        """Evaluates what was received; within a training, what is trained."""
        rounds = self._rounds
        if self._training:
            return own(*arguments, **named)
        self._load()
        measured = own(*arguments, **named)
        if rounds.task is not None:
            rounds.metrics = numbers(measured)
        if rounds.task == EVALUATE:
            rounds.answer(FLModel(metrics=rounds.metrics))
        return measured

    def create_scheduler(self, own: Any, num_training_steps: int, *arguments: Any) -> Any:
        """A schedule over all rounds, at the place where it is now."""
        model = self._rounds.model
        rounds = model.total_rounds if self._restore and model is not None else None
        made = own(num_training_steps * (rounds or 1), *arguments)
        if rounds and self._schedule is not None:
            made.load_state_dict(self._schedule)
            groups = made.optimizer.param_groups
            for group, rate in zip(groups, made.get_last_lr(), strict=True):
                group["lr"] = rate
        return made

    def callback(self, base: type[Any]) -> Any:
        """Draws to the anchor, and records what the trainer logs."""
        federated = self

        class Callback(base):  # type: ignore[misc]  # transformers' own
            def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
                if federated._anchor is not None:
                    federated._anchor.draw()

            def on_log(self, _args: Any, state: Any, *_: Any, logs: Any = None, **__: Any) -> None:
                if federated._stream and federated._rounds.first and logs:
                    measured = numbers(logs)
                    log(
                        "metrics",
                        measured,
                        AnalyticsDataType.METRICS,
                        global_step=state.global_step,
                    )

        return Callback()

    def _load(self) -> None:
        # Once a round: a second call before the answer must not undo what was trained.
        known = self._rounds.model
        model = self._rounds.take()
        if model is not None and model is not known and model.params:
            self._weights.give(model.params)


class _Weights:
    """A trainer's parameters, or those of its adapter, under the server's names."""

    def __init__(self, trainer: Any, scope: Scope, prefix: str, strict: bool) -> None:
        self.module = trainer.accelerator.unwrap_model(trainer.model)
        self._prefix = prefix
        self._strict = strict
        peft = sys.modules.get("peft")
        adapted = peft is not None and isinstance(self.module, peft.PeftModel)
        if scope == "adapter" and not adapted:
            raise errors.TrainerUnfit("params_scope", "the model has no PEFT adapter")
        self._peft = peft if adapted and scope != "model" else None

    def now(self) -> dict[str, Any]:
        """What they are now."""
        if self._peft is not None:
            params = self._peft.get_peft_model_state_dict(self.module)
        else:
            params = self.module.state_dict()
        return {f"{self._prefix}{key}": value.detach().cpu() for key, value in params.items()}

    def give(self, params: Mapping[str, Any]) -> None:
        """Replaces them."""
        own = {key.removeprefix(self._prefix): value for key, value in params.items()}
        if self._peft is None:
            load(self.module, own, strict=self._strict)
            return
        import torch

        tensors = {key: torch.as_tensor(value) for key, value in own.items()}
        unknown = self._peft.set_peft_model_state_dict(self.module, tensors).unexpected_keys
        if unknown and self._strict:
            raise errors.ParamsUnfit(unknown[0], "the adapter has no parameter of that name")


def _check(trainer: Any, epochs: float | None, steps: int | None) -> None:
    args = trainer.args
    if epochs is not None and steps is not None:
        raise errors.TrainerUnfit("local_epochs", "`local_steps` is given too; give one of them")
    for name, why in (
        ("deepspeed", "rounds are not known to DeepSpeed"),
        ("fsdp", "parameters are spread over processes"),
        ("load_best_model_at_end", "a round ends with the model as it is trained"),
    ):
        if getattr(args, name, None):
            raise errors.TrainerUnfit(name, why)


def _broadcast(told: Any) -> Any:
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()):
        return told
    held = [told]
    dist.broadcast_object_list(held, src=0)
    return held[0]
