"""A `tensorflow.TensorProto` and the array that it stands for.

Source: the field table of `tensor.proto`, and what TensorFlow writes: a list that is shorter than
the shape says is filled up with its last value.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ame import errors
from ame.protocol.tensors import wire

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]

TENSOR_CONTENT = 4
STRING_VAL = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One data type: its number, its NumPy type, and the list that holds its values."""

    number: int
    dtype: np.dtype[Any]
    field: int
    packed: np.dtype[Any] | None = None
    """How the list holds a value; none where it is a varint."""


def _kinds() -> tuple[Kind, ...]:
    import ml_dtypes

    plain: list[tuple[int, Any, int, Any]] = [
        (1, np.float32, 5, np.float32),
        (2, np.float64, 6, np.float64),
        (3, np.int32, 7, None),
        (4, np.uint8, 7, None),
        (5, np.int16, 7, None),
        (6, np.int8, 7, None),
        (8, np.complex64, 9, np.float32),
        (9, np.int64, 10, None),
        (10, np.bool_, 11, None),
        (14, ml_dtypes.bfloat16, 13, None),
        (17, np.uint16, 7, None),
        (18, np.complex128, 12, np.float64),
        (19, np.float16, 13, None),
        (22, np.uint32, 16, None),
        (23, np.uint64, 17, None),
    ]
    return tuple(
        Kind(
            number=number,
            dtype=np.dtype(dtype),
            field=field,
            packed=None if packed is None else np.dtype(packed),
        )
        for number, dtype, field, packed in plain
    )


KINDS = _kinds()
STRING = Kind(number=7, dtype=np.dtype(object), field=STRING_VAL)
BY_NUMBER = {kind.number: kind for kind in (*KINDS, STRING)}
BY_DTYPE = {kind.dtype: kind for kind in (*KINDS, STRING)}
HALVES = {BY_NUMBER[14].number, BY_NUMBER[19].number}


def kind_of(array: Array) -> Kind:
    """The data type of an array; text and bytes are strings.

    Raises:
        errors.TensorUnfit: there is no such data type.
    """
    if array.dtype.kind in "SU":
        return STRING
    try:
        return BY_DTYPE[array.dtype.newbyteorder("=")]
    except KeyError:
        raise errors.TensorUnfit(
            "", f"an array of {array.dtype} has no TensorFlow data type"
        ) from None


def shape_of(data: memoryview) -> Shape | None:
    """A `TensorShapeProto`'s sizes, -1 where one is not known; none where the rank is not.

    Raises:
        errors.TensorsMalformed: it is none.
    """
    sizes: list[int] = []
    for number, _, value in wire.fields(data):
        if number == 2 and isinstance(value, memoryview):
            size = next((v for n, _, v in wire.fields(value) if n == 1 and isinstance(v, int)), 0)
            sizes.append(size - (size >> 63 << 64))
        elif number == 3 and value:
            return None
    return tuple(sizes)


def put_shape(shape: Shape) -> bytes:
    """The `TensorShapeProto` of these sizes."""
    out = bytearray()
    for size in shape:
        dim = b"\x08" + wire.put_varint(size) if size else b""
        out += b"".join(wire.put_field(2, dim))
    return bytes(out)


def read(data: memoryview, *, kind: Kind | None = None, shape: Shape | None = None) -> Array:
    """The array; a view into `data` where its bytes lie there as they are in memory.

    `kind` and `shape` are those that stand elsewhere, for a message that leaves them out.

    Raises:
        errors.TensorsMalformed: it is no TensorProto, or its values do not fill its shape.
    """
    lists: dict[int, list[wire.Value]] = {}
    for number, _, value in wire.fields(data):
        if number == 1 and isinstance(value, int):
            if value not in BY_NUMBER:
                raise errors.TensorsMalformed(f"a tensor of data type {value}", 0)
            kind = BY_NUMBER[value]
        elif number == 2 and isinstance(value, memoryview):
            shape = shape_of(value)
        elif number >= TENSOR_CONTENT:
            lists.setdefault(number, []).append(value)
    if kind is None or shape is None or min(shape, default=0) < 0:
        raise errors.TensorsMalformed("a tensor without data type or full shape", 0)
    count = math.prod(shape)
    if kind is STRING:
        values = _strings(lists.get(STRING_VAL, []), count)
    elif TENSOR_CONTENT in lists:
        values = _content(lists[TENSOR_CONTENT][-1], kind, count)
    else:
        values = _listed(lists.get(kind.field, []), kind, count)
    return values.reshape(shape)


