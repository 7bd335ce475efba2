"""Noise, and the norm that follows those of the updates, against plain arithmetic."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

from ame.builder import config, process
from ame.builder.server.aggregators import choose, quantile, tree, trees
from ame.builder.server.aggregators.aggregator import Aggregated, Aggregator
from ame.protocol.tensors import Array
from builder.server import built

pytestmark = pytest.mark.slow
WEIGHTS = (np.zeros(3, np.float32), np.zeros((2, 2), np.float32))


class Rounds:
    """Rounds of an aggregator, one after another."""

    def __init__(self, kind: config.Aggregator, *, noise: float, goal: int = 10) -> None:
        said = built.settings(kind=kind, noise=noise, clip=0.5)
        said = replace(said, training=replace(said.training, goal=goal))
        self.agreed = process.of(said, built.forms(WEIGHTS), (), evaluates=False)
        self.aggregator: Aggregator = choose.choose(self.agreed, said, seed=3)
        self.held: dict[str, Any] = {
            slot.name: tf.constant(slot.first) for slot in self.aggregator.slots()
        }

    def next(self, below: float = 0.0) -> Aggregated:
        """A round of updates that are zero."""
        sums = {each.name: tf.zeros(each.shape, each.dtype) for each in self.agreed.update.all}
        if self.agreed.update.below:
            sums[self.agreed.update.below.name] = tf.constant(below)
        made = self.aggregator.apply(self.held, sums)
        self.held |= made.held
        return made

    def number(self, end: str) -> float:
        [name] = [name for name in self.held if name.endswith(end)]
        return float(self.held[name])

    def sent(self) -> dict[str, float]:
        return {name: float(each) for name, each in self.aggregator.sent(self.held).items()}


def test_the_norm_follows_the_share_of_updates_below_it() -> None:
    rounds = Rounds(config.Aggregator.ADAPTIVE_GAUSSIAN, noise=0.0)
    norm = 0.5
    for below in (5.0, -5.0, 1.0, 0.0, 50.0):
        made = rounds.next(below)
        share = min(max(below / 10 + 0.5, 0.0), 1.0)
        norm *= math.exp(-0.2 * (share - 0.5))
        assert float(made.metrics["dp_query_metrics/clip"]) == pytest.approx(norm)
        assert rounds.sent() == {
            "client/1/sum_params": pytest.approx(norm),
            "client/1/quantile_estimator_params/current_estimate": pytest.approx(norm),
            "client/1/quantile_estimator_params/below_estimate_params": 0.5,
        }


def test_noise_is_parted_between_the_sum_and_the_count() -> None:
    noises = quantile.part(0.4, 10)
    assert noises.deviation == 0.5
    assert noises.multiplier == pytest.approx(1 / math.sqrt(1 / 0.4**2 - 1))
    both = noises.multiplier**-2 + (2 * noises.deviation) ** -2
    assert both**-0.5 == pytest.approx(0.4)


def test_the_deviation_follows_the_norm() -> None:
    rounds = Rounds(config.Aggregator.ADAPTIVE_GAUSSIAN, noise=0.4)
    multiplier = quantile.part(0.4, 10).multiplier
    assert rounds.number("sum_state/stddev") == pytest.approx(0.5 * multiplier)
    rounds.next(5.0)
    norm = rounds.number("sum_state/l2_norm_clip")
    assert norm != 0.5
    assert rounds.number("sum_state/stddev") == pytest.approx(norm * multiplier)


def test_the_event_of_a_round_names_the_noise_that_was_added() -> None:
    rounds = Rounds(config.Aggregator.ADAPTIVE_GAUSSIAN, noise=0.4)
    for _ in range(2):
        place = "dp_event/events"
        assert rounds.number(f"{place}/0/noise_multiplier") == pytest.approx(
            quantile.part(0.4, 10).multiplier
        )
        assert rounds.number(f"{place}/1/noise_multiplier") == pytest.approx(1.0)
        rounds.next()
    assert not rounds.number("is_init_state")


def test_the_count_has_the_noise_that_it_is_to_have() -> None:
    rounds = Rounds(config.Aggregator.ADAPTIVE_GAUSSIAN, noise=0.4)
    begun, shares = dict(rounds.held), []
    for _ in range(100):
        rounds.held = dict(begun)
        rounds.next()
        shares.append(0.5 - math.log(rounds.number("sum_state/l2_norm_clip") / 0.5) / 0.2)
    assert np.mean(shares) == pytest.approx(0.5, abs=5 * 0.05 / 10)
    assert np.std(shares) == pytest.approx(0.05, rel=5 / math.sqrt(200))


def reference(first: list[Array], draws: Any, rounds: int) -> list[list[Array]]:
    """The noise of all rounds up to each, by the definition of the tree.

    A node of a level holds its own noise and half of those of its children. The first n leaves are
    parted into whole trees, as n is into powers of two; each tells its noise divided by its weight.
    """
    nodes: dict[tuple[int, int], list[Array]] = {(0, 0): first}
    drawn, said = 0, []
    for leaf in range(rounds):
        if leaf:
            nodes[0, leaf] = draws(drawn)
            drawn += 1
        level, place = 0, leaf
        while place % 2:
            pair = zip(nodes[level, place - 1], nodes[level, place], draws(drawn), strict=True)
            level, place, drawn = level + 1, place // 2, drawn + 1
            nodes[level, place] = [own + (left + right) / 2 for left, right, own in pair]
        total, count = [np.zeros_like(each) for each in first], 0
        for level in reversed(range(rounds.bit_length())):
            if (leaf + 1) >> level & 1:
                node = nodes[level, count >> level]
                total = [
                    each + part / (2 - 0.5**level) for each, part in zip(total, node, strict=True)
                ]
                count += 1 << level
        said.append(total)
    return said


def test_the_noise_of_a_tree_is_that_of_its_definition() -> None:
    shapes = ((3,), (2, 2))
    grown = tree.Tree(place="t", shapes=shapes, clip=1.0, deviation=2.0)
    slots = {slot.name: slot.first for slot in grown.slots(5)}
    seeds = slots[grown.seeds]

    def draws(number: int) -> list[Array]:
        return [
            2.0 * tf.random.stateless_normal(shape, seeds + 2 * number + i).numpy()
            for i, shape in enumerate(shapes)
        ]

    expected = reference([slots[name][0] for name in grown.nodes], draws, 20)
    held = {name: tf.constant(each) for name, each in slots.items()}
    sums = [tf.ones(shape) for shape in shapes]
    total = [np.zeros(shape) for shape in shapes]
    for number, noise in enumerate(expected):
        noised, after = grown.noised(held, sums)
        held |= after
        total = [each + part.numpy() for each, part in zip(total, noised, strict=True)]
        for each, part in zip(total, noise, strict=True):
            assert np.allclose(each, number + 1 + part, atol=1e-4)
        assert held[grown.levels].shape == held[grown.nodes[0]].shape[:1]
    assert held[grown.levels].numpy().tolist() == [0, 2, 4]


def test_the_noise_of_a_tree_over_many_rounds_is_little() -> None:
    grown = tree.Tree(place="t", shapes=((20_000,),), clip=1.0, deviation=3.0)
    held = {slot.name: tf.constant(slot.first) for slot in grown.slots(7)}
    total = np.zeros(20_000)
    for number in range(1, 17):
        [noised], after = grown.noised(held, [tf.zeros(20_000)])
        held |= after
        total += noised.numpy()
        variance = sum(1 / (2 - 0.5**level) for level in range(5) if number >> level & 1)
        assert total.std() == pytest.approx(3 * math.sqrt(variance), rel=5 / math.sqrt(40_000))
        assert abs(total.mean()) < 5 * total.std() / math.sqrt(20_000)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_first_noise_of_a_tree_comes_from_its_seed(seed: int) -> None:
    grown = tree.Tree(place="t", shapes=((3,),), clip=1.0, deviation=3.0)
    first, again, other = (grown.slots(each) for each in (seed, seed, seed + 1))
    for slot, same, third in zip(first, again, other, strict=True):
        assert np.array_equal(slot.first, same.first)
        drawn = slot.name == grown.seeds or slot.name in grown.nodes
        assert np.array_equal(slot.first, third.first) is not drawn


def test_a_norm_stays_as_long_as_its_tree() -> None:
    rounds = Rounds(config.Aggregator.ADAPTIVE_TREE, noise=0.0)
    for number in range(1, 4):
        made = rounds.next(5.0)
        estimate = 0.5 * math.exp(-0.1 * number)
        told = made.metrics
        assert float(told["zeroing/dp_query_metrics/current_clip"]) == 0.5
        assert float(told["zeroing/dp_query_metrics/estimate_clip"]) == pytest.approx(estimate)
        assert rounds.sent()["client/2/sum_params"] == 0.5
        assert rounds.sent()["client/1"] == 50


@pytest.mark.parametrize("rounds_before", [127, 1024 + 127])
def test_a_new_tree_takes_the_estimate_as_norm(rounds_before: int) -> None:
    rounds = Rounds(config.Aggregator.ADAPTIVE_TREE, noise=0.4)
    rounds.next(5.0)
    before = rounds.number("current_estimate")
    assert len(rounds.held[f"{trees.INNER}/sum_state/tree_state/level_buffer_idx"]) == 1
    rounds.next(5.0)
    rounds.held[trees.ROUNDS] = tf.constant(rounds_before)
    made = rounds.next(5.0)
    norm = rounds.number("current_estimate")
    assert norm < before
    place = f"{trees.INNER}/sum_state"
    assert float(made.metrics["zeroing/dp_query_metrics/current_clip"]) == pytest.approx(norm)
    assert rounds.number("sum_state/clip_value") == pytest.approx(norm)
    assert rounds.number("sum_state/tree_state/value_generator_state/stddev") == pytest.approx(
        norm * quantile.part(0.4, 10).multiplier
    )
    assert rounds.held[f"{place}/tree_state/level_buffer_idx"].numpy().tolist() == [0]
    assert not rounds.held[f"{place}/previous_tree_noise/0"].numpy().any()
    count = f"{trees.INNER}/quantile_estimator_state/below_estimate_state/numerator_state"
    assert rounds.held[f"{count}/tree_state/level_buffer_idx"].numpy().tolist() == [0]
    assert float(rounds.held[f"{count}/previous_tree_noise"]) == 0
    assert rounds.held[trees.ROUNDS] == rounds_before + 1


def test_a_new_tree_has_new_noise() -> None:
    rounds = Rounds(config.Aggregator.ADAPTIVE_TREE, noise=0.4)
    name = f"{trees.INNER}/sum_state/tree_state/level_buffer/0"
    first = rounds.held[name].numpy()
    rounds.held[trees.ROUNDS] = tf.constant(127)
    rounds.next()
    assert not np.isclose(first, rounds.held[name].numpy()).any()
