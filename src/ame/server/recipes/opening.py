"""Which recipe a task asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ame import aggregation, errors
from ame.aggregation import Checks, Clip, Optimizer
from ame.protocol.pb import plan as pb
from ame.server.recipes.declared import Declared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.server.recipes.recipe import Recipe

KEYS: Final = frozenset(
    {"weight", "difference", "update", "server", "metrics", "optimizer", "norm", "clip"}
)
OPTIMIZERS: Final[Mapping[str, type[Any]]] = {
    "sgd": aggregation.SGD,
    "adagrad": aggregation.Adagrad,
    "adam": aggregation.Adam,
    "yogi": aggregation.Yogi,
}


def opened(declared: Mapping[str, Any], *, plan: bytes, state: bytes) -> Recipe:
    """The recipe of a task: its plan's server part, or the aggregation that it declares.

    Raises:
        errors.RecipeInvalid: a key is unknown, or a value cannot be.
        errors.TensorsMalformed: the checkpoint is none.
    """
    if plan and not declared and pb.Plan.FromString(plan).phase:
        raise errors.RecipeInvalid("plan", "its server part needs TensorFlow")
    return read(declared).bind(state)


def read(declared: Mapping[str, Any]) -> Declared:
    """What a task declares, as it was written.

    Raises:
        errors.RecipeInvalid: a key is unknown, or a value cannot be.
    """
    for key in declared:
        if key not in KEYS:
            raise errors.RecipeInvalid(key, f"there is no such key: {', '.join(sorted(KEYS))}")
    metrics = declared.get("metrics", {})
    for name, pair in metrics.items():
        if not isinstance(pair, list) or len(pair) != 2:
            raise errors.RecipeInvalid(f"metrics.{name}", "it is a list of two tensors' names")
    try:
        return Declared(
            weight=str(declared.get("weight", "")),
            difference=bool(declared.get("difference", True)),
            update=str(declared.get("update", "update/")),
            server=str(declared.get("server", "server/")),
            metrics={name: (str(pair[0]), str(pair[1])) for name, pair in metrics.items()},
            optimizer=_optimizer(declared.get("optimizer", {})),
            checks=Checks(norm=declared.get("norm"), complete=True),
            clip=Clip(norm=float(declared["clip"])) if declared.get("clip") else None,
        )
    except errors.AggregationInvalid as invalid:
        raise errors.RecipeInvalid("", str(invalid)) from None


def _optimizer(declared: Mapping[str, Any]) -> Optimizer:
    given = dict(declared)
    kind = given.pop("kind", "sgd")
    if kind not in OPTIMIZERS:
        why = f"there is no optimizer {kind}: {', '.join(OPTIMIZERS)}"
        raise errors.RecipeInvalid("optimizer.kind", why)
    try:
        made: Optimizer = OPTIMIZERS[kind](**given)
    except TypeError as error:
        raise errors.RecipeInvalid("optimizer", str(error)) from None
    return made
