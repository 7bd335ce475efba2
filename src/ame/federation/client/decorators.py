"""`@train` and `@evaluate`: functions that get the received model and whose result is sent."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, overload

from ame import errors
from ame.federation.client import api
from ame.federation.model import FLModel

_Function = Callable[..., Any]


@overload
def train(function: _Function, /) -> _Function: ...
@overload
def train(**options: object) -> Callable[[_Function], _Function]: ...
def train(
    function: _Function | None = None,
    /,
    **options: object,  # noqa: ARG001  # accepted, as ever
) -> _Function | Callable[[_Function], _Function]:
    """The function's first argument becomes the received model; the model it returns is sent.

    What `@evaluate` measured in the same round goes with it as its metrics. The function's other
    arguments are the caller's.

    Raises:
        errors.NotAModel: the function returned something else (a TypeError).

    """
    if function is None:
        return train

    @functools.wraps(function)
    def trained(*arguments: object, **named: object) -> FLModel:
        made = _with_model(function, arguments, named)
        if not isinstance(made, FLModel):
            raise errors.NotAModel(made)
        session = api.current("train")
        if session.metrics is not None:
            made.metrics, session.metrics = session.metrics, None
        session.send(made)
        return made

    return trained


@overload
def evaluate(function: _Function, /) -> _Function: ...
@overload
def evaluate(**options: object) -> Callable[[_Function], _Function]: ...
def evaluate(
    function: _Function | None = None,
    /,
    **options: object,  # noqa: ARG001  # accepted, as ever
) -> _Function | Callable[[_Function], _Function]:
    """The function's first argument becomes the received model; it returns metrics.

    Metrics are numbers by name; a bare number is called `metric`. If the task is to train, they go
    with the model that `@train` sends; else they are sent by themselves.

    Raises:
        errors.NothingToSend: the function returned nothing (a RuntimeError).

    """
    if function is None:
        return evaluate

    @functools.wraps(function)
    def evaluated(*arguments: object, **named: object) -> object:
        measured = _with_model(function, arguments, named)
        if measured is None:
            raise errors.NothingToSend
        metrics = measured if isinstance(measured, dict) else {"metric": measured}
        session = api.current("evaluate")
        if api.is_train(session):
            session.metrics = metrics
        else:
            session.send(FLModel(metrics=metrics))
        return measured

    return evaluated


def _with_model(
    function: _Function, arguments: tuple[object, ...], named: dict[str, object]
) -> object:
    first = next(iter(inspect.signature(function).parameters))
    model = api.current(function.__name__).receive()
    if arguments and isinstance(arguments[0], FLModel):  # the model that the caller received itself
        arguments = arguments[1:]
    return function(model, *arguments, **{k: v for k, v in named.items() if k != first})
