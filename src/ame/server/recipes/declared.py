"""A recipe that a task declares: an aggregation by name, with no TensorFlow.

Devices upload `update/NAME`; the server keeps `server/NAME`, and what else its checkpoint holds.
An update is a difference that is added, or the new value. Weights and metrics are sums that
devices upload as scalars beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import numpy as np

from ame import aggregation, errors
from ame.aggregation import Aggregator, Clip, Mean, Moments, Optimizer, Update
from ame.protocol.tensors import Array, checkpoint
from ame.server.recipes.expected import LARGE, Expected, Form
from ame.server.recipes.private import PREFIX, Privacy
from ame.server.recipes.recipe import Made, Taken, told

if TYPE_CHECKING:
    from collections.abc import Mapping

State = TypeVar("State")
MOMENTS: Final = "moments/"
"""Where the server's checkpoint holds what its optimizer remembers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """How devices' updates are aggregated, and what the server does with the aggregate."""

    aggregate: Aggregator[Any] = field(default_factory=Mean)
    """How many are made one; without a layout."""
    weight: str = ""
    """The tensor that says how much an update counts: examples, or steps. Empty: all alike."""
    difference: bool = True
    """Whether updates are added to the model, or are new models."""
    update: str = "update/"
    """What names of updates begin with, where those of the server's checkpoint begin with..."""
    server: str = "server/"
    tensors: frozenset[str] | None = None
    """The names behind that; none: all that are there. The others stay as they are."""
    metrics: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Each metric is a quotient of two sums over the devices: `loss: [loss_sum, examples]`."""
    optimizer: Optimizer = field(default_factory=aggregation.SGD)
    norm: float | None = None
    """An update of a greater L2 norm is refused."""
    clip: Clip | None = None
    privacy: Privacy | None = None

    def names(self, state: Mapping[str, Array]) -> dict[str, Array]:
        """The model in the server's checkpoint, by the names that updates have."""
        return {
            self.update + name.removeprefix(self.server): array
            for name, array in state.items()
            if name.startswith(self.server)
            and (self.tensors is None or name.removeprefix(self.server) in self.tensors)
        }

    def bind(self, state: bytes, *, evaluates: bool = False) -> Bound:
        """The recipe for tasks whose checkpoints have these tensors.

        Raises:
            errors.TensorsMalformed: this is no checkpoint.
            errors.RecipeInvalid: the checkpoint has not what is declared; an evaluation has no
                metrics.
        """
        kept = {} if evaluates else self.names(checkpoint.read(state))
        if evaluates and not self.metrics:
            raise errors.RecipeInvalid("metrics", "an evaluation is made of them")
        for name in sorted(self.tensors or ()) if not evaluates else ():
            if self.update + name not in kept:
                why = f"the checkpoint has no {self.server}{name}"
                raise errors.RecipeInvalid("tensors", why)
        for name, array in kept.items():
            if array.dtype.kind in "OcSU":
                why = f"{name} is no array of real numbers: name the tensors that devices upload"
                raise errors.RecipeInvalid("tensors", why)
            if self.privacy is not None and array.dtype.kind in "iub":
                why = f"no noise can hide {name}, which holds {array.dtype}: leave it out"
                raise errors.RecipeInvalid("tensors", why)
        scalars = {name for pair in self.metrics.values() for name in pair} | {self.weight}
        expected = Expected(
            forms={name: Form(dtype=a.dtype, shape=a.shape) for name, a in kept.items()},
            numbers=frozenset(scalars - {""}),
            norm=self.norm,
        )
        return Bound(declared=self, expected=expected, evaluates=evaluates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A declared recipe that knows what uploads must hold. It promises what `Recipe` does."""

    declared: Declared
    expected: Expected
    evaluates: bool

    def take(self, upload: bytes) -> Taken:
        read = self.expected.read(upload)
        weight = 1.0
        if self.declared.weight:
            weight = float(read.tensors[self.declared.weight].reshape(()))
            if weight < 0:
                raise errors.ContributionRefused(self.declared.weight, "is negative")
        if weight * read.norm >= LARGE:
            raise errors.ContributionRefused("", f"its weight times its norm is {LARGE:g} or more")
        return Taken(tensors=read.tensors, weight=weight, size=read.size)

    def start(self, state: bytes) -> bytes:
        held = checkpoint.read(state)
        if self.declared.privacy is not None and not self.evaluates:
            self.declared.privacy.check(held)
        own = (MOMENTS, PREFIX)
        kept = {name: array for name, array in held.items() if not name.startswith(own)}
        return state if len(kept) == len(held) else checkpoint.to_bytes(kept)

    def fold(self, state: bytes) -> DeclaredFolding[Any]:  # noqa: ARG002 - it begins with nothing
        return DeclaredFolding(self, self.declared.aggregate)


class DeclaredFolding(Generic[State]):
    """It promises what `Folding` does. A median, a trimmed mean and Krum keep every update, those
    beyond a limit in a file.
    """

    def __init__(self, bound: Bound, aggregator: Aggregator[State]) -> None:
        self._bound = bound
        self._aggregator = aggregator
        self._folded = aggregator.begin()
        self._sums = dict.fromkeys(bound.expected.numbers, 0.0)
        self._count = 0

    def add(self, taken: Taken) -> None:
        declared, expected = self._bound.declared, self._bound.expected
        update = Update(
            client=str(self._count),
            arrays={name: taken.tensors[name] for name in expected.forms},
            weight=taken.weight,
            difference=declared.difference,
        )
        if declared.clip is not None and not isinstance(declared.aggregate, Mean):
            update = declared.clip.clipped(update)  # a mean does it as it adds
        if not self._bound.evaluates:
            self._folded = self._aggregator.add(self._folded, update)
        for name in expected.numbers:
            self._sums[name] += float(taken.tensors[name].reshape(()))
        self._count += 1

    def made(self, newest: bytes) -> Made:
        if not self._count:
            raise errors.RoundEmpty("no device contributed")
        metrics = told(
            {
                name: self._sums[above] / self._sums[below]
                for name, (above, below) in self._bound.declared.metrics.items()
                if self._sums[below]
            }
        )
        if self._bound.evaluates:
            return Made(state=newest, metrics=metrics)
        state = dict(checkpoint.read(newest))
        metrics |= self._step(state)
        return Made(state=checkpoint.to_bytes(state), metrics=metrics)

    def _step(self, state: dict[str, Array]) -> dict[str, float]:
        """Moves the model in the state; what that gave away, as metrics."""
        declared = self._bound.declared
        try:
            aggregate = self._aggregator.value(self._folded)
        except errors.AggregateEmpty as empty:
            raise errors.RoundEmpty(str(empty)) from None
        spent: dict[str, float] = {}
        if declared.privacy is not None:
            aggregate, spent = declared.privacy.hidden(aggregate, declared.clip, state)
        moments = Moments.of(
            {
                name.removeprefix(MOMENTS): array
                for name, array in state.items()
                if name.startswith(MOMENTS)
            }
        )
        model = declared.names(state)
        remembered, stepped = declared.optimizer.step(moments, model, aggregate)
        for name, stepped_to in stepped.items():
            state[declared.server + name.removeprefix(declared.update)] = np.asarray(stepped_to)
        for name, array in remembered.arrays().items():
            state[MOMENTS + name] = np.asarray(array)
        return spent
