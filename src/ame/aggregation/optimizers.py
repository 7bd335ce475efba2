"""Optimizers of the server: the model after a round, from the mean difference.

Reddi et al. 2021, "Adaptive Federated Optimization", Algorithm 2 (FedOpt). With x the model, Δ the
mean difference (trained less sent, so that x + Δ is the plain mean), η the rate:

    m ← β₁ m + (1 - β₁) Δ
    v ← v + Δ²                           Adagrad (β₁ = 0 in the paper)
    v ← β₂ v + (1 - β₂) Δ²               Adam
    v ← v - (1 - β₂) Δ² sign(v - Δ²)     Yogi
    x ← x + η m / (√v + τ)

with m = 0 and v = τ² at first, and no correction for bias. All arithmetic is in float64; the model
keeps its types. Arrays that are not optimized, and integers, become the plain mean x + Δ.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ame import errors
from ame.aggregation.arrays import Array, Arrays, blocks, view
from ame.aggregation.layout import Slot, form
from ame.aggregation.update import Aggregate

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What an optimizer remembers from round to round, by name, flat, in float64."""

    first: Mapping[str, Doubles] = field(default_factory=dict)
    second: Mapping[str, Doubles] = field(default_factory=dict)

    def arrays(self) -> dict[str, Array]:
        """As one mapping, to be written to a file."""
        kinds = {"first": self.first, "second": self.second}
        return {f"{kind}/{key}": each for kind, all_ in kinds.items() for key, each in all_.items()}

    @classmethod
    def of(cls, arrays: Arrays) -> "Moments":
        """What `arrays()` gave."""
        made: dict[str, dict[str, Doubles]] = {"first": {}, "second": {}}
        for name, value in arrays.items():
            kind, _, key = name.partition("/")
            made[kind][key] = blocks.double(view(value))
        return cls(first=made["first"], second=made["second"])


class Optimizer(Protocol):
    """Moves the model by the mean difference of a round. A value: it keeps nothing."""

    def step(
        self, moments: Moments, model: Arrays, aggregate: Aggregate
    ) -> tuple[Moments, dict[str, Array]]:
        """The moments and the model after the round; those that are given stay as they are.

        `Moments()` are those of the first round. What the aggregate lacks stays as it is.

        Raises:
            errors.AggregateOverflow: a number does not fit the type of the model's array.
            errors.AggregationInvalid: an array of the aggregate is not one of the model's.
        """
        ...


def applied(model: Arrays, aggregate: Aggregate) -> dict[str, Array]:
    """The model after a round without an optimizer: replaced by the mean, or moved by it.

    Raises:
        errors.AggregateOverflow: a number does not fit the type of the model's array.
        errors.AggregationInvalid: an array of the aggregate is not one of the model's.
    """
    return {**model, **{key: _plain(model, key, aggregate) for key in aggregate.arrays}}


