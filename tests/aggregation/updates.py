"""Updates for tests, made by hypothesis or by a seed, and the plain formulas."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from ame import aggregation

Doubles = npt.NDArray[np.float64]
SHAPES: Mapping[str, tuple[int, ...]] = {"a": (3, 2), "b": (), "c": (5,)}


@st.composite
def rounds(
    draw: st.DrawFn,
    dtype: npt.DTypeLike = np.float32,
    *,
    largest: float = 2.0**40,
    whole: bool = False,
    least: int = 1,
) -> list[aggregation.Update]:
    """The updates of some clients; unless `whole`, some lack arrays.

    Of each array the numbers are of one size, or of all sizes up to `largest`, or zeros.
    """
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = draw(st.sampled_from(["zeros", "one size", "all sizes"]))
    made = []
    for number in range(draw(st.integers(least, 20))):
        keys = [key for key in SHAPES if whole or generator.random() < 0.7]
        values = {key: _numbers(generator, scale, SHAPES[key], largest) for key in keys}
        made.append(
            aggregation.Update(
                client=f"c{number}",
                arrays={key: value.astype(dtype) for key, value in values.items()},
                weight=draw(st.one_of(st.integers(1, 10_000), st.floats(2.0**-20, 2.0**20))),
            )
        )
    return made


def _numbers(
    generator: np.random.Generator, scale: str, shape: tuple[int, ...], largest: float
) -> Doubles:
    most = min(np.log2(largest), 126) - 3  # three bits for the tail of the normal distribution
    powers = {"zeros": -np.inf, "one size": 0.0}.get(scale, generator.uniform(-40, most, shape))
    return np.asarray(np.clip(generator.standard_normal(shape), -7, 7) * 2.0**powers)


def seeded(clients: int, size: int = 10, seed: int = 0) -> list[aggregation.Update]:
    """Differences of clients, of one array `w`."""
    generator = np.random.default_rng(seed)
    return [
        aggregation.Update(
            client=f"c{number}",
            arrays={"w": generator.standard_normal(size, np.float32)},
            weight=float(generator.integers(1, 100)),
            difference=True,
        )
        for number in range(clients)
    ]


def folded(
    mean: aggregation.Mean,
    updates: Sequence[aggregation.Update],
    state: aggregation.Sum | None = None,
) -> aggregation.Sum:
    state = mean.begin() if state is None else state
    for update in updates:
        state = mean.add(state, update)
    return state


def double(value: object) -> Doubles:
    return np.asarray(value).astype(np.float64)


def plain_mean(updates: Sequence[aggregation.Update], key: str) -> Doubles:
    """The formula as it is written, in float64."""
    those = [update for update in updates if key in update.arrays]
    total = sum(update.weight * double(update.arrays[key]) for update in those)
    return np.asarray(total / sum(update.weight for update in those))


def tolerance(updates: Sequence[aggregation.Update], key: str) -> Doubles:
    """What `Mean` promises: 1e-6 of the mean of the absolute values, and the result's rounding."""
    absolute = [
        aggregation.Update(
            client=u.client, arrays={key: abs(double(u.arrays[key]))}, weight=u.weight
        )
        for u in updates
        if key in u.arrays
    ]
    return 1.1e-6 * plain_mean(absolute, key) + 1e-37
