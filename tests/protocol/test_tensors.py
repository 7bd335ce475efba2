"""Checkpoints and FCv1, held against TensorFlow's own bytes where TensorFlow is the other side."""

import io
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ame import errors
from ame.protocol.tensors import Array, checkpoint, fcv1, table, tensor, wire

MADE_BY_TENSORFLOW = """
import sys
import numpy as np
import tensorflow as tf

given = dict(np.load(sys.argv[1]))
names = list(given)
tf.raw_ops.SaveSlices(
    filename=sys.argv[2],
    tensor_names=names,
    shapes_and_slices=[""] * len(names),
    data=[tf.constant(given[name].tolist() if given[name].dtype.kind == "S" else given[name])
          for name in names],
)
for name in names:
    read = tf.raw_ops.Restore(file_pattern=sys.argv[3], tensor_name=name, dt=tf.constant(
        given[name].tolist() if given[name].dtype.kind == "S" else given[name]).dtype).numpy()
    assert (read == given[name]).all(), name
"""
DTYPES = [kind.dtype for kind in tensor.KINDS if kind.dtype != ml_dtypes.bfloat16]
TENSORS = st.dictionaries(
    st.text(min_size=1, max_size=20),
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, min_side=0))
    ),
    max_size=5,
)


def same(a: dict[str, Array], b: dict[str, Array]) -> bool:
    return a.keys() == b.keys() and all(
        a[name].dtype == b[name].dtype
        and a[name].shape == b[name].shape
        and a[name].tobytes() == b[name].tobytes()
        for name in a
    )


