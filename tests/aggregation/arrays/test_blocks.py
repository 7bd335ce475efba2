"""Sums over the numbers of a view, of which warnings are errors here."""

import math

import numpy as np
import pytest

from ame.aggregation.arrays import blocks
from ame.aggregation.arrays.view import view

COUNTS = pytest.mark.parametrize("count", [3, 10_000, 70_000])
"""One product, rows of a block, and more than a block."""


@COUNTS
def test_squares_beyond_float32_are_summed_without_a_warning(count: int) -> None:
    total, finite = blocks.squares(view(np.full(count, 1e25, np.float32)))

    assert finite
    assert total == pytest.approx(count * 1e50, rel=1e-6)


@COUNTS
def test_squares_beyond_float64_are_infinite_without_a_warning(count: int) -> None:
    assert blocks.squares(view(np.full(count, 1e200))) == (math.inf, True)


@COUNTS
@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_a_number_that_is_not_finite_is_told_without_a_warning(count: int, number: float) -> None:
    numbers = np.full(count, 1e25, np.float32)
    numbers[-1] = number

    assert not blocks.squares(view(numbers))[1]
