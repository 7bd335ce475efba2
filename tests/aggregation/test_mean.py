import math
import tracemalloc
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aggregation import updates as made
from ame import aggregation, errors

ONES = np.ones(4, np.float32)


def update(value: object = ONES, *, weight: float = 1.0, **more: bool) -> aggregation.Update:
    return aggregation.Update(client="site-7", arrays={"w": value}, weight=weight, **more)


@given(made.rounds())
def test_the_mean_is_that_of_the_plain_formula(updates: list[aggregation.Update]) -> None:
    mean = aggregation.Mean()

    value = mean.value(made.folded(mean, updates))

    assert value.clients == len(updates)
    assert value.weight == sum(each.weight for each in updates)
    assert set(value.arrays) == {key for each in updates for key in each.arrays}
    for key, got in value.arrays.items():
        assert isinstance(got, np.ndarray)
        assert (got.dtype, got.shape) == (np.float32, made.SHAPES[key])
        assert (
            abs(made.double(got) - made.plain_mean(updates, key)) <= made.tolerance(updates, key)
        ).all()


@given(made.rounds(np.float64, largest=2.0**100))
def test_in_double_precision_the_mean_is_exact_to_float64(
    updates: list[aggregation.Update],
) -> None:
    mean = aggregation.Mean(double=True)

    value = mean.value(made.folded(mean, updates))

    for key, got in value.arrays.items():
        error = abs(made.double(got) - made.plain_mean(updates, key))
        assert (error <= 1e-8 * made.tolerance(updates, key)).all()


@given(made.rounds(), st.data())
def test_merge_equals_add(updates: list[aggregation.Update], data: st.DataObject) -> None:
    mean = aggregation.Mean()
    cut = data.draw(st.integers(0, len(updates)))

    merged = mean.merge(made.folded(mean, updates[:cut]), made.folded(mean, updates[cut:]))
    whole, parts = mean.value(made.folded(mean, updates)), mean.value(merged)

    assert (parts.clients, parts.difference) == (whole.clients, whole.difference)
    assert parts.weight == pytest.approx(whole.weight)
    for key, got in parts.arrays.items():
        error = abs(made.double(got) - made.double(whole.arrays[key]))
        assert (error <= 2 * made.tolerance(updates, key)).all()


def test_the_same_calls_give_the_same_bits() -> None:
    mean = aggregation.Mean()
    updates = made.seeded(50, 10_000)

    def once() -> bytes:
        left, right = made.folded(mean, updates[:21]), made.folded(mean, updates[21:])
        value = mean.value(mean.merge(left, right)).arrays["w"]
        assert isinstance(value, np.ndarray)
        return value.tobytes()

    assert once() == once()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_value_can_be_had_in_between_and_later_again(dtype: type[np.floating[Any]]) -> None:
    ones = np.ones(4, dtype)
    mean = aggregation.Mean()
    state = mean.add(mean.begin(), update(ones))

    first = mean.value(state)
    second = mean.value(mean.add(state, update(3 * ones)))

    assert np.array_equal(np.asarray(first.arrays["w"]), ones)
    assert np.array_equal(np.asarray(second.arrays["w"]), 2 * ones)


def test_an_array_that_a_client_lacks_has_a_denominator_of_its_own() -> None:
    mean = aggregation.Mean()
    both = aggregation.Update(client="a", arrays={"w": ONES, "v": ONES}, weight=3)
    one = aggregation.Update(client="b", arrays={"w": 5 * ONES}, weight=1)

    value = mean.value(made.folded(mean, [both, one]))

    assert np.array_equal(np.asarray(value.arrays["w"]), 2 * ONES)
    assert np.array_equal(np.asarray(value.arrays["v"]), ONES)


def test_many_equal_updates_do_not_drift() -> None:
    mean = aggregation.Mean()
    tenth = np.full(4, 0.1, np.float32)

    value = mean.value(made.folded(mean, [update(tenth, weight=7)] * 20_000))

    assert np.allclose(np.asarray(value.arrays["w"]), tenth, rtol=1e-6, atol=0)


