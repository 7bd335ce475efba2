import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from aggregation.updates import Doubles
from ame import aggregation, errors

DIFFERENCES = st.lists(
    arrays.arrays(np.float64, (4,), elements=st.floats(-1000, 1000)), min_size=1, max_size=5
)


def run(
    optimizer: aggregation.Optimizer, differences: Sequence[Doubles], *, models: bool = False
) -> Doubles:
    """The model, at first zeros, after a round for each difference."""
    model: aggregation.Arrays = {"w": np.zeros(4)}
    moments = aggregation.Moments()
    for each in differences:
        sent = each + np.asarray(model["w"]) if models else each
        aggregate = aggregation.Aggregate(
            arrays={"w": sent}, clients=1, weight=1, difference=not models
        )
        moments, model = optimizer.step(moments, model, aggregate)
        moments = aggregation.Moments.of(moments.arrays())
    return np.asarray(model["w"])


def plain(
    differences: Sequence[Doubles],
    second: Callable[[Doubles, Doubles], Doubles],
    *,
    rate: float,
    beta: float,
    tau: float,
) -> Doubles:
    """Algorithm 2, line by line."""
    x, m, v = np.zeros(4), np.zeros(4), np.full(4, tau**2)
    for delta in differences:
        m = beta * m + (1 - beta) * delta
        v = second(v, delta)
        x = x + rate * m / (np.sqrt(v) + tau)
    return x


@given(DIFFERENCES)
def test_adagrad_adam_and_yogi_are_those_of_algorithm_2(differences: list[Doubles]) -> None:
    rules: dict[aggregation.Optimizer, Callable[[Doubles, Doubles], Doubles]] = {
        aggregation.Adagrad(rate=0.1, first=0.9, floor=0.01): lambda v, d: v + d**2,
        aggregation.Adam(rate=0.1, floor=0.01): lambda v, d: 0.99 * v + 0.01 * d**2,
        aggregation.Yogi(rate=0.1, floor=0.01): (lambda v, d: v - 0.01 * d**2 * np.sign(v - d**2)),
    }
    for optimizer, second in rules.items():
        expected = plain(differences, second, rate=0.1, beta=0.9, tau=0.01)
        assert np.allclose(run(optimizer, differences), expected, rtol=1e-12, atol=1e-12)


@given(DIFFERENCES)
def test_momentum_is_a_decaying_sum(differences: list[Doubles]) -> None:
    x = m = np.zeros(4)
    for each in differences:
        m = 0.6 * m + each
        x = x + 0.5 * m

    got = run(aggregation.SGD(rate=0.5, momentum=0.6), differences)

    assert np.allclose(got, x, rtol=1e-12, atol=1e-12)


@given(DIFFERENCES)
def test_means_of_models_are_turned_into_differences(differences: list[Doubles]) -> None:
    for optimizer in (aggregation.SGD(momentum=0.5), aggregation.Yogi(rate=0.1)):
        models = run(optimizer, differences, models=True)
        assert np.allclose(models, run(optimizer, differences), rtol=1e-6, atol=1e-6)


def test_gradient_descent_of_rate_1_is_the_plain_mean() -> None:
    model = {
        "w": np.array([1, 2], np.float32),
        "n": np.int64(3),
        "other": np.array([9], np.float32),
    }
    for difference in (False, True):
        aggregate = aggregation.Aggregate(
            arrays={"w": np.array([4, 4], np.float32), "n": np.int64(5)},
            clients=2,
            weight=2,
            difference=difference,
        )
        _, stepped = aggregation.SGD().step(aggregation.Moments(), model, aggregate)
        moved = aggregation.applied(model, aggregate)

        for key, old in model.items():
            assert np.array_equal(np.asarray(moved[key]), np.asarray(stepped[key]))
            assert np.asarray(moved[key]).dtype == np.asarray(old).dtype
        assert np.array_equal(np.asarray(moved["w"]), [5, 6] if difference else [4, 4])
        assert moved["n"] == (8 if difference else 5)
        assert np.array_equal(np.asarray(moved["other"]), [9])


def test_only_the_arrays_that_are_named_are_optimized() -> None:
    model = {"w": np.zeros(2), "running_mean": np.zeros(2)}
    aggregate = aggregation.Aggregate(
        arrays={key: np.ones(2) for key in model}, clients=1, weight=1, difference=True
    )

    _, moved = aggregation.Adam(rate=0.1, only={"w"}).step(aggregation.Moments(), model, aggregate)

    assert np.array_equal(np.asarray(moved["running_mean"]), np.ones(2))
    assert not np.array_equal(np.asarray(moved["w"]), np.ones(2))


@pytest.mark.parametrize("arrays", [{"v": np.ones(2)}, {"w": np.ones(3)}])
def test_what_is_no_array_of_the_model_is_refused(arrays: aggregation.Arrays) -> None:
    model = {"w": np.ones(2)}
    aggregate = aggregation.Aggregate(arrays=dict(arrays), clients=1, weight=1, difference=True)

    with pytest.raises(errors.AggregationInvalid, match="the aggregate"):
        aggregation.applied(model, aggregate)
    with pytest.raises(errors.AggregationInvalid, match="the aggregate"):
        aggregation.Adam(rate=1).step(aggregation.Moments(), model, aggregate)


def test_a_model_that_would_overflow_is_refused() -> None:
    model = {"w": np.ones(2, np.float16)}
    aggregate = aggregation.Aggregate(
        arrays={"w": np.ones(2)}, clients=1, weight=1, difference=True
    )

    with pytest.raises(errors.AggregateOverflow, match="`w` does not fit float16"):
        aggregation.SGD(rate=1e6).step(aggregation.Moments(), model, aggregate)


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: aggregation.SGD(rate=0), "rate"),
        (lambda: aggregation.SGD(momentum=1), "momentum"),
        (lambda: aggregation.Adam(rate=math.inf), "rate"),
        (lambda: aggregation.Adam(rate=1, first=-0.1), "first"),
        (lambda: aggregation.Yogi(rate=1, second=1), "second"),
        (lambda: aggregation.Adagrad(rate=1, floor=0), "floor"),
    ],
)
def test_a_number_beyond_its_range_is_refused(make: type, argument: str) -> None:
    with pytest.raises(errors.AggregationInvalid, match=f"`{argument}`"):
        make()
