"""What rounds with noise give away of any one client."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from ame import errors

ORDERS = (
    *(1 + tenths / 10 for tenths in range(1, 100)),
    *(float(order) for order in range(11, 64)),
    *(64.0, 80.0, 96.0, 128.0, 192.0, 256.0, 512.0, 1024.0),
)
"""The orders of the Rényi divergence, of which the best is taken."""

LEAST = 0.01
"""With less noise than this there is no privacy to speak of."""

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accountant:
    """The privacy that was spent by rounds of the sampled Gaussian mechanism. A value.

    In a round each client takes part with probability `rate`, independently of the others (Poisson
    sampling; other samplings are not covered), and the sum of their contributions, each of L2 norm
    at most C, gets normal noise of deviation `multiplier`·C. Two sets of clients are neighbours if
    one has one client more. The Rényi divergence of a round is that of Mironov, Talwar and Zhang
    2019, "Rényi Differential Privacy of the Sampled Gaussian Mechanism", Theorem 4 and section 3.3;
    rounds add up
    by Mironov 2017, "Rényi Differential Privacy", Proposition 1; (ε, δ) is that of Canonne, Kamath
    and Steinke 2020, "The Discrete Gaussian for Differential Privacy", Proposition 12.
    """

    spent: tuple[float, ...] = (0.0,) * len(ORDERS)
    """The divergence so far, at each of `ORDERS`."""

    def after(self, *, multiplier: float, rate: float = 1.0, rounds: int = 1) -> Self:
        """The privacy spent after more rounds.

        Raises:
            errors.AggregationInvalid: a number is beyond its range.
        """
        _check("multiplier", multiplier, f"at least {LEAST}", holds=LEAST <= multiplier < math.inf)
        _check("rate", rate, "in [0, 1]", holds=0 <= rate <= 1)
        _check("rounds", rounds, "at least 0", holds=rounds >= 0)
        spent = zip(ORDERS, self.spent, strict=True)
        return type(self)(
            spent=tuple(old + rounds * divergence(a, multiplier, rate) for a, old in spent)
        )

    def epsilon(self, delta: float) -> float:
        """The least ε that holds with this δ.

        Raises:
            errors.AggregationInvalid: δ is not in (0, 1).
        """
        _check("delta", delta, "in (0, 1)", holds=0 < delta < 1)
        if not any(self.spent):
            return 0.0
        return max(
            0.0,
            min(
                spent + math.log1p(-1 / order) - math.log(delta * order) / (order - 1)
                for order, spent in zip(ORDERS, self.spent, strict=True)
            ),
        )

    def delta(self, epsilon: float) -> float:
        """The least δ that holds with this ε.

        Raises:
            errors.AggregationInvalid: ε is negative.
        """
        _check("epsilon", epsilon, "at least 0", holds=epsilon >= 0)
        if not any(self.spent):
            return 0.0
        powers = (
            (order - 1) * (spent - epsilon + math.log1p(-1 / order)) - math.log(order)
            for order, spent in zip(ORDERS, self.spent, strict=True)
        )
        return math.exp(min(0.0, *powers))


def multiplier_for(*, epsilon: float, delta: float, rate: float = 1.0, rounds: int = 1) -> float:
    """The least noise, to a thousandth, with which rounds stay within (ε, δ).

    Raises:
        errors.AggregationInvalid: a number is beyond its range.
    """
    _check("epsilon", epsilon, "greater than 0", holds=0 < epsilon < math.inf)

    def holds(multiplier: float) -> bool:
        spent = Accountant().after(multiplier=multiplier, rate=rate, rounds=rounds)
        return spent.epsilon(delta) <= epsilon

    most = 1.0
    while not holds(most):
        most *= 2
    while most >= 2 * LEAST and holds(most / 2):
        most /= 2
    least = most / 2 if most >= 2 * LEAST else most
    while most - least > 1e-3 * most:
        middle = (least + most) / 2
        least, most = (least, middle) if holds(middle) else (middle, most)
    return most


def divergence(order: float, multiplier: float, rate: float) -> float:
    """The Rényi divergence of one round, of an order above 1, to 1e-9 of it."""
    if rate == 0:
        return 0.0
    if rate == 1:
        return order / (2 * multiplier**2)
    logs = (_whole if order.is_integer() else _fractional)(order, multiplier, rate)
    most = logs.max()
    return max(0.0, float(most + np.log(np.exp(logs - most).sum())) / (order - 1))


def _whole(order: float, sigma: float, q: float) -> Doubles:
    """The logarithms of the terms whose sum is A, for an integer order."""
    k = np.arange(order + 1)
    binomial = np.cumsum(np.log(np.r_[1.0, (order - k[:-1]) / (k[:-1] + 1)]))
    chances = k * math.log(q) + (order - k) * math.log1p(-q)
    return np.asarray(binomial + chances + (k * k - k) / (2 * sigma**2))


def _fractional(order: float, sigma: float, q: float) -> Doubles:
    """The same for any order: of the integral that A is, by the trapezoidal rule.

    With steps well below the distance of the singularities, π·σ², the rule is exact to the last
    digits; the series of the paper converges slowly for small orders.
    """
    step = sigma * min(sigma, 0.2) / 4
    z = np.arange(-12 * sigma, order + 12 * sigma, step)
    ratio = np.logaddexp(math.log1p(-q), math.log(q) + (2 * z - 1) / (2 * sigma**2))
    normal = -(z**2) / (2 * sigma**2) - math.log(sigma * math.sqrt(2 * math.pi))
    return np.asarray(normal + order * ratio + math.log(step))


def _check(name: str, number: float, range_: str, *, holds: bool) -> None:
    if not holds:
        raise errors.AggregationInvalid("Accountant", name, f"must be {range_}, not {number}")
