"""The tight accountant against the public one, and against what is known in closed form."""

import math

import dp_accounting  # type: ignore[import-untyped]  # it has no types
import pytest
from dp_accounting import pld

from ame import errors
from ame.aggregation.private import Accountant, losses


@pytest.mark.parametrize(
    ("multiplier", "rate", "rounds", "delta"),
    [
        (0.22200349, 2 / 3e6, 1000, 1 / 3e6),
        (1.0, 1.0, 10, 1e-6),
        (2.0, 0.01, 1000, 1e-6),
        (0.8, 0.1, 100, 1e-5),
        (5.0, 1.0, 1000, 1e-6),
        (0.5, 0.5, 1, 1e-3),
        (4.0, 0.9, 3, 0.3),
    ],
)
def test_it_says_what_the_public_accountant_says(
    multiplier: float, rate: float, rounds: int, delta: float
) -> None:
    found = losses.epsilon(
        multiplier=multiplier, rate=rate, rounds=rounds, delta=delta, interval=1e-2
    )

    event = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(multiplier))
    public = pld.PLDAccountant(value_discretization_interval=1e-2)
    public.compose(dp_accounting.SelfComposedDpEvent(event, rounds))
    assert found == pytest.approx(public.get_epsilon(delta), rel=1e-5, abs=1e-9)


def test_one_round_is_what_the_formula_says() -> None:
    """Balle and Wang 2018, "Improving the Gaussian Mechanism", Theorem 8."""
    found = losses.epsilon(multiplier=1.3, rate=1, rounds=1, delta=1e-5)

    def tail(x: float) -> float:
        return math.erfc(x / math.sqrt(2)) / 2

    a = 1 / 1.3
    delta = tail(found / a - a / 2) - math.exp(found) * tail(found / a + a / 2)
    assert delta == pytest.approx(1e-5, rel=1e-4)
    assert delta <= 1e-5


def test_a_finer_grid_comes_closer_from_above() -> None:
    found = [
        losses.epsilon(multiplier=1.0, rate=0.01, rounds=100, delta=1e-6, interval=each)
        for each in (1e-1, 1e-2, 1e-3)
    ]

    assert found == sorted(found, reverse=True)


def test_it_is_tighter_than_renyi_divergences() -> None:
    spent = Accountant().after(multiplier=1.0, rate=0.01, rounds=100)

    found = losses.epsilon(multiplier=1.0, rate=0.01, rounds=100, delta=1e-6, interval=1e-2)

    assert found < spent.epsilon(1e-6)


def test_little_noise_makes_the_grid_coarser() -> None:
    found = losses.epsilon(multiplier=0.05, rate=1, rounds=1, delta=1e-6)

    assert 250 < found < 350


def test_hardly_any_noise_is_no_privacy() -> None:
    assert losses.epsilon(multiplier=0.01, rate=1, rounds=1, delta=1e-6) == math.inf


@pytest.mark.parametrize(("rate", "rounds"), [(0.0, 10), (0.5, 0)])
def test_who_never_takes_part_gives_nothing_away(rate: float, rounds: int) -> None:
    assert losses.epsilon(multiplier=1, rate=rate, rounds=rounds, delta=1e-6) == 0


@pytest.mark.parametrize(
    "wrong", [{"multiplier": 0.0}, {"rate": 1.1}, {"rounds": -1}, {"delta": 0.0}, {"delta": 1.0}]
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    asked: dict[str, float] = {"multiplier": 1.0, "rate": 0.5, "rounds": 3, "delta": 1e-5, **wrong}

    with pytest.raises(errors.AggregationInvalid, match=next(iter(wrong))):
        losses.epsilon(**asked)  # type: ignore[arg-type]  # rounds is a whole number