@pytest.mark.parametrize("size", [3e38, 1e30, 1e19, 1e-19, 1e-30, 2e-38])
@pytest.mark.parametrize("weight", [1e-12, 1.0, 1e6, 1e12])
def test_huge_and_tiny_numbers_and_weights_are_averaged(size: float, weight: float) -> None:
    mean = aggregation.Mean()
    updates = [update(np.full(4, k * size / 3, np.float32), weight=weight) for k in (1, 2, 3)]

    value = mean.value(made.folded(mean, updates))

    assert np.allclose(np.asarray(value.arrays["w"], np.float64), size * 2 / 3, rtol=4e-7, atol=0)


def test_integers_are_averaged_and_rounded_in_the_type_of_the_model() -> None:
    model = {"n": np.int64(5), "mask": np.array([True, False])}
    mean = aggregation.Mean(layout=aggregation.Layout.of(model))
    updates = [
        aggregation.Update(client="a", arrays={"n": 10, "mask": [True, True]}, weight=3),
        aggregation.Update(client="b", arrays={"n": 13, "mask": [False, True]}, weight=1),
    ]

    value = mean.value(made.folded(mean, updates)).arrays

    assert value["n"] == np.int64(11)
    assert np.asarray(value["n"]).dtype == np.int64
    assert np.array_equal(np.asarray(value["mask"]), [True, True])
    assert np.asarray(value["mask"]).dtype == np.bool_


def test_the_type_of_the_result_is_the_models() -> None:
    layout = aggregation.Layout.of({"w": np.zeros(4, np.float16)})
    mean = aggregation.Mean(layout=layout)

    value = mean.value(made.folded(mean, [update(ONES.astype(np.float64))]))

    assert np.asarray(value.arrays["w"]).dtype == np.float16


def test_an_update_of_weight_zero_is_checked_and_does_not_count() -> None:
    mean = aggregation.Mean()
    state = made.folded(mean, [update(ONES), update(9 * ONES, weight=0)])

    assert mean.value(state).clients == 1
    assert np.array_equal(np.asarray(mean.value(state).arrays["w"]), ONES)
    with pytest.raises(errors.UpdateRefused, match="nan"):
        mean.add(state, update(np.full(4, np.nan), weight=0))


@pytest.mark.parametrize("updates", [[], [update(weight=0), update(weight=0)]])
def test_nothing_has_no_mean(updates: Sequence[aggregation.Update]) -> None:
    mean = aggregation.Mean()

    with pytest.raises(errors.AggregateEmpty, match="weight above 0"):
        mean.value(made.folded(mean, updates))


