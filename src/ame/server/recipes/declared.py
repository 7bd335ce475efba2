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
from ame.aggregation import Aggregator, Checks, Clip, Layout, Mean, Moments, Optimizer, Update
from ame.aggregation.checks import passed
from ame.protocol.tensors import Array, checkpoint, fcv1
from ame.server.recipes.recipe import Made, Taken

if TYPE_CHECKING:
    from collections.abc import Mapping

State = TypeVar("State")
MOMENTS: Final = "moments/"
"""Where the server's checkpoint holds what its optimizer remembers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The mean of devices' updates, and what the server does with it."""

    weight: str = ""
    """The tensor that says how much an update counts: examples, or steps. Empty: all alike."""
    difference: bool = True
    """Whether updates are added to the model, or are new models."""
    update: str = "update/"
    """What names of updates begin with, where those of the server's checkpoint begin with..."""
    server: str = "server/"
    metrics: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Each metric is a quotient of two sums over the devices: `loss: [loss_sum, examples]`."""
    optimizer: Optimizer = field(default_factory=aggregation.SGD)
    checks: Checks = field(default_factory=Checks)
    clip: Clip | None = None

    def names(self, state: Mapping[str, Array]) -> dict[str, Array]:
        """The model in the server's checkpoint, by the names that updates have."""
        return {
            self.update + name.removeprefix(self.server): array
            for name, array in state.items()
            if name.startswith(self.server)
        }

    def bind(self, state: bytes) -> Bound:
        """The recipe for tasks whose checkpoints have these tensors.

        Raises:
            errors.TensorsMalformed: this is no checkpoint.
        """
        kept = self.names(checkpoint.read(state))
        return Bound(declared=self, slots=Layout.of(kept), limit=_limit(kept))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A declared recipe that knows the model's shapes. It promises what `Recipe` does."""

    declared: Declared
    slots: Layout
    limit: int

    def take(self, upload: bytes) -> Taken:
        form = fcv1 if upload[:4] == fcv1.MARK else checkpoint
        tensors = form.read(upload, limit=self.limit)
        scalars = self._scalars()
        weight = 1.0
        for name in scalars:
            if name not in tensors:
                raise errors.ContributionRefused(name, "is missing")
            if tensors[name].size != 1 or not np.isfinite(tensors[name].astype(np.float64)).all():
                raise errors.ContributionRefused(name, "is not one finite number")
        if self.declared.weight:
            weight = float(tensors[self.declared.weight].reshape(()))
            if weight < 0:
                raise errors.ContributionRefused(self.declared.weight, "is negative")
        arrays = {name: array for name, array in tensors.items() if name not in scalars}
        update = Update(client="it", arrays=arrays, weight=weight)
        try:
            for _ in passed(
                update, self.slots.slots, self.declared.checks, exact=True, difference=None
            ):
                pass
        except errors.UpdateRefused as refused:
            raise errors.ContributionRefused("", str(refused)) from None
        return Taken(tensors=tensors, weight=weight, size=sum(a.nbytes for a in tensors.values()))

    def start(self, state: bytes) -> bytes:
        return state

    def fold(self, state: bytes) -> DeclaredFolding[Any]:  # noqa: ARG002 - it begins with nothing
        return DeclaredFolding(self, self.mean())

    def mean(self) -> Mean:
        """The aggregation of the model's tensors."""
        return Mean(layout=self.slots, checks=self.declared.checks, clip=self.declared.clip)

    def _scalars(self) -> frozenset[str]:
        pairs = (name for pair in self.declared.metrics.values() for name in pair)
        return frozenset(name for name in (*pairs, self.declared.weight) if name)


class DeclaredFolding(Generic[State]):
    """It promises what `Folding` does."""

    def __init__(self, bound: Bound, aggregator: Aggregator[State]) -> None:
        self._bound = bound
        self._aggregator = aggregator
        self._folded = aggregator.begin()
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, taken: Taken) -> None:
        scalars = self._bound._scalars()  # noqa: SLF001 - the two are one
        arrays = {name: array for name, array in taken.tensors.items() if name not in scalars}
        update = Update(
            client=str(self._count),
            arrays=arrays,
            weight=taken.weight,
            difference=self._bound.declared.difference,
        )
        self._folded = self._aggregator.add(self._folded, update)
        for name in scalars:
            number = float(taken.tensors[name].reshape(()))
            self._sums[name] = self._sums.get(name, 0.0) + number
        self._count += 1

    def made(self, newest: bytes) -> Made:
        declared = self._bound.declared
        state = dict(checkpoint.read(newest))
        model = declared.names(state)
        moments = {
            name.removeprefix(MOMENTS): array
            for name, array in state.items()
            if name.startswith(MOMENTS)
        }
        try:
            aggregate = self._aggregator.value(self._folded)
        except errors.AggregateEmpty as empty:
            raise errors.RoundEmpty(str(empty)) from None
        remembered, stepped = declared.optimizer.step(Moments.of(moments), model, aggregate)
        for name, array in stepped.items():
            state[declared.server + name.removeprefix(declared.update)] = np.asarray(array)
        for name, array in remembered.arrays().items():
            state[MOMENTS + name] = np.asarray(array)
        metrics = {
            name: self._sums[above] / self._sums[below]
            for name, (above, below) in declared.metrics.items()
            if self._sums.get(below)
        }
        return Made(state=checkpoint.to_bytes(state), metrics=metrics)


def _limit(kept: Mapping[str, Array]) -> int:
    """As many values as the model has, and some scalars beside it."""
    return sum(array.size for array in kept.values()) + 4096
