"""TensorFlow's version 1 checkpoints: one file, tensors by name. No TensorFlow is needed.

Source: `saved_tensor_slice.proto`, `saved_tensor_slice_util` and `ordered_code` of TensorFlow.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import BinaryIO, TypeAlias

import numpy as np

from ame import errors
from ame.protocol.tensors import table, tensor, wire
from ame.protocol.tensors.tensor import Array, Kind, Shape

VERSION = b"\x12\x02\x08\x01"
"""`versions { producer: 1 }`"""


def read(data: bytes | bytearray | memoryview, *, limit: int | None = None) -> dict[str, Array]:
    """The tensors by name, in the order of the names; views into `data` where that is possible.

    Strings are arrays of `bytes` with dtype object. Nothing is allocated for a tensor before the
    file is seen to hold its values. `limit` bounds the elements of all tensors together.

    Raises:
        errors.TensorsMalformed: it is no version 1 checkpoint, is damaged, or is over the limit.
    """
    return {
        name: _whole(name, kind, shape, slices)
        for name, kind, shape, slices in pieces(memoryview(data), limit=limit)
    }


Slices: TypeAlias = list[tuple[memoryview, memoryview]]
"""Of a tensor: where each lies in it, and its values."""


def pieces(data: memoryview, *, limit: int | None = None) -> list[tuple[str, Kind, Shape, Slices]]:
    """Name, kind, shape and slices of each tensor; the values are not read yet.

    Raises:
        errors.TensorsMalformed: it is no version 1 checkpoint, is damaged, or is over the limit.
    """
    entries = table.read(data)
    try:
        key, head = next(entries)
    except StopIteration:
        key = b"-"
    if key:
        raise errors.TensorsMalformed("a checkpoint without a table of contents", 0)
    known = dict(_contents(head))
    if limit is not None and sum(math.prod(shape) for _, shape in known.values()) > limit:
        raise errors.TensorsMalformed(f"a checkpoint of more than {limit} values", 0)
    slices: dict[str, Slices] = {name: [] for name in known}
    for _, value in entries:
        name, place, content = _slice(value)
        if name not in known:
            raise errors.TensorsMalformed(f"values of {name}, which the contents do not name", 0)
        slices[name].append((place, content))
    return [(name, *known[name], slices[name]) for name in known]


def _contents(entry: memoryview) -> Iterator[tuple[str, tuple[Kind, Shape]]]:
    for number, _, meta in wire.fields(entry):
        if number != 1 or not isinstance(meta, memoryview):
            continue
        for inner, _, described in wire.fields(meta):
            if inner == 1 and isinstance(described, memoryview):
                yield _described(described)


def _described(data: memoryview) -> tuple[str, tuple[Kind, Shape]]:
    name, kind, shape = "", None, None
    for number, _, value in wire.fields(data):
        if number == 1 and isinstance(value, memoryview):
            name = _text(value)
        elif number == 2 and isinstance(value, memoryview):
            shape = tensor.shape_of(value)
        elif number == 3 and isinstance(value, int):
            kind = tensor.BY_NUMBER.get(value)
    if kind is None or shape is None or min(shape, default=0) < 0:
        raise errors.TensorsMalformed(f"{name or 'a tensor'} without data type or full shape", 0)
    return name, (kind, shape)


def _text(value: memoryview) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        raise errors.TensorsMalformed("a name that is not UTF-8", 0) from None


def _slice(entry: memoryview) -> tuple[str, memoryview, memoryview]:
    name, place, content = "", memoryview(b""), memoryview(b"")
    for number, _, value in wire.fields(entry):
        if number != 2 or not isinstance(value, memoryview):
            continue
        for inner, _, part in wire.fields(value):
            if inner == 1 and isinstance(part, memoryview):
                name = _text(part)
            elif inner == 2 and isinstance(part, memoryview):
                place = part
            elif inner == 3 and isinstance(part, memoryview):
                content = part
    return name, place, content


def is_whole(shape: Shape, slices: Slices) -> bool:
    """Whether a tensor is in one piece."""
    if len(slices) != 1:
        return False
    place = _extents(slices[0][0], shape)
    return all(extent == slice(0, size) for extent, size in zip(place, shape, strict=True))


def _whole(name: str, kind: Kind, shape: Shape, slices: Slices) -> Array:
    """A tensor from the slices that the file holds of it."""
    if is_whole(shape, slices):
        return tensor.read(slices[0][1], kind=kind, shape=shape)
    read = []
    for where, content in slices:
        place = _extents(where, shape)
        sizes = tuple(extent.stop - extent.start for extent in place)
        read.append((place, tensor.read(content, kind=kind, shape=sizes)))
    if sum(values.size for _, values in read) != math.prod(shape):
        raise errors.TensorsMalformed(f"slices that do not fill {name}", 0)
    whole = np.empty(shape, kind.dtype)
    for place, values in read:
        whole[place] = values
    return whole


def _extents(data: memoryview, shape: Shape) -> tuple[slice, ...]:
    extents = []
    for number, _, value in wire.fields(data):
        if number == 1 and isinstance(value, memoryview):
            given = {n: v for n, _, v in wire.fields(value) if isinstance(v, int)}
            extents.append((given.get(1, 0), given.get(2)))
    if len(extents) != len(shape):
        raise errors.TensorsMalformed("a slice of another rank than its tensor", 0)
    place = tuple(
        slice(start, size if length is None else start + length)
        for (start, length), size in zip(extents, shape, strict=True)
    )
    if any(each.stop > size for each, size in zip(place, shape, strict=True)):
        raise errors.TensorsMalformed("a slice that lies outside its tensor", 0)
    return place


def write(file: BinaryIO, tensors: Mapping[str, Array]) -> None:
    """Writes a checkpoint, the bytes that TensorFlow itself would write.

    Raises:
        errors.TensorUnfit: an array's type has no TensorFlow data type; nothing was written.
    """
    arrays = {name: np.asarray(tensors[name]) for name in sorted(tensors, key=str.encode)}
    contents = b"".join(_describe(name, array) for name, array in arrays.items())
    head = b"".join(wire.put_field(1, contents + VERSION))

    def items() -> Iterator[tuple[bytes, table.Content]]:
        yield b"", [head]
        for key, name in sorted((_key(name, array.ndim), name) for name, array in arrays.items()):
            yield key, _put_slice(name, arrays[name])

    table.write(file, items())


def to_bytes(tensors: Mapping[str, Array]) -> bytes:
    """A checkpoint in memory; see `write`."""
    file = BytesIO()
    write(file, tensors)
    return file.getvalue()


def _describe(name: str, array: Array) -> bytes:
    try:
        kind = tensor.kind_of(array)
    except errors.TensorUnfit as unfit:
        raise errors.TensorUnfit(name, unfit.why) from None
    return b"".join(
        wire.put_field(
            1,
            *wire.put_field(1, name.encode()),
            *wire.put_field(2, tensor.put_shape(array.shape)),
            bytes([0x18, kind.number]),
            *wire.put_field(4, b"\x0a\x00" * array.ndim),
        )
    )


def _put_slice(name: str, array: Array) -> table.Content:
    return wire.put_field(
        2,
        *wire.put_field(1, name.encode()),
        *wire.put_field(2, b"\x0a\x00" * array.ndim),
        *wire.put_field(3, *tensor.values(array)),
    )


def _key(name: str, rank: int) -> bytes:
    """The key of a whole tensor: 0, its name, its rank, and the full extent of each dimension."""
    escaped = name.encode().replace(b"\xff", b"\xff\x00").replace(b"\x00", b"\x00\xff")
    number = struct.pack(">I", rank).lstrip(b"\0")
    return b"\0" + escaped + b"\0\1" + bytes([len(number)]) + number + b"\x80\x7f" * rank
