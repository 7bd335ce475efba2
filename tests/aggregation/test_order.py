import tracemalloc
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregation import updates as made
from ame import aggregation, errors


def value(order: list[int], skipped: set[int], hold: int) -> bytes:
    """The bits of the mean of updates that come in this order."""
    updates = made.seeded(len(order), 1000)
    mean = aggregation.Mean()
    state = mean.begin()
    with aggregation.Order(hold=hold) as line:
        for index in order:
            ready = line.skip(index) if index in skipped else line.put(index, updates[index])
            for each in ready:
                state = mean.add(state, each)
        assert line.waiting == 0
        assert line.next == len(order)
    return np.asarray(mean.value(state).arrays["w"]).tobytes()


@given(st.permutations(range(12)), st.sets(st.integers(0, 10)), st.sampled_from([0, 9000, 1 << 20]))
def test_the_mean_has_the_same_bits_in_any_order_of_arrival(
    order: list[int], skipped: set[int], hold: int
) -> None:
    assert value(order, skipped, hold) == value(list(range(12)), skipped, 0)


def test_each_comes_out_once_in_its_turn() -> None:
    updates = made.seeded(4)
    for arrival in permutations(range(4)):
        with aggregation.Order() as line:
            got = [each.client for index in arrival for each in line.put(index, updates[index])]
        assert got == ["c0", "c1", "c2", "c3"]


def test_what_waits_is_a_copy() -> None:
    numbers = np.ones(3, np.float32)
    with aggregation.Order() as line:
        list(line.put(1, aggregation.Update(client="b", arrays={"w": numbers})))
        numbers[...] = 7
        first, second = line.put(0, aggregation.Update(client="a", arrays={"w": numbers}))

    assert np.array_equal(aggregation.view(first.arrays["w"]).flat, [7, 7, 7])
    assert np.array_equal(aggregation.view(second.arrays["w"]).flat, [1, 1, 1])


@pytest.mark.parametrize("index", [0, 2])
def test_an_index_is_refused_the_second_time(index: int) -> None:
    update = made.seeded(1)[0]
    with aggregation.Order() as line:
        list(line.put(0, update))
        list(line.put(2, update))

        with pytest.raises(errors.AggregationInvalid, match=f"{index} was there before"):
            line.put(index, update)
        with pytest.raises(errors.AggregationInvalid, match=f"{index} was there before"):
            line.skip(index)


def test_what_is_no_array_cannot_wait() -> None:
    with aggregation.Order() as line:
        wrong = aggregation.Update(client="a", arrays={"w": "text"})
        with pytest.raises(errors.UpdateRefused, match="holds str"):
            line.put(1, wrong)

        assert line.waiting == 0


def held(clients: int) -> int:
    """The most memory that was used while the first client was the last to answer."""
    numbers = np.ones(100_000, np.float32)
    mean = aggregation.Mean()
    state = mean.begin()
    tracemalloc.start()
    with aggregation.Order(hold=1 << 20) as line:
        for index in reversed(range(clients)):
            update = aggregation.Update(client=f"c{index}", arrays={"w": numbers})
            for each in line.put(index, update):
                state = mean.add(state, each)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_memory_does_not_grow_when_the_first_is_the_last() -> None:
    assert held(100) < 1.2 * held(20)
