"""Values as bytes: a small head that says what there is, and the arrays as they lie in memory.

The head is msgpack (https://msgpack.org), so reading it runs nobody's code. The arrays are written
once, into whatever buffer is at hand, and read as views of it: a model that many sites get is
written once for all of them.
"""

from __future__ import annotations

import math
import os
import struct
import sys
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import msgpack  # type: ignore[import-untyped]  # it has no types
import numpy as np

from ame.federation.model import FLModel, ParamsType
from ame.federation.spec.dxo import DXO
from ame.federation.spec.shareable import Shareable

if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable
    from pathlib import Path

    import torch

    # What arrays are written into, and are views of.
    Buffer: TypeAlias = bytes | bytearray | memoryview | mmap.mmap

ALIGNED = 64
"""Bytes at whose multiples arrays begin: a line of the processor's cache."""
_DEEPEST = 64
_HEAD = 1024
"""Bytes that there is room for at first while a head is written; by itself it would be 256 KiB."""
_LENGTH = struct.Struct("<I")
_OFFSET = struct.Struct("<Q")

_ARRAY, _TENSOR, _SCALAR, _TUPLE, _SHAREABLE, _DXO, _MODEL, _INT = range(1, 9)
_MODEL_FIELDS = (
    "params_type",
    "params",
    "optimizer_params",
    "metrics",
    "start_round",
    "current_round",
    "total_rounds",
    "meta",
)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value: its head, and the arrays, which are not copied yet."""

    head: bytes
    arrays: tuple[np.ndarray[Any, Any], ...]
    size: int
    """Bytes that `write` fills."""

    def write(self, body: Buffer) -> None:
        """Copies the arrays to where `decode` expects them; `body` has at least `size` bytes."""
        offset = 0
        for array in self.arrays:
            there = np.frombuffer(body, array.dtype, array.size, offset)
            there[:] = array.reshape(-1)
            offset = after(offset, array.nbytes)

    def pour(self, file: int, start: int = 0) -> None:
        """Writes the same to an open file, from `start` on. Of new memory this costs a third."""
        offset = 0
        for array in self.arrays:
            left = array.reshape(-1).view(np.uint8).data
            place = start + offset
            while left:
                count = os.pwrite(file, left, place)
                left, place = left[count:], place + count
            offset = after(offset, array.nbytes)


def encode(value: object) -> Encoded:
    """Takes a value apart. Arrays are not copied if they are contiguous.

    Plain values, lists, tuples, dicts, NumPy arrays and scalars, torch tensors, `Shareable`,
    `DXO`, `FLModel`; of an enum of texts or numbers the text or number.

    Raises:
        TypeError: there is something else in it; the message tells where.

    """
    writer = _Writer()
    try:
        head = writer.pack(value)
    except (TypeError, ValueError, OverflowError) as error:
        place = _find(value, "", 0)
        if place is None:
            raise
        raise TypeError(f"{place}; only plain values, arrays and tensors travel") from error
    return Encoded(head, tuple(writer.arrays), writer.size)


def decode(head: bytes, body: Buffer) -> Any:  # Any: what was encoded
    """The value again. Its arrays are views of `body`, and can be written to if it can.

    Raises:
        ValueError: the bytes are not what `encode` makes, or `body` is too short.

    """
    reader = _Reader(body)
    try:
        return reader.unpack(head)
    except (msgpack.UnpackException, ValueError, TypeError, LookupError, struct.error) as error:
        raise ValueError(f"the bytes hold no value that was encoded: {error}") from error


def pack(value: object) -> bytes:
    """The value in one piece.

    Raises:
        TypeError: see `encode`.

    """
    encoded = encode(value)
    whole = bytearray(_start(encoded.head) + encoded.size)
    _lay(encoded, whole)
    return bytes(whole)


def write(value: object, file: Path) -> None:
    """The same into a file, which `unpack` reads, all at once in place of what was there.

    Raises:
        TypeError: see `encode`.

    """
    encoded = encode(value)
    new = file.with_name(f"{file.name}.new")
    start = _start(encoded.head)
    with new.open("wb") as made:
        made.write(_LENGTH.pack(len(encoded.head)) + encoded.head)
        made.truncate(start + encoded.size)
        encoded.pour(made.fileno(), start)
    new.replace(file)


def unpack(data: bytes) -> Any:  # Any: what was packed
    """The value that `pack` was given; its arrays are its own.

    Raises:
        ValueError: see `decode`.

    """
    if len(data) < _LENGTH.size:
        raise ValueError("the bytes hold no value that was encoded: they are too few")
    (length,) = _LENGTH.unpack_from(data)
    start = after(0, _LENGTH.size + length)
    return decode(data[_LENGTH.size : _LENGTH.size + length], bytearray(data[start:]))


class _Writer:
    """Writes a head, and collects the arrays on the way."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray[Any, Any]] = []
        self.size = 0

    def pack(self, value: object) -> bytes:
        packer = msgpack.Packer(default=self._other, strict_types=True, buf_size=_HEAD)
        packed: bytes = packer.pack(value)
        return packed

    def _other(self, value: object) -> object:
        """What msgpack does not know, in words that it knows."""
        for kind, write in _WRITERS:
            if isinstance(value, kind):
                return write(self, value)
        if (loaded := sys.modules.get("torch")) and isinstance(value, loaded.Tensor):
            return self._tensor(value)
        raise TypeError(type(value).__name__)

    def parts(self, code: int, *fields: object) -> object:
        return msgpack.ExtType(code, self.pack(list(fields)))

    def array(self, code: int, array: np.ndarray[Any, Any], note: str = "") -> object:
        if array.dtype.kind in "OV":
            raise TypeError(f"an array of {array.dtype}")
        head = _OFFSET.pack(self.size) + _form(array.dtype.str, array.shape, note)
        self.arrays.append(np.ascontiguousarray(array))
        self.size = after(self.size, array.nbytes)
        return msgpack.ExtType(code, head)

    def _tensor(self, tensor: torch.Tensor) -> object:
        import torch

        plain = tensor.detach().cpu()
        name = str(plain.dtype).removeprefix("torch.")
        if plain.layout is not torch.strided or plain.is_quantized:
            raise TypeError(f"a tensor that is {plain.layout}")
        if plain.dtype is torch.bfloat16 or name.startswith("float8"):
            bits = torch.int16 if plain.dtype is torch.bfloat16 else torch.int8
            plain = plain.contiguous().view(bits)
        return self.array(_TENSOR, plain.numpy(), name)

    @staticmethod
    def scalar(value: np.generic[Any]) -> object:
        if value.dtype.kind in "OV":
            raise TypeError(f"a scalar of {value.dtype}")
        return msgpack.ExtType(_SCALAR, msgpack.packb((value.dtype.str, value.tobytes())))


