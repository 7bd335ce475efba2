import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregation import updates as made
from ame import aggregation, errors
from ame.aggregation import robust

ROBUST: dict[str, robust.ByNumber] = {
    "median": aggregation.Median(),
    "trimmed": aggregation.TrimmedMean(share=0.2),
}


def collected(
    algorithm: robust.Collecting, updates: Sequence[aggregation.Update]
) -> aggregation.Collected:
    state = algorithm.begin()
    for update in updates:
        state = algorithm.add(state, update)
    return state


def stacked(updates: Sequence[aggregation.Update], key: str) -> made.Doubles:
    return np.stack([made.double(u.arrays[key]) for u in updates if key in u.arrays])


@given(made.rounds())
def test_the_median_is_that_of_the_plain_formula(updates: list[aggregation.Update]) -> None:
    median = aggregation.Median()

    value = median.value(collected(median, updates))

    assert set(value.arrays) == {key for each in updates for key in each.arrays}
    for key, got in value.arrays.items():
        expected = np.median(stacked(updates, key), axis=0).astype(np.float32)
        assert np.array_equal(np.asarray(got), expected)


@given(made.rounds(whole=True), st.integers(0, 49))
def test_the_trimmed_mean_is_that_of_the_plain_formula(
    updates: list[aggregation.Update], percent: int
) -> None:
    trimmed = aggregation.TrimmedMean(share=percent / 100)
    state = collected(trimmed, updates)
    cut = -(-percent * len(updates) // 100)

    if 2 * cut >= len(updates):
        with pytest.raises(errors.AggregateEmpty, match="wait for more clients"):
            trimmed.value(state)
        return
    for key, got in trimmed.value(state).arrays.items():
        rows = np.sort(stacked(updates, key), axis=0)[cut : len(updates) - cut]
        error = abs(made.double(got) - rows.mean(axis=0))
        assert (error <= 2e-7 * abs(rows).mean(axis=0) + 1e-37).all()


@given(made.rounds(whole=True, least=3), st.data(), st.sampled_from(list(ROBUST)))
def test_the_order_of_clients_merging_and_the_file_change_nothing(
    updates: list[aggregation.Update], data: st.DataObject, name: str
) -> None:
    algorithm = ROBUST[name]
    shuffled = data.draw(st.permutations(updates))
    cut = data.draw(st.integers(0, len(updates)))
    filed = replace(algorithm, hold=50)

    value = algorithm.value(collected(algorithm, updates))
    left, right = collected(filed, shuffled[:cut]), collected(filed, shuffled[cut:])
    other = filed.value(filed.merge(left, right))

    assert (value.clients, value.weight) == (other.clients, other.weight)
    for key, got in value.arrays.items():
        assert np.asarray(got).tobytes() == np.asarray(other.arrays[key]).tobytes()


@pytest.mark.parametrize("name", ROBUST)
def test_a_minority_cannot_move_it_beyond_the_others(name: str) -> None:
    honest = made.seeded(9)
    bad = [
        aggregation.Update(
            client=f"bad{k}", arrays={"w": np.full(10, 1e30)}, weight=1e9, difference=True
        )
        for k in range(2)
    ]
    algorithm = ROBUST[name]

    value = algorithm.value(collected(algorithm, [*bad, *honest]))

    numbers = stacked(honest, "w")
    assert (np.asarray(value.arrays["w"]) <= numbers.max(axis=0)).all()
    assert (np.asarray(value.arrays["w"]) >= numbers.min(axis=0)).all()
    assert value.difference


@pytest.mark.parametrize("name", ROBUST)
def test_a_bad_update_is_refused_and_kept_out(name: str) -> None:
    algorithm = ROBUST[name]
    state = collected(algorithm, made.seeded(3))
    before = algorithm.value(state)

    for wrong in ({"w": np.full(10, np.nan)}, {"w": np.ones(11)}, {"w": None}):
        update = aggregation.Update(client="bad", arrays=wrong, difference=True)
        with pytest.raises(errors.UpdateRefused, match="`bad` is refused: `w`"):
            algorithm.add(state, update)
    ignored = aggregation.Update(client="z", arrays={"w": np.ones(10)}, weight=0, difference=True)
    after = algorithm.value(algorithm.add(state, ignored))

    assert after.clients == 3
    assert np.array_equal(np.asarray(after.arrays["w"]), np.asarray(before.arrays["w"]))


@pytest.mark.parametrize("name", ROBUST)
def test_nothing_has_no_value(name: str) -> None:
    with pytest.raises(errors.AggregateEmpty):
        ROBUST[name].value(ROBUST[name].begin())


def test_integers_are_rounded_in_their_type() -> None:
    median = aggregation.Median()
    updates = [aggregation.Update(client=str(k), arrays={"n": np.int64(k)}) for k in (1, 2, 3, 7)]

    value = median.value(collected(median, updates)).arrays["n"]

    assert value == np.int64(2)
    assert np.asarray(value).dtype == np.int64


@pytest.mark.parametrize("share", [-0.1, 0.5, float("nan")])
def test_a_share_that_leaves_nothing_is_refused(share: float) -> None:
    with pytest.raises(errors.AggregationInvalid, match="`share`"):
        aggregation.TrimmedMean(share=share)


def test_states_of_different_arrays_are_not_merged() -> None:
    median = aggregation.Median()
    state = collected(median, made.seeded(2))

    with pytest.raises(errors.AggregationInvalid, match="shape"):
        median.merge(state, collected(median, made.seeded(2, 11)))


def peak(clients: int) -> int:
    median = aggregation.Median(hold=0)
    tracemalloc.start()
    state = median.begin()
    for number in range(clients):
        numbers = np.full(400_000, number, np.float32)
        state = median.add(state, aggregation.Update(client=str(number), arrays={"w": numbers}))
    median.value(state)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_memory_does_not_grow_with_clients_once_they_are_in_the_file() -> None:
    assert peak(40) < 1.2 * peak(8)
