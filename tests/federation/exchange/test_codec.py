import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ame.federation.exchange import codec, memory
from ame.federation.model import FLModel, ParamsType
from ame.federation.spec.dxo import DXO, DataKind
from ame.federation.spec.shareable import Shareable

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(max_size=50),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.integers(-5, 5), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


def travelled(value: object) -> Any:
    encoded = codec.encode(value)
    body = bytearray(encoded.size)
    encoded.write(body)
    return codec.decode(encoded.head, body)


@settings(max_examples=200)
@given(PLAIN)
def test_plain_values_arrive_as_they_were_sent(value: object) -> None:
    assert travelled(value) == value
    assert codec.unpack(codec.pack(value)) == value


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.arange(20)[::3],
        np.array(7.5),
        np.zeros((0, 3)),
        np.array([True, False]),
        np.array([1 + 2j]),
        np.array(["a", "bcd"]),
        np.array([1.5, math.nan], dtype=">f8"),
        np.array([1, 2], dtype=np.float16),
    ],
)
def test_arrays_keep_type_shape_and_values(array: np.ndarray[Any, Any]) -> None:
    got = travelled({"a": array, "b": [array]})

    for each in (got["a"], got["b"][0]):
        assert each.dtype == array.dtype
        assert each.shape == array.shape
        np.testing.assert_array_equal(each, array)


def test_arrays_are_views_of_the_body_that_can_be_written_to_if_it_can() -> None:
    encoded = codec.encode(np.zeros(1000))
    body = bytearray(encoded.size)
    encoded.write(body)

    codec.decode(encoded.head, body)[:] = 1
    assert codec.decode(encoded.head, body).sum() == 1000
    assert not codec.decode(encoded.head, bytes(body)).flags.writeable


def test_scalars_of_numpy_keep_their_type() -> None:
    got = travelled([np.float32(0.1), np.int64(3), np.bool_(True)])

    assert [type(each) for each in got] == [np.float32, np.int64, np.bool_]
    assert got[0] == np.float32(0.1)


def test_a_model_in_a_dxo_in_a_shareable_arrives() -> None:
    shareable = DXO(
        DataKind.WEIGHTS, data={"w": np.ones(3)}, meta={"steps": 4, "who": ("a", 1)}
    ).to_shareable()
    shareable.set_header("model", FLModel(params={"w": np.ones(2)}, params_type=ParamsType.DIFF))

    got = travelled(shareable)

    assert type(got) is Shareable
    assert got["DXO"]["kind"] == "WEIGHTS"
    assert got["DXO"]["meta"] == {"steps": 4, "who": ("a", 1)}
    np.testing.assert_array_equal(got["DXO"]["data"]["w"], np.ones(3))
    model = got.get_header("model")
    assert model.params_type is ParamsType.DIFF
    np.testing.assert_array_equal(model.params["w"], np.ones(2))
    assert type(travelled(DXO(DataKind.METRICS, data={"a": 1}))) is DXO


def test_tensors_keep_type_and_bits() -> None:
    import torch

    values = {
        "plain": torch.arange(6.0).reshape(2, 3),
        "half": torch.tensor([1.5, 2.5], dtype=torch.bfloat16),
        "grown": torch.ones(2, requires_grad=True),
        "strided": torch.arange(6)[::2],
        "number": torch.tensor(3),
    }

    got = travelled(values)

    for name, tensor in values.items():
        assert got[name].dtype is tensor.dtype
        assert got[name].shape == tensor.shape
        assert torch.equal(got[name], tensor.detach())


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"params": {"w": object()}}, r"params\.w is a builtins\.object"),
        ([1, {2, 3}], r"1 is a builtins\.set"),
        ({"a": np.array([None])}, r"a is a numpy\.ndarray"),
    ],
)
def test_what_cannot_travel_is_refused_with_its_place(value: object, place: str) -> None:
    with pytest.raises(TypeError, match=place):
        codec.encode(value)


def test_what_holds_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)

    with pytest.raises((TypeError, ValueError), match=r"holds itself|recursion"):
        codec.encode(value)


@pytest.mark.parametrize("data", [b"", b"\xff\xff\xff\xff", b"\x02\0\0\0\xc1\xc1", b"abcdefghijkl"])
def test_bytes_that_are_no_value_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="bytes hold"):
        codec.unpack(data)


def test_a_body_that_is_too_short_is_refused() -> None:
    encoded = codec.encode(np.zeros(100))

    with pytest.raises(ValueError, match="buffer"):
        codec.decode(encoded.head, bytearray(10))


def test_what_is_poured_into_a_file_lies_as_what_is_written_into_memory(tmp_path: Path) -> None:
    arrays = [np.arange(5, dtype=np.int8), np.zeros((0, 3)), np.ones((2, 3)), np.array(["ab"])]
    encoded = codec.encode(arrays)
    body = bytearray(encoded.size)
    encoded.write(body)
    with (tmp_path / "body").open("wb") as file:
        encoded.pour(file.fileno())
    with (tmp_path / "behind").open("wb") as file:
        encoded.pour(file.fileno(), 640)

    poured = (tmp_path / "body").read_bytes()
    assert poured == bytes(body[: len(poured)])
    assert not any(body[len(poured) :])
    assert (tmp_path / "behind").read_bytes() == bytes(640) + poured


def test_a_file_in_place_of_another_holds_what_was_packed(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    for value in ({"w": np.arange(9.0), "empty": np.zeros(0)}, ["no arrays"]):
        codec.write(value, file)
        assert file.read_bytes() == codec.pack(value)
    assert list(tmp_path.iterdir()) == [file]


def test_arrays_kept_in_memory_lie_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_AT_ONCE", 1000)
    monkeypatch.setattr(memory, "_PIECES", 3)
    arrays = [np.arange(n, dtype=np.float32).reshape(-1, 1) for n in (0, 1, 7, 16, 1000, 5)]
    encoded = codec.encode([*arrays, np.array(3), np.array(["a"]), np.asfortranarray(np.eye(3))])
    body = bytearray(encoded.size)
    encoded.write(body)
    there = memory.keep(encoded)
    try:
        kept = os.pread(there, encoded.size + 1, 0)
    finally:
        os.close(there)

    assert kept == bytes(body)