@pytest.mark.slow
def test_a_checkpoint_has_the_bytes_that_tensorflow_writes_and_tensorflow_reads_it(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(7)
    given: dict[str, Any] = {
        "a/x": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.array([b"hi", b"\x01\xff"]),
        "c": np.int64(-7),
        "d": np.array([1, -2, 300], np.int32),
        "e": np.array(True),
        "f": np.float64(2.5),
        "h": np.array([1.5, 2], np.float16),
        "u": np.array([1, 255], np.uint8),
        "z": np.zeros((0, 3), np.float32),
        **{
            f"large/{n:02}": rng.normal(size=256 * size).astype(np.float32)
            for n, size in enumerate((10, 240, 10, 1, 300, 1, 600, 784, 1, 509, 520, 60, 195))
        },
    }
    np.savez(tmp_path / "given.npz", **given)
    (tmp_path / "ours").write_bytes(checkpoint.to_bytes(given))
    command = [sys.executable, "-c", MADE_BY_TENSORFLOW]
    paths = [str(tmp_path / name) for name in ("given.npz", "theirs", "ours")]

    subprocess.run([*command, *paths], check=True, capture_output=True)

    assert (tmp_path / "theirs").read_bytes() == (tmp_path / "ours").read_bytes()
    read = checkpoint.read((tmp_path / "theirs").read_bytes())
    assert all((read[name] == given[name]).all() for name in given)


@given(TENSORS)
def test_what_is_written_is_read_back(tensors: dict[str, Array]) -> None:
    assert same(checkpoint.read(checkpoint.to_bytes(tensors)), dict(sorted(tensors.items())))
    assert same(fcv1.read(fcv1.to_bytes(tensors)), tensors)


def test_bfloat16_and_text_are_kept() -> None:
    given = {"h": np.array([1.5, -2], ml_dtypes.bfloat16), "s": np.array([["ü", ""]])}

    for read in (checkpoint.read(checkpoint.to_bytes(given)), fcv1.read(fcv1.to_bytes(given))):
        assert read["h"].tolist() == [1.5, -2]
        assert read["s"].tolist() == [["ü".encode(), b""]]


def test_floats_are_read_without_a_copy() -> None:
    data = bytearray(checkpoint.to_bytes({"x": np.zeros(1000, np.float32)}))

    read = checkpoint.read(data)["x"]

    assert np.shares_memory(read, np.frombuffer(data, np.uint8))


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_numbers_of_any_size_pass_through_a_packed_list(numbers: list[int]) -> None:
    bits = np.array(numbers, np.uint64)
    packed = wire.put_varints(bits)

    assert packed == b"".join(map(wire.put_varint, numbers))
    assert wire.varints(memoryview(packed)).tolist() == numbers


def test_a_short_list_is_filled_up_with_its_last_value() -> None:
    head = bytes([8, 1, 18, 4]) + tensor.put_shape((4,))

    read = tensor.read(memoryview(head + b"\x2a\x08" + struct.pack("<2f", 1, 2)))

    assert read.tolist() == [1, 2, 2, 2]


def test_a_list_that_is_not_packed_is_read() -> None:
    head = bytes([8, 9, 18, 4]) + tensor.put_shape((2,))

    assert tensor.read(memoryview(head + b"\x50\x05\x50\x07")).tolist() == [5, 7]


@given(TENSORS, st.data())
def test_damaged_bytes_are_refused_or_read_and_nothing_else(
    tensors: dict[str, Array], data: st.DataObject
) -> None:
    for write, read in ((checkpoint.to_bytes, checkpoint.read), (fcv1.to_bytes, fcv1.read)):
        whole = bytearray(write(tensors))
        for _ in range(data.draw(st.integers(1, 4))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        del whole[data.draw(st.integers(0, len(whole))) :]

        with suppress(errors.TensorsMalformed):
            read(bytes(whole))


@given(st.binary())
def test_any_bytes_are_refused_or_read_and_nothing_else(data: bytes) -> None:
    for read in (checkpoint.read, fcv1.read, lambda part: fcv1.read(fcv1.MARK + part)):
        with suppress(errors.TensorsMalformed):
            read(data)


def test_a_shape_that_the_bytes_do_not_fill_is_refused_before_anything_is_allocated() -> None:
    head = bytes([8, 1]) + b"".join(wire.put_field(2, tensor.put_shape((2**40, 2**20))))

    with pytest.raises(errors.TensorsMalformed, match="0 values where there are"):
        tensor.read(memoryview(head))


def test_a_single_value_for_a_huge_shape_takes_no_room() -> None:
    head = bytes([8, 1]) + b"".join(wire.put_field(2, tensor.put_shape((2**40,))))

    assert tensor.read(memoryview(head + b"\x2a\x04" + struct.pack("<f", 1))).strides == (0,)


@pytest.mark.parametrize("form", [checkpoint, fcv1])
def test_more_values_than_the_limit_are_refused(form: Any) -> None:
    data = form.to_bytes({"x": np.zeros(6, np.float32), "y": np.zeros(5, np.float32)})

    assert len(form.read(data, limit=11)) == 2
    with pytest.raises(errors.TensorsMalformed, match="more than 10 values"):
        form.read(data, limit=10)


def test_slices_of_a_tensor_are_put_together() -> None:
    def extent(start: int, length: int) -> bytes:
        inner = b"\x08" + bytes([start]) + b"\x10" + bytes([length])
        return b"".join(wire.put_field(1, inner))

    def piece(start: int, *values: float) -> list[bytes | memoryview]:
        return wire.put_field(
            2,
            *wire.put_field(1, b"x"),
            *wire.put_field(2, extent(start, len(values))),
            *wire.put_field(3, *tensor.values(np.array(values, np.float32))),
        )

    whole = {"x": np.zeros(3, np.float32)}
    for second, message in (((2.0, 3.0), ""), ((2.0,), "do not fill x"), ((1, 2, 3), "outside")):
        file = io.BytesIO()
        contents = next(
            value for key, value in table.read(memoryview(checkpoint.to_bytes(whole))) if not key
        )
        table.write(file, [(b"", [contents]), (b"\0a", piece(0, 1.0)), (b"\0b", piece(1, *second))])
        if message:
            with pytest.raises(errors.TensorsMalformed, match=message):
                checkpoint.read(file.getvalue())
        else:
            assert checkpoint.read(file.getvalue())["x"].tolist() == [1, 2, 3]


def test_what_has_no_data_type_is_refused_by_name() -> None:
    with pytest.raises(errors.TensorUnfit, match="tensor when cannot be written"):
        checkpoint.to_bytes({"when": np.array(["2020"], "datetime64[D]")})


def test_one_flipped_bit_fails_the_checksum() -> None:
    data = bytearray(checkpoint.to_bytes({"x": np.ones(9, np.float32)}))
    data[60] ^= 1

    with pytest.raises(errors.TensorsMalformed, match="checksum"):
        checkpoint.read(data)
