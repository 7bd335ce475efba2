"""The privacy of rounds of the sampled Gaussian mechanism, from the distribution of its loss.

Tighter than `accountant`: an upper bound that is off by 1e-6 where Rényi divergences ask for 12 %
more noise. The same mechanism, sampling and neighbours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL: Final = 1e-4
"""Of the grid of losses; with a coarser one a result is a little greater, and comes sooner."""
Doubles = npt.NDArray[np.float64]

_TAIL: Final = 1e-15
"""What may be left out on either side; it counts as lost, so that bounds stay bounds."""
_REACH: Final = 8.5
"""Deviations: beyond them there is less of a normal distribution than `_TAIL`."""
_MOST: Final = 2_000_000
"""Points of a grid; where there were more, the grid is made coarser."""
_ROUGH: Final = 2000
"""Points of the grid by which the range of all rounds is estimated."""
_GREATEST: Final = 700.0
"""A loss whose exponential is still a number; a greater one counts as being without bounds."""
_erfc = np.frompyfunc(math.erfc, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Losses:
    """How likely the losses `(first + i) * interval` are, and a loss without bounds."""

    first: int
    likely: Doubles
    infinite: float
    interval: float

    @property
    def values(self) -> Doubles:
        return np.arange(self.first, self.first + len(self.likely)) * np.float64(self.interval)


def epsilon(
    *, multiplier: float, rate: float, rounds: int, delta: float, interval: float = INTERVAL
) -> float:
    """The least ε that is known to hold with this δ; infinite where none below 700 is.

    A loss between two points of the grid is shared out to both so that its likelihood under either
    set of clients stays, which bounds the privacy from above: Doroshenko, Ghazi, Kamath, Kumar and
    Manurangsi 2022, "Connect the Dots: Tighter Discrete Approximations of Privacy Loss
    Distributions". Rounds are convolutions, by the Fourier transform: Koskela, Jälkö and Honkela
    2020, "Computing Tight Differential Privacy Guarantees Using FFT". Below a δ of 1e-10 the
    rounding of that transform shows.

    Raises:
        errors.AggregationInvalid: a number is beyond its range.
    """
    _check("multiplier", multiplier, "greater than 0", holds=0 < multiplier < math.inf)
    _check("rate", rate, "in [0, 1]", holds=0 <= rate <= 1)
    _check("rounds", rounds, "at least 0", holds=rounds >= 0)
    _check("delta", delta, "in (0, 1)", holds=0 < delta < 1)
    if rate == 0 or rounds == 0:
        return 0.0
    rough = _one(multiplier, rate, _widest(multiplier) / _ROUGH, gone=True)
    if rough.infinite > delta:
        return math.inf
    low, high = _range(rough, rounds)
    spanned = max((high - low) * rough.interval, _widest(multiplier))
    interval = max(interval, spanned / _MOST)
    found = _within(_composed(_one(multiplier, rate, interval, gone=True), rounds), delta)
    if rate < 1 and -rounds * math.log1p(-rate) <= found:
        return found  # one client more changes every round's likelihood by less than that
    comes = _composed(_one(multiplier, rate, interval, gone=False), rounds)
    return max(found, _within(comes, delta))


def _widest(sigma: float) -> float:
    """Between which losses a round's lie, at most."""
    return min((1 + 2 * _REACH * sigma) / sigma**2, 2 * _GREATEST)


