import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregation import updates as made
from ame import aggregation, errors


def test_the_noise_is_normal_of_its_deviation() -> None:
    gaussian = aggregation.Gaussian(deviation=3.0)
    model = {"w": np.full((300, 1000), 5.0, np.float32), "v": np.zeros(10_000)}

    noised = gaussian.noised(model, np.random.default_rng(1))

    w = np.asarray(noised["w"]) - 5.0
    assert w.dtype == np.float32
    assert w.shape == (300, 1000)
    assert abs(w.mean()) < 5 * 3 / math.sqrt(w.size)
    assert w.std() == pytest.approx(3, rel=0.01)
    assert np.quantile(abs(w), 0.95) == pytest.approx(1.96 * 3, rel=0.02)
    assert np.array_equal(np.asarray(model["w"]), np.full((300, 1000), 5.0))


def test_a_seed_repeats_it_whatever_the_order_of_the_names() -> None:
    gaussian = aggregation.Gaussian(deviation=1)
    one = gaussian.noised({"a": np.zeros(3), "b": np.ones(3)}, np.random.default_rng(7))
    other = gaussian.noised({"b": np.ones(3), "a": np.zeros(3)}, np.random.default_rng(7))

    for key in "ab":
        assert np.array_equal(np.asarray(one[key]), np.asarray(other[key]))
    assert not np.array_equal(np.asarray(one["a"]), np.asarray(one["b"]) - 1)


def test_integers_cannot_be_hidden() -> None:
    with pytest.raises(errors.AggregationInvalid, match="`n` holds int64"):
        aggregation.Gaussian(deviation=1).noised({"n": np.int64(3)}, np.random.default_rng(0))


def test_noise_beyond_the_type_is_refused() -> None:
    with pytest.raises(errors.AggregateOverflow, match="float16"):
        aggregation.Gaussian(deviation=1e9).noised(
            {"w": np.ones(9, np.float16)}, np.random.default_rng(0)
        )


@pytest.mark.parametrize("deviation", [-1, math.nan, math.inf])
def test_a_deviation_without_meaning_is_refused(deviation: float) -> None:
    with pytest.raises(errors.AggregationInvalid, match="`deviation`"):
        aggregation.Gaussian(deviation=deviation)


def norm(arrays: aggregation.Arrays) -> float:
    return math.sqrt(sum(float((made.double(each) ** 2).sum()) for each in arrays.values()))


@given(made.rounds(largest=2.0**60), st.floats(1e-3, 1e6), st.booleans())
def test_what_is_clipped_is_within_the_norm_and_points_the_same_way(
    updates: list[aggregation.Update], limit: float, by_layer: bool
) -> None:
    clip = aggregation.Clip(norm=limit, by_layer=by_layer)
    for update in updates:
        clipped = clip.clipped(update)

        assert norm(clipped.arrays) <= limit
        if norm(update.arrays) < limit * (1 - 1e-5) and not by_layer:
            assert clipped.arrays == update.arrays
        layers = len(update.arrays)
        for key, each in update.arrays.items():
            own = limit / math.sqrt(layers) if by_layer else limit
            length = norm({key: each}) if by_layer else norm(update.arrays)
            factor = min(1.0, own / length) if length else 1.0
            expected = factor * made.double(each)
            assert np.allclose(made.double(clipped.arrays[key]), expected, rtol=4e-6, atol=1e-37)


def test_integers_are_neither_counted_nor_scaled() -> None:
    update = aggregation.Update(client="a", arrays={"w": np.ones(4), "n": np.int64(1000)})

    clipped = aggregation.Clip(norm=1).clipped(update)

    assert clipped.arrays["n"] is update.arrays["n"]
    assert norm({"w": clipped.arrays["w"]}) == pytest.approx(1, rel=1e-5)


def test_what_is_not_finite_cannot_be_clipped() -> None:
    update = aggregation.Update(client="a", arrays={"w": np.array([1, math.inf])})

    with pytest.raises(errors.UpdateRefused, match="`w`"):
        aggregation.Clip(norm=1).clipped(update)