_WRITERS: tuple[tuple[type, Callable[[_Writer, Any], object]], ...] = (
    (np.ndarray, lambda writer, value: writer.array(_ARRAY, value)),
    (Shareable, lambda writer, value: msgpack.ExtType(_SHAREABLE, writer.pack(dict(value)))),
    (FLModel, lambda writer, value: writer.parts(_MODEL, *_fields(value))),
    (DXO, lambda writer, value: writer.parts(_DXO, value.data_kind, value.data, value.meta)),
    (tuple, lambda writer, value: writer.parts(_TUPLE, *value)),
    (Enum, lambda _, value: value.value),
    (np.generic, lambda _, value: _Writer.scalar(value)),
    (dict, lambda _, value: dict(value)),
    (list, lambda _, value: list(value)),
    (str, lambda _, value: str(value)),
    (int, lambda _, value: msgpack.ExtType(_INT, b"%d" % value)),
    (float, lambda _, value: float(value)),
    (bytearray, lambda _, value: bytes(value)),
)
"""What msgpack does not know, or only almost: its subclasses, and integers beyond 64 bits."""


class _Reader:
    """Reads heads; arrays are views of the body."""

    def __init__(self, body: Buffer) -> None:
        self._body = body

    def unpack(self, head: bytes) -> Any:  # Any: what was packed
        return msgpack.unpackb(head, ext_hook=self._other, strict_map_key=False)

    def _other(self, code: int, data: bytes) -> object:
        read = _READERS.get(code)
        if read is None:
            raise ValueError(f"the bytes hold a value of the unknown kind {code}")
        return read(self, data)

    def array(self, data: bytes) -> np.ndarray[Any, Any]:
        dtype, shape, count, _ = _formed(data[_OFFSET.size :])
        if not count:
            return np.empty(shape, dtype)
        (offset,) = _OFFSET.unpack_from(data)
        return np.frombuffer(self._body, dtype, count, offset).reshape(shape)

    def tensor(self, data: bytes) -> object:
        import torch

        array = self.array(data)
        name = _formed(data[_OFFSET.size :])[3]
        dtype = getattr(torch, name, None)
        if not isinstance(dtype, torch.dtype):
            raise LookupError(f"no type of tensors is called {name}")  # noqa: TRY004 (the bytes are)
        tensor = torch.from_numpy(array if array.flags.writeable else array.copy())
        return tensor if tensor.dtype is dtype else tensor.view(dtype)

    def scalar(self, data: bytes) -> object:
        kind, raw = msgpack.unpackb(data)
        return np.frombuffer(raw, _dtype(kind))[0]

    def shareable(self, data: bytes) -> Shareable:
        shareable = Shareable()
        shareable.clear()
        shareable.update(self.unpack(data))
        return shareable

    def model(self, data: bytes) -> FLModel:
        model = FLModel()
        for name, value in zip(_MODEL_FIELDS, self.unpack(data), strict=True):
            setattr(model, name, value)
        if model.params_type is not None:
            model.params_type = ParamsType(model.params_type)
        return model