def _one(sigma: float, q: float, interval: float, *, gone: bool) -> _Losses:
    """The losses of a round: of a client that goes, or of one that comes."""

    def loss(x: float) -> float:
        with_it = math.log(q) + (2 * x - 1) / (2 * sigma**2)
        return float(np.logaddexp(math.log1p(-q), with_it)) if q < 1 else with_it

    first = math.floor(max(loss(-_REACH * sigma), -_GREATEST) / interval)
    last = math.ceil(min(loss(1 + _REACH * sigma), _GREATEST) / interval)
    points = np.arange(first, last + 1) * interval
    inner = np.expm1(points) + q
    x = np.full(len(points), -np.inf)
    x[inner > 0] = sigma**2 * (np.log(inner[inner > 0]) - math.log(q)) + 0.5
    without = _normal(x / sigma)
    mixed = (1 - q) * without + q * _normal((x - 1) / sigma)
    here, there = mixed, without
    if not gone:
        here, there, points, first = without[::-1], mixed[::-1], -points[::-1], -last
    upper = np.clip((here - np.exp(points[:-1]) * there) / -math.expm1(-interval), 0, here)
    likely = np.zeros(len(points))
    likely[:-1] += here - upper
    likely[1:] += upper
    infinite = max(0.0, 1 - float(likely.sum()))
    return _Losses(first=first, likely=likely, infinite=infinite, interval=interval)


def _normal(edges: Doubles) -> Doubles:
    """How likely a normal number is between edges that ascend, exact in both tails."""
    tails = np.asarray(_erfc(np.abs(edges) / math.sqrt(2)), dtype=np.float64) / 2
    left, right = tails[:-1], tails[1:]
    above, below = edges[:-1] > 0, edges[1:] <= 0
    return np.where(above, left - right, np.where(below, right - left, 1 - left - right))


def _composed(one: _Losses, rounds: int) -> _Losses:
    """The losses of all rounds together."""
    if rounds == 1:
        return one
    low, high = _range(one, rounds)
    size = 1 << max(high - low, len(one.likely) - 1).bit_length()
    sums = np.fft.irfft(np.fft.rfft(one.likely, size) ** rounds, size)
    likely = sums[(np.arange(low, high + 1) - rounds * one.first) % size]
    infinite = 2 * _TAIL - math.expm1(rounds * math.log1p(-one.infinite))
    return _Losses(first=low, likely=likely, infinite=infinite, interval=one.interval)


def _range(one: _Losses, rounds: int) -> tuple[int, int]:
    """Between which points the sum of losses lies, but for `_TAIL` on either side (Chernoff)."""
    there = one.likely > 0
    logs, values = np.log(one.likely[there]), one.values[there]

    def bound(slope: float) -> float:
        powers = logs + slope * values
        most = powers.max()
        moment = most + math.log(np.exp(powers - most).sum())
        return float((rounds * moment - math.log(_TAIL)) / slope / one.interval)

    low = -_least(lambda slope: -bound(-slope))
    high = _least(bound)
    least, most = rounds * one.first, rounds * (one.first + len(one.likely) - 1)
    return max(math.floor(low), least), min(math.ceil(high), most)


def _least(bound: Callable[[float], float]) -> float:
    """The least bound that a slope gives; bounds fall, and then rise."""
    slopes = np.geomspace(0.01, 1000, 11)
    for _ in range(2):
        best = int(np.argmin([bound(each) for each in slopes]))
        slopes = np.geomspace(slopes[max(best - 1, 0)], slopes[min(best + 1, 10)], 11)
    return min(bound(each) for each in slopes)


def _within(losses: _Losses, delta: float) -> float:
    """The least ε, from 0, beyond which losses amount to δ."""
    if losses.infinite > delta:
        return math.inf
    values = losses.values
    asked = (values >= 0) & (values <= _GREATEST)
    points, likely = values[asked], losses.likely[asked]
    if not len(points):
        return math.inf if values[0] > 0 else 0.0
    infinite = losses.infinite + float(losses.likely[values > _GREATEST].sum())
    here = np.cumsum(likely[::-1])[::-1]
    there = np.cumsum((likely * np.exp(-points))[::-1])[::-1]
    beyond = here - np.exp(points) * there + infinite
    index = int(np.argmax(beyond <= delta))
    if beyond[index] > delta:
        return math.inf
    if index == 0 or there[index] <= 0:
        return max(0.0, float(points[index]))
    return math.log((here[index] + infinite - delta) / there[index])


def _check(name: str, number: float, range_: str, *, holds: bool) -> None:
    if not holds:
        raise errors.AggregationInvalid("losses", name, f"must be {range_}, not {number}")
