"""Noise and its account."""

from typing import Any

import numpy as np
import pytest

from ame import aggregation, errors
from ame.protocol.tensors import Array, checkpoint
from ame.server.recipes import keys
from server.recipes.folding import folded

SIZE = 40_000
STATE = checkpoint.to_bytes({"server/w": np.zeros(SIZE, np.float32)})
UPDATES: list[dict[str, Array]] = [
    {"update/w": np.full(SIZE, value, np.float32)} for value in (-1, 2, 3)
]


def declared(**privacy: Any) -> dict[str, Any]:
    said = {"multiplier": 2.0, "clients": 10, "delta": 1e-6, **privacy}
    return {"clip": 0.5, "privacy": {key: each for key, each in said.items() if each is not None}}


def test_the_noise_has_the_deviation_that_the_account_supposes() -> None:
    said = declared()
    made = folded(keys.read(said).bind(STATE), STATE, UPDATES)
    noised = checkpoint.read(made.state)["server/w"]
    plain = 0.5 / np.sqrt(SIZE) * (-1 + 1 + 1) / 10
    assert np.std(noised) == pytest.approx(2.0 * 0.5 / 10, rel=0.02)
    assert np.mean(noised) == pytest.approx(plain, abs=5 * 0.1 / np.sqrt(SIZE))


def test_a_private_sum_is_divided_by_nothing() -> None:
    said = {**declared(clients=None), "aggregate": {"kind": "sum"}}
    made = folded(keys.read(said).bind(STATE), STATE, UPDATES)
    assert np.std(checkpoint.read(made.state)["server/w"]) == pytest.approx(1.0, rel=0.02)


def test_a_seed_repeats_the_noise_and_no_two_rounds_have_the_same() -> None:
    recipe = keys.read(declared(seed=5)).bind(STATE)
    first, again = (folded(recipe, STATE, UPDATES).state for _ in range(2))
    assert first == again
    second = checkpoint.read(folded(recipe, first, UPDATES).state)["server/w"]
    moved = second - checkpoint.read(first)["server/w"]
    assert not np.array_equal(moved, checkpoint.read(first)["server/w"])
    unseeded = keys.read(declared()).bind(STATE)
    one, other = (folded(unseeded, STATE, UPDATES).state for _ in range(2))
    assert one != other


def test_metrics_tell_what_all_rounds_so_far_gave_away() -> None:
    recipe = keys.read(declared(rate=0.01)).bind(STATE)
    state = STATE
    for rounds in (1, 2, 3):
        made = folded(recipe, state, UPDATES)
        state = made.state
        account = aggregation.Accountant().after(multiplier=2.0, rate=0.01, rounds=rounds)
        assert made.metrics["epsilon"] == pytest.approx(account.epsilon(1e-6))
        assert made.metrics["delta"] == 1e-6
    assert checkpoint.read(recipe.start(state)).keys() == {"server/w"}


def test_no_round_goes_beyond_the_budget() -> None:
    two = aggregation.Accountant().after(multiplier=2.0, rounds=2).epsilon(1e-6)
    recipe = keys.read(declared(epsilon=two + 0.01)).bind(STATE)
    state = STATE
    for _ in range(2):
        recipe.start(state)
        state = folded(recipe, state, UPDATES).state
    with pytest.raises(errors.BudgetSpent, match="after 2 rounds"):
        recipe.start(state)
    with pytest.raises(errors.BudgetSpent):
        folded(recipe, state, UPDATES)
