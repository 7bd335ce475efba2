"""Noise that is enough, and what rounds come to with it."""

from dataclasses import replace

import dp_accounting  # type: ignore[import-untyped]  # it has no types
import pytest
from dp_accounting import privacy_accountant, rdp

from ame.builder import privacy, rules
from ame.builder.config import Aggregator, Privacy
from builder import configs

SAMPLE = Privacy(
    kind=Aggregator.FIXED_GAUSSIAN,
    noise=0.0,
    clip=0.1,
    spent=0.0,
    epsilon=10.0,
    delta=1 / 3e6,
    rounds=1000,
)
SHIPPED = 0.22200349
"""The noise that the original calibrated for the same configuration."""


def test_noise_is_calibrated_to_the_shipped_value() -> None:
    made = rules.settled(configs.made())

    assert made.privacy.noise == pytest.approx(SHIPPED, abs=1e-5)
    assert 9.99 < made.privacy.spent <= 10


def test_noise_that_is_given_stays() -> None:
    made = privacy.calibrated(replace(SAMPLE, noise=0.3), 2)

    assert made.noise == 0.3
    assert 0 < made.spent < 10


@pytest.mark.parametrize("rounds", [1, 7, 8, 1000])
def test_a_tree_is_accounted_as_the_public_accountant_does(rounds: int) -> None:
    tree = replace(SAMPLE, kind=Aggregator.TREE_AGGREGATION, noise=2.0, rounds=rounds)

    event = dp_accounting.SingleEpochTreeAggregationDpEvent(2.0, [rounds])
    public = rdp.RdpAccountant(
        neighboring_relation=privacy_accountant.NeighboringRelation.REPLACE_SPECIAL
    )
    public.compose(event)
    assert privacy.epsilon(tree, 2) == pytest.approx(public.get_epsilon(1 / 3e6), rel=1e-3)


def test_the_noise_of_a_tree_is_the_least_that_is_enough() -> None:
    tree = replace(SAMPLE, kind=Aggregator.ADAPTIVE_TREE)

    made = privacy.calibrated(tree, 2)

    assert 9.999 < made.spent <= 10


def test_more_devices_need_more_noise() -> None:
    few, many = (privacy.calibrated(SAMPLE, goal).noise for goal in (2, 2000))

    assert few < many


@pytest.mark.parametrize(
    ("goal", "changes"),
    [
        (3_000_000, {}),
        (2, {"rounds": 200_000}),
        (2, {"epsilon": 0.5}),
        (2, {"delta": 1e-15}),
    ],
)
def test_noise_is_not_much_more_than_is_enough(goal: int, changes: dict[str, float]) -> None:
    asked = replace(SAMPLE, **changes)  # type: ignore[arg-type]  # of the fields' types

    made = privacy.calibrated(asked, goal)

    assert 0.999 * asked.epsilon <= made.spent <= asked.epsilon