def _content(value: wire.Value, kind: Kind, count: int) -> Array:
    if not isinstance(value, memoryview) or len(value) != count * kind.dtype.itemsize:
        raise errors.TensorsMalformed(f"content that is not {count} values of {kind.dtype}", 0)
    return np.frombuffer(value, kind.dtype)


def _strings(found: list[wire.Value], count: int) -> Array:
    if len(found) > count or (count and not found):
        raise errors.TensorsMalformed(f"{len(found)} strings where there are {count}", 0)
    values = np.empty(count, object)
    for place, value in enumerate(found):
        values[place] = bytes(value) if isinstance(value, memoryview) else b""
    values[len(found) :] = bytes(found[-1]) if found and isinstance(found[-1], memoryview) else b""
    return values


def _listed(found: list[wire.Value], kind: Kind, count: int) -> Array:
    parts = [_part(value, kind) for value in found]
    values = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, kind.dtype), *parts])
    if len(values) == count:
        return values
    if not 0 < len(values) < count:
        raise errors.TensorsMalformed(f"{len(values)} values where there are {count}", 0)
    filled = np.broadcast_to(values[-1], count)
    if len(values) == 1:
        return filled
    return np.concatenate([values, filled[len(values) :]])


def _part(value: wire.Value, kind: Kind) -> Array:
    """One occurrence of a list's field: packed, or a value alone."""
    if kind.packed is not None:
        if not isinstance(value, memoryview) or len(value) % kind.dtype.itemsize:
            raise errors.TensorsMalformed(f"a list that is not of {kind.dtype}", 0)
        return np.frombuffer(value, kind.dtype)
    bits = np.array([value], np.uint64) if isinstance(value, int) else wire.varints(value)
    if kind.number in HALVES:
        return bits.astype(np.uint16).view(kind.dtype)
    return bits.astype(bool) if kind.dtype == bool else bits.view(np.int64).astype(kind.dtype)


def values(array: Array) -> list[bytes | memoryview]:
    """The list field of an array's values, in parts that are to follow one another.

    Raises:
        errors.TensorUnfit: the array's type has no TensorFlow data type.
    """
    kind = kind_of(array)
    if not array.size:
        return []
    if kind is STRING:
        parts: list[bytes | memoryview] = []
        for value in array.reshape(-1).tolist():
            parts += wire.put_field(
                STRING_VAL, value.encode() if isinstance(value, str) else bytes(value)
            )
        return parts
    flat = np.ascontiguousarray(array, kind.dtype).reshape(-1)
    if kind.packed is not None:
        return wire.put_field(kind.field, flat.view(np.uint8).data)
    if kind.number in HALVES:
        bits = flat.view(np.uint16).astype(np.uint64)
    else:
        bits = flat.astype(np.int64).view(np.uint64) if flat.dtype != np.uint64 else flat
    return wire.put_field(kind.field, wire.put_varints(bits))


def write(array: Array) -> list[bytes | memoryview]:
    """The whole TensorProto, numbers as content, in parts that are to follow one another.

    Raises:
        errors.TensorUnfit: the array's type has no TensorFlow data type.
    """
    kind = kind_of(array)
    head = bytes([0x08, kind.number]) + b"".join(wire.put_field(2, put_shape(array.shape)))
    if kind is STRING or not array.size:
        return [head, *values(array)]
    flat = np.ascontiguousarray(array, kind.dtype).reshape(-1)
    return [head, *wire.put_field(TENSOR_CONTENT, flat.view(np.uint8).data)]