def bad(index: int, value: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    numbers = np.ones(200_000, np.float32)
    numbers[index] = value
    return numbers


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("index", [0, 9_000, 199_999])
def test_a_number_that_is_not_finite_is_refused_with_its_place(index: int, value: float) -> None:
    mean = aggregation.Mean()
    state = made.folded(mean, [update(bad(0, 1.0))])

    with pytest.raises(errors.UpdateRefused) as caught:
        mean.add(state, update(bad(index, value)))

    assert (caught.value.client, caught.value.key) == ("site-7", "w")
    assert str(caught.value) == f"the update of `site-7` is refused: `w` holds {value} at [{index}]"


LAYOUT = aggregation.Layout.of({"w": ONES, "v": ONES})
REFUSED: dict[str, tuple[aggregation.Update, str | None, str]] = {
    "shape": (update(np.ones(5, np.float32)), "w", r"has shape \(5,\), not \(4,\)"),
    "flattened": (update(ONES.reshape(2, 2)), "w", r"has shape \(2, 2\)"),
    "unknown key": (
        aggregation.Update(client="site-7", arrays={"w": ONES, "u": ONES}),
        "u",
        "no array of the model",
    ),
    "missing key": (update(), "v", "is missing"),
    "text": (update(np.array(["a"] * 4)), "w", "holds str"),
    "objects": (update([None] * 4), "w", "holds object"),
    "ragged": (update([[1.0], [1.0, 2.0]]), "w", "is no array"),
    "complex": (update(ONES * 1j), "w", "holds complex64"),
    "huge integers": (update(np.full(4, 2**60)), "w", r"beyond 2\^53"),
    "norm": (
        aggregation.Update(client="site-7", arrays={"w": 9 * ONES, "v": ONES}),
        None,
        "norm is 18.1108, beyond 10",
    ),
    "negative weight": (update(weight=-1), None, "its weight is -1"),
    "weight not a number": (update(weight=math.nan), None, "its weight is nan"),
    "infinite weight": (update(weight=math.inf), None, "its weight is inf"),
    "kind": (
        aggregation.Update(client="site-7", arrays={"w": ONES, "v": ONES}, difference=True),
        None,
        "it is a difference",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_update_is_refused_by_name_and_changes_nothing(case: str) -> None:
    wrong, key, why = REFUSED[case]
    checks = aggregation.Checks(norm=10, complete=True)
    mean = aggregation.Mean(layout=LAYOUT, checks=checks)
    good = aggregation.Update(client="a", arrays={"w": ONES, "v": 2 * ONES})
    state = made.folded(mean, [good])

    with pytest.raises(errors.UpdateRefused, match=why) as caught:
        mean.add(state, wrong)

    assert (caught.value.client, caught.value.key) == ("site-7", key)
    after = mean.value(state)
    assert (after.clients, after.weight) == (1, 1.0)
    assert np.array_equal(np.asarray(after.arrays["w"]), ONES)
    assert np.array_equal(np.asarray(after.arrays["v"]), 2 * ONES)


def test_what_is_known_to_be_finite_is_not_looked_at() -> None:
    mean = aggregation.Mean(checks=aggregation.Checks(finite=False))

    value = mean.value(made.folded(mean, [update(np.array([1, math.nan, math.inf, 2.0]))]))

    assert np.array_equal(np.asarray(value.arrays["w"]), [1, math.nan, math.inf, 2], equal_nan=True)


def test_what_does_not_fit_the_models_type_is_refused() -> None:
    layout = aggregation.Layout.of({"w": np.zeros(4, np.int8)})
    mean = aggregation.Mean(layout=layout, denominator=1)

    with pytest.raises(errors.AggregateOverflow, match="`w` does not fit int8"):
        mean.value(made.folded(mean, [update(ONES * 100), update(ONES * 100)]))


def test_sums_of_different_arrays_are_not_merged() -> None:
    mean = aggregation.Mean()
    one, other = made.folded(mean, [update()]), made.folded(mean, [update(np.ones(3))])

    with pytest.raises(errors.AggregationInvalid, match="shape"):
        mean.merge(one, other)
    with pytest.raises(errors.AggregationInvalid, match="another kind"):
        mean.merge(one, made.folded(mean, [update(difference=True)]))


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: aggregation.Checks(norm=0), "norm"),
        (lambda: aggregation.Mean(denominator=0), "denominator"),
        (lambda: aggregation.Clip(norm=math.inf), "norm"),
    ],
)
def test_an_argument_without_meaning_is_refused(make: type, argument: str) -> None:
    with pytest.raises(errors.AggregationInvalid, match=f"`{argument}`"):
        make()


def peak(clients: int, *, double: bool) -> int:
    mean = aggregation.Mean(double=double)
    numbers = np.ones(300_000, np.float32)
    tracemalloc.start()
    state = mean.begin()
    for number in range(clients):
        state = mean.add(state, update(numbers, weight=1 + number))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@pytest.mark.parametrize("double", [False, True])
def test_memory_does_not_grow_with_the_number_of_clients(
    double: bool,
) -> None:
    assert peak(200, double=double) < 1.05 * peak(40, double=double)


@given(made.rounds(largest=1e6), st.floats(1e-3, 1e6), st.booleans())
def test_clipping_as_it_is_folded_is_clipping_before(
    updates: list[aggregation.Update], norm: float, by_layer: bool
) -> None:
    clip = aggregation.Clip(norm=norm, by_layer=by_layer)
    plain, clipping = aggregation.Mean(double=True), aggregation.Mean(clip=clip)
    differences = [
        aggregation.Update(client=u.client, arrays=u.arrays, weight=u.weight, difference=True)
        for u in updates
    ]
    assume(any(u.arrays for u in updates))

    before = plain.value(made.folded(plain, [clip.clipped(u) for u in differences]))
    value = clipping.value(made.folded(clipping, differences))

    for key, got in value.arrays.items():
        error = abs(made.double(got) - made.double(before.arrays[key]))
        assert (error <= 2 * made.tolerance(updates, key)).all()


def test_models_are_not_clipped() -> None:
    mean = aggregation.Mean(clip=aggregation.Clip(norm=1))

    with pytest.raises(errors.UpdateRefused, match="clip differences"):
        mean.add(mean.begin(), update())