@dataclass(frozen=True, slots=True, kw_only=True)
class SGD:
    """Gradient descent with momentum: m ← μ m + Δ, x ← x + η m. With rate 1 it is the plain mean.

    Hsu et al. 2019, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual
    Classification", section 4.3 (FedAvgM).
    """

    rate: float = 1.0
    momentum: float = 0.0
    only: Collection[str] | None = None
    """The arrays to optimize, such as the trained ones without BatchNorm's statistics; None: all
    floating ones."""

    def __post_init__(self) -> None:
        _check(self, rate=self.rate, momentum=self.momentum)

    def step(
        self, moments: Moments, model: Arrays, aggregate: Aggregate
    ) -> tuple[Moments, dict[str, Array]]:
        """See `Optimizer`."""
        first, moved = dict(moments.first), dict(model)
        for key in aggregate.arrays:
            if not _optimized(model, key, aggregate, self.only):
                moved[key] = _plain(model, key, aggregate)
                continue
            old, move = _difference(model, key, aggregate)
            if self.momentum:
                first[key] = move = move + self.momentum * first.get(key, 0.0)
            moved[key] = form(key, old + self.rate * move, Slot.of(model[key]))
        return Moments(first=first, second=moments.second), moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive:
    """What Adagrad, Adam and Yogi have in common: all but how the second moment goes on."""

    rate: float
    """η; the paper finds 10^-2 to 10^-0.5 good for Adam and Yogi, 10^-1 for Adagrad."""
    first: float = 0.9
    """β₁."""
    second: float = 0.99
    """β₂."""
    floor: float = 1e-3
    """τ, the degree of adaptivity: the less, the more it adapts."""
    only: Collection[str] | None = None
    """The arrays to optimize, such as the trained ones without BatchNorm's statistics; None: all
    floating ones."""

    def __post_init__(self) -> None:
        _check(self, rate=self.rate, first=self.first, second=self.second, floor=self.floor)

    def step(
        self, moments: Moments, model: Arrays, aggregate: Aggregate
    ) -> tuple[Moments, dict[str, Array]]:
        """See `Optimizer`."""
        firsts, seconds, moved = dict(moments.first), dict(moments.second), dict(model)
        for key in aggregate.arrays:
            if not _optimized(model, key, aggregate, self.only):
                moved[key] = _plain(model, key, aggregate)
                continue
            old, move = _difference(model, key, aggregate)
            m = self.first * firsts.get(key, 0.0) + (1 - self.first) * move
            v = self._next(seconds.get(key, np.full_like(move, self.floor**2)), move * move)
            step = self.rate * m / (np.sqrt(v) + self.floor)
            moved[key] = form(key, old + step, Slot.of(model[key]))
            firsts[key], seconds[key] = m, v
        return Moments(first=firsts, second=seconds), moved

    def _next(self, v: Doubles, square: Doubles) -> Doubles:
        """The second moment after a round whose difference has this square."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Adagrad(Adaptive):
    """v ← v + Δ²."""

    first: float = 0.0

    def _next(self, v: Doubles, square: Doubles) -> Doubles:
        return v + square


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam(Adaptive):
    """v ← β₂ v + (1 - β₂) Δ²."""

    def _next(self, v: Doubles, square: Doubles) -> Doubles:
        return self.second * v + (1 - self.second) * square


@dataclass(frozen=True, slots=True, kw_only=True)
class Yogi(Adaptive):
    """v ← v - (1 - β₂) Δ² sign(v - Δ²)."""

    def _next(self, v: Doubles, square: Doubles) -> Doubles:
        return v - (1 - self.second) * square * np.sign(v - square)


def _check(optimizer: object, **numbers: float) -> None:
    """Refuses what is beyond its range: the decays are in [0, 1), the others above 0."""
    for name, number in numbers.items():
        decay = name in ("momentum", "first", "second")
        if not (0 <= number < 1 if decay else 0 < number < math.inf):
            why = f"must be {'in [0, 1)' if decay else 'greater than 0'}, not {number}"
            raise errors.AggregationInvalid(type(optimizer).__name__, name, why)


def _optimized(model: Arrays, key: str, aggregate: Aggregate, only: Collection[str] | None) -> bool:
    """Whether an optimizer moves the array.

    Raises:
        errors.AggregationInvalid: the model has none of that name and shape.
    """
    if key not in model:
        raise errors.AggregationInvalid("the aggregate", key, "is no array of the model")
    own, other = view(model[key]), view(aggregate.arrays[key])
    if own.shape != other.shape:
        why = f"has shape {other.shape}, not {own.shape}"
        raise errors.AggregationInvalid("the aggregate", key, why)
    return own.floating and (only is None or key in only)


def _difference(model: Arrays, key: str, aggregate: Aggregate) -> tuple[Doubles, Doubles]:
    """The array of the model, and Δ."""
    old = blocks.double(view(model[key]))
    new = blocks.double(view(aggregate.arrays[key]))
    return old, new if aggregate.difference else new - old


def _plain(model: Arrays, key: str, aggregate: Aggregate) -> Array:
    """X + Δ: the mean where models were sent."""
    _optimized(model, key, aggregate, None)
    slot = Slot.of(model[key])
    new = blocks.double(view(aggregate.arrays[key]))
    if aggregate.difference:
        new += blocks.double(view(model[key]))
    return form(key, new, slot)
