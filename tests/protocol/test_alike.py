"""Checkpoints that are laid out alike: read as by themselves, and refused as by themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ame import errors
from ame.protocol.tensors import Array, alike, checkpoint


def update(seed: int, examples: int = 1) -> dict[str, Array]:
    numbers = np.random.default_rng(seed)
    return {
        "update/b": numbers.standard_normal(3),
        "update/name": np.array([b"a", b"%d" % (seed % 10)], object),
        "update/n": np.array(examples),
        "update/none": np.empty((0, 2), np.float32),
        "update/w": numbers.standard_normal((4, 2)).astype(np.float32),
    }


def same(found: dict[str, Array], wanted: dict[str, Array]) -> bool:
    return list(found) == list(wanted) and all(
        found[name].dtype == each.dtype and np.array_equal(found[name], each)
        for name, each in wanted.items()
    )


def test_each_is_read_as_it_would_be_by_itself() -> None:
    reader = alike.Alike()
    for seed in range(40):
        content = checkpoint.to_bytes(update(seed, examples=3**seed))
        assert same(reader.read(content), checkpoint.read(content))


def test_tensors_of_other_names_types_and_shapes_are_told_apart() -> None:
    reader = alike.Alike()
    for dtype, name, shape in [
        (np.float32, "update/w", (4, 2)),
        (np.float32, "update/v", (4, 2)),
        (np.float32, "update/w", (2, 4)),
        (np.int32, "update/w", (4, 2)),
        (np.float32, "update/w", (4, 2)),
    ]:
        content = checkpoint.to_bytes({name: np.ones(shape, dtype)})
        assert same(reader.read(content), {name: np.ones(shape, dtype)})


@given(st.integers(0, 10_000), st.integers(1, 255), st.integers(0, 99))
def test_what_is_changed_anywhere_is_read_or_refused_as_by_itself(
    at: int, by: int, seed: int
) -> None:
    reader = alike.Alike()
    reader.read(checkpoint.to_bytes(update(0)))
    changed = bytearray(checkpoint.to_bytes(update(seed)))
    changed[at % len(changed)] ^= by
    try:
        wanted = checkpoint.read(bytes(changed))
    except errors.TensorsMalformed:
        with pytest.raises(errors.TensorsMalformed):
            reader.read(bytes(changed))
    else:
        assert same(reader.read(bytes(changed)), wanted)


def test_a_limit_holds_for_the_first_one() -> None:
    content = checkpoint.to_bytes(update(0))
    with pytest.raises(errors.TensorsMalformed, match="more than 5 values"):
        alike.Alike().read(content, limit=5)
