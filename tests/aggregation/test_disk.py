import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aggregation import updates as made
from ame import aggregation, errors
from ame.aggregation.robust import ByNumber


@pytest.fixture
def updates(tmp_path: Path) -> list[aggregation.Update]:
    """Of clients whose models are in files, some of which lack an array."""
    found = []
    for number, update in enumerate(made.seeded(11, 100_000)):
        arrays = {**update.arrays, "n": np.int64(number), "v": np.arange(6).reshape(2, 3) * 1.5}
        if number == 3:
            del arrays["v"]
        file = tmp_path / f"{number}.{'npz' if number % 2 else 'safetensors'}"
        if number % 2:
            np.savez(
                file,
                allow_pickle=False,
                **{key: np.asarray(value) for key, value in arrays.items()},
            )
        else:
            aggregation.save(file, arrays)
        found.append(replace(update, arrays=aggregation.read(file)))
    return found


ALGORITHMS: dict[str, aggregation.Mean | ByNumber] = {
    "mean": aggregation.Mean(),
    "double": aggregation.Mean(double=True),
    "clipped": aggregation.Mean(clip=aggregation.Clip(norm=3, by_layer=True), denominator=7),
    "median": aggregation.Median(),
    "trimmed": aggregation.TrimmedMean(share=0.1),
}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_from_files_it_has_the_same_bits(
    name: str, updates: list[aggregation.Update], tmp_path: Path
) -> None:
    algorithm = ALGORITHMS[name]
    if isinstance(algorithm, aggregation.Mean):
        memory = algorithm.value(made.folded(algorithm, updates))
    else:
        state = algorithm.begin()
        for update in updates:
            state = algorithm.add(state, update)
        memory = algorithm.value(state)

    value = aggregation.fold(algorithm, updates, tmp_path / "out.safetensors")

    assert (value.clients, value.difference) == (memory.clients, True)
    assert set(value.arrays) == {"w", "n", "v"}
    for key, each in memory.arrays.items():
        expected, got = aggregation.view(each), aggregation.view(value.arrays[key])
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
        assert got.flat.tobytes() == expected.flat.tobytes()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_bad_update_is_refused_before_anything_is_written(
    name: str, updates: list[aggregation.Update], tmp_path: Path
) -> None:
    out = tmp_path / "out.safetensors"
    bad = aggregation.Update(client="bad", arrays={"w": np.full(100_000, np.inf)}, difference=True)

    with pytest.raises(errors.UpdateRefused, match="`bad` is refused: `w` holds inf"):
        aggregation.fold(ALGORITHMS[name], [*updates, bad], out)

    assert not out.exists()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_nothing_has_no_value(name: str, tmp_path: Path) -> None:
    unweighted = [replace(update, weight=0) for update in made.seeded(2)]
    for updates in ([], unweighted):
        with pytest.raises(errors.AggregateEmpty):
            aggregation.fold(ALGORITHMS[name], updates, tmp_path / "out.safetensors")


class Made(dict[str, int]):
    """Arrays that are made when they are asked for: the number is their value."""

    def __getitem__(self, key: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:  # type: ignore[override]  # a mapping of arrays
        return np.full(100_000, super().__getitem__(key), np.float32)

    def items(self) -> Iterator[tuple[str, object]]:  # type: ignore[override]  # one at a time
        return ((key, self[key]) for key in self)


def peak(keys: int, clients: int, folder: Path) -> int:
    updates = [
        aggregation.Update(client=str(n), arrays=Made({f"k{k}": n for k in range(keys)}))
        for n in range(clients)
    ]
    tracemalloc.start()
    aggregation.fold(aggregation.Mean(), updates, folder / "out.safetensors")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_memory_is_that_of_one_array(tmp_path: Path) -> None:
    small = peak(2, 3, tmp_path)

    assert peak(40, 3, tmp_path) < 1.3 * small
    assert peak(2, 30, tmp_path) < 1.3 * small
