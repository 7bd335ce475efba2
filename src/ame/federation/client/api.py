"""The calls of a training script: `init`, then `receive` and `send` while `is_running`."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ame import errors
from ame.federation.client.external.script import connect
from ame.federation.client.session import Session

if TYPE_CHECKING:
    from ame.federation.model import FLModel
    from ame.federation.spec.analytics import AnalyticsDataType

_log = logging.getLogger("ame.federation.client")


@dataclass(slots=True)
class _Here:
    session: Session | None = None


_here = _Here()


def swap(session: Session | None) -> Session | None:
    """Makes `session` the one that scripts of this process talk through; returns the one before.

    For what runs several scripts in one process: it swaps at each hand-over.
    """
    before, _here.session = _here.session, session
    return before


def init(rank: str | int | None = None, config_file: str | None = None) -> Session:  # noqa: ARG001  # scripts give it
    """Begins to talk to the site. Once a script; again has no effect.

    Args:
        rank: which process of a distributed training this is, over all machines; else what the
            variable RANK says, else 0. Rank 0 talks, the others get nothing and send nothing.
        config_file: accepted and not read: a script finds its site by itself.

    Raises:
        errors.NoSite: the script runs in no federated job (a RuntimeError).

    """
    number = os.environ.get("RANK", "0") if rank is None else rank
    if isinstance(number, bool) or not isinstance(number, str | int):
        raise errors.RankInvalid(number)
    session = _here.session
    if session is None:
        session = _here.session = Session(connect(str(number)))
    elif session.begun:
        _log.warning("init() was called before; this call has no effect")
    session.begin(str(number))
    return session


def receive(timeout: float | None = None, ctx: Session | None = None) -> FLModel | None:
    """The model of the task under way, the same until it is answered; else of the next task.

    Blocks until there is one. None: the job is over, or `timeout` seconds have passed.

    Raises:
        errors.NotBegun: before `init()` (a RuntimeError, as all of these).
        errors.JobAborted: the job was ended before its time.
        errors.ParamsUnfit: what arrived has no form in the script's framework (a ValueError).

    """
    return current("receive", ctx).receive(timeout)


def send(model: FLModel, clear_cache: bool = True, ctx: Session | None = None) -> None:
    """Answers the task under way with a model, with metrics, or with both.

    With `clear_cache`, the parameters of this model and of the received one are let go when the
    script asks for its next task; until then both may be used.

    Raises:
        errors.NotAModel: `model` is no FLModel (a TypeError).
        errors.NothingReceived: no task is under way (a RuntimeError, as those below).
        errors.NothingToSend: it has neither parameters nor metrics.
        errors.NoDifference: differences are sent, and this has none to what was received.
        errors.JobAborted: the job was ended before its time.
        errors.ParamsUnfit: the parameters are not of the script's framework (a ValueError).

    """
    current("send", ctx).send(model, clear_cache=clear_cache)


def is_running(ctx: Session | None = None) -> bool:
    """Whether there is a task to do. Blocks until that is known.

    Raises:
        errors.JobAborted: the job was ended before its time (a RuntimeError).

    """
    return current("is_running", ctx).is_running()


def system_info(ctx: Session | None = None) -> dict[str, str]:
    """Where the script runs: `site_name` and `job_id`."""
    info = current("system_info", ctx).channel.info
    return {"site_name": info.site_name, "job_id": info.job_id}


def get_config(ctx: Session | None = None) -> dict[str, object]:
    """How the job set up this script: the exchange of models, the task, the job's variables."""
    return current("get_config", ctx).config()


def get_job_id(ctx: Session | None = None) -> str:
    """The job's id."""
    return current("get_job_id", ctx).channel.info.job_id


def get_site_name(ctx: Session | None = None) -> str:
    """The site's name, as in `site-1`."""
    return current("get_site_name", ctx).channel.info.site_name


def get_task_name(ctx: Session | None = None) -> str:
    """The name of the task received last.

    Raises:
        errors.NoTask: nothing was received yet (a RuntimeError).
        errors.RankSilent: this is not rank 0 (a RuntimeError).

    """
    task = current("get_task_name", ctx).task("get_task_name")
    if task is None:
        raise errors.NoTask("get_task_name")
    return task


def is_train(ctx: Session | None = None) -> bool:
    """Whether the model received last is to be trained. Rank 0 alone may ask."""
    session = current("is_train", ctx)
    return session.task("is_train") == session.channel.info.exchange.train_task


def is_evaluate(ctx: Session | None = None) -> bool:
    """Whether the model received last is to be evaluated. Rank 0 alone may ask."""
    session = current("is_evaluate", ctx)
    return session.task("is_evaluate") == session.channel.info.exchange.evaluate_task


def is_submit_model(ctx: Session | None = None) -> bool:
    """Whether the site's best model is asked for. Rank 0 alone may ask."""
    session = current("is_submit_model", ctx)
    return session.task("is_submit_model") == session.channel.info.exchange.submit_task


def log(
    key: str,
    value: object,
    data_type: AnalyticsDataType,
    ctx: Session | None = None,
    **extra: object,
) -> None:
    """Records a metric, a parameter, a tag or a text; `global_step` is its step.

    The writers in `tracking` are easier to use. Rank 0 alone may.

    Raises:
        errors.RankSilent: this is not rank 0 (a RuntimeError).

    """
    current("log", ctx).log(key, value, data_type, extra)


def clear(ctx: Session | None = None) -> None:
    """Forgets the task under way: the next `receive` is of another one."""
    current("clear", ctx).clear()


def shutdown(ctx: Session | None = None) -> None:
    """Takes no more tasks. `is_running` is false from here on."""
    current("shutdown", ctx).close()


def current(call: str, ctx: Session | None = None) -> Session:
    """The session of the script that calls now.

    Raises:
        errors.NotBegun: it has not said `init()`; `call` is what it said instead.

    """
    session = _here.session if ctx is None else ctx
    if session is None or not session.begun:
        raise errors.NotBegun(call)
    return session
