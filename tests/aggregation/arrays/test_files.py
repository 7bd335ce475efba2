import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from ame import aggregation, errors
from ame.aggregation.arrays import View, files
from ame.aggregation.arrays.view import DTYPES

TYPES = sorted(DTYPES - {"bfloat16"})


def sample(dtype: str, shape: tuple[int, ...] = (3, 2)) -> np.ndarray[tuple[int, ...], np.dtype]:
    size = int(np.prod(shape))
    return np.arange(size).reshape(shape).astype(dtype)


def test_what_is_saved_is_read_by_the_package_of_the_format(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    model = {f"layer.{dtype}": sample(dtype) for dtype in TYPES}

    aggregation.save(file, model, {"format": "pt"})
    theirs = safetensors.numpy.load_file(file)

    assert set(theirs) == set(model)
    for key, value in model.items():
        assert theirs[key].dtype == value.dtype
        assert np.array_equal(theirs[key], value)
    with safetensors.safe_open(file, framework="np") as opened:
        assert opened.metadata() == {"format": "pt"}
    assert [each.name for each in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (5,), (2, 3, 4)])
@pytest.mark.parametrize("kind", ["ours", "safetensors", "npz"])
def test_what_was_written_is_read(tmp_path: Path, kind: str, shape: tuple[int, ...]) -> None:
    file = tmp_path / "model"
    model = {dtype: sample(dtype, shape) for dtype in TYPES}
    match kind:
        case "ours":
            aggregation.save(file, model)
        case "safetensors":
            safetensors.numpy.save_file(model, file)
        case _:
            with file.open("wb") as opened:
                np.savez_compressed(opened, allow_pickle=False, **model)

    got = aggregation.read(file)

    assert len(got) == len(model)
    assert "missing" not in got
    for key, value in model.items():
        assert (got[key].dtype, got[key].shape) == (value.dtype.name, shape)
        assert np.array_equal(got[key].flat, value.reshape(-1))


@given(st.binary(max_size=40), st.integers(0, 500), st.booleans())
def test_a_damaged_file_is_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int, npz: bool
) -> None:
    file = tmp_path_factory.mktemp("files") / "model"
    if npz:
        with file.open("wb") as opened:
            np.savez(opened, w=sample("float32"))
    else:
        aggregation.save(file, {"w": sample("float32")})
    whole = file.read_bytes()
    file.write_bytes(whole[:place] + noise)

    try:
        read = {key: each.flat.sum() for key, each in aggregation.read(file).items()}
    except errors.ArraysDamaged as error:
        read = {}
        said = str(error)
    else:
        said = str(file)

    assert str(file) in said
    assert set(read) <= {"w"} or noise


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    pickled, objects = tmp_path / "pickled.npz", tmp_path / "objects.npz"
    pickled.write_bytes(pickle.dumps({"w": [1]}))
    with objects.open("wb") as opened:
        np.savez(opened, w=np.array([{}], dtype=object))

    with pytest.raises(errors.ArraysDamaged):
        aggregation.read(pickled)
    with pytest.raises(errors.ArraysDamaged, match="`w`"):
        aggregation.read(objects)["w"]


def test_a_type_that_cannot_be_averaged_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    header = json.dumps({"w": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")

    with pytest.raises(errors.ArraysDamaged, match="`w` holds F8_E4M3"):
        aggregation.read(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.ArraysDamaged, match="missing"):
        aggregation.read(tmp_path / "missing")


def test_a_file_that_is_not_completed_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    aggregation.save(file, {"w": sample("float32")})
    before = file.read_bytes()
    one = View(np.zeros(6, np.float32), "float32", (3, 2))
    shapes = {"w": ("float32", (3, 2)), "v": ("float32", (3, 2))}

    for arrays in ([("w", one)], [("u", one)], [("w", one), ("w", one)]):
        with pytest.raises(ValueError, match="arrays"):
            files.write(file, shapes, arrays)

    assert file.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