_READERS: dict[int, Callable[[_Reader, bytes], object]] = {
    _ARRAY: _Reader.array,
    _TENSOR: _Reader.tensor,
    _SCALAR: _Reader.scalar,
    _TUPLE: lambda reader, data: tuple(reader.unpack(data)),
    _SHAREABLE: _Reader.shareable,
    _DXO: lambda reader, data: DXO(*reader.unpack(data)),
    _MODEL: _Reader.model,
    _INT: lambda _, data: int(data),
}


def _fields(model: FLModel) -> list[object]:
    return [getattr(model, name) for name in _MODEL_FIELDS]


@lru_cache(maxsize=4096)
def _form(kind: str, shape: tuple[int, ...], note: str) -> bytes:
    """Of an array all but where it lies: the arrays of a model come again and again."""
    packed: bytes = msgpack.packb((kind, shape, note))
    return packed


@lru_cache(maxsize=4096)
def _formed(form: bytes) -> tuple[np.dtype[Any], tuple[int, ...], int, str]:
    """What `_form` was given, and how many elements there are."""
    kind, shape, note = msgpack.unpackb(form)
    return _dtype(kind), tuple(shape), math.prod(shape), note


def _dtype(kind: str) -> np.dtype[Any]:
    dtype = np.dtype(kind)
    if dtype.kind in "OV":
        raise ValueError(f"the bytes hold an array of {dtype}, which does not travel")
    return dtype


def _start(head: bytes) -> int:
    """Where the arrays begin, of a value in one piece."""
    return after(0, _LENGTH.size + len(head))


def _lay(encoded: Encoded, whole: bytearray) -> None:
    head = encoded.head
    whole[: _LENGTH.size] = _LENGTH.pack(len(head))
    whole[_LENGTH.size : _LENGTH.size + len(head)] = head
    with memoryview(whole) as view:
        encoded.write(view[_start(head) :])


def after(offset: int, size: int) -> int:
    """Where the next array begins."""
    return (offset + size + ALIGNED - 1) // ALIGNED * ALIGNED


def _find(value: object, place: str, depth: int) -> str | None:
    """Where in a value, and what, cannot travel; None if all can."""
    here = place or "the value"
    if depth > _DEEPEST:
        return f"{here} holds itself, or is too deep"
    inner: list[tuple[str, object]] = []
    match value:
        case FLModel():
            inner = list(zip(_MODEL_FIELDS, _fields(value), strict=True))
        case DXO():
            inner = [("data", value.data), ("meta", value.meta)]
        case dict():
            inner = [(str(key), each) for key, each in value.items()]
        case list() | tuple():
            inner = [(str(number), each) for number, each in enumerate(value)]
        case _:
            try:
                _Writer().pack(value)
            except (TypeError, ValueError, OverflowError):
                return f"{here} is a {type(value).__module__}.{type(value).__qualname__}"
            return None
    for name, each in inner:
        if found := _find(each, f"{place}.{name}" if place else name, depth + 1):
            return found
    return None
