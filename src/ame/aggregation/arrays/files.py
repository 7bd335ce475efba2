"""Arrays in files: safetensors, and NumPy's npz. Nothing is ever unpickled."""

import json
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from ame import errors
from ame.aggregation.arrays.view import View, view

_NAMES = {
    "bool": "BOOL",
    "bfloat16": "BF16",
    **{f"float{bits}": f"F{bits}" for bits in (16, 32, 64)},
    **{f"int{bits}": f"I{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"U{bits}" for bits in (8, 16, 32, 64)},
}
_TYPES = {name: dtype for dtype, name in _NAMES.items()}
_BUFFER = 1 << 20
_UNREADABLE = (
    *(EOFError, KeyError, MemoryError, OSError, RuntimeError, ValueError),
    *(struct.error, zipfile.BadZipFile, zlib.error),
)
"""What reading a damaged archive ends with."""


@dataclass(frozen=True, slots=True)
class _Place:
    dtype: str
    shape: tuple[int, ...]
    start: int


class Safetensors(Mapping[str, View]):
    """The arrays of a safetensors file, each mapped into memory only while it is looked at.

    The format: 8 bytes with the length of a header, the header as JSON with type, shape and place
    of each array, the numbers. The package `safetensors` checks the header when it is opened.
    """

    def __init__(self, file: Path) -> None:
        """Opens a file.

        Raises:
            errors.ArraysDamaged: it cannot be read, or is not in the format.
        """
        from safetensors import SafetensorError, safe_open

        self.file = file
        self._places: dict[str, _Place] = {}
        try:
            with safe_open(file, framework="np"):
                pass
            with file.open("rb") as opened:
                length = int.from_bytes(opened.read(8), "little")
                header = json.loads(opened.read(length))
        except (OSError, ValueError, SafetensorError) as error:
            raise errors.ArraysDamaged(file, str(error)) from None
        header.pop("__metadata__", None)
        for key, each in header.items():
            dtype = _TYPES.get(each["dtype"])
            if dtype is None:
                raise errors.ArraysDamaged(file, f"`{key}` holds {each['dtype']}")
            start = 8 + length + each["data_offsets"][0]
            self._places[key] = _Place(dtype, tuple(each["shape"]), start)

    def __getitem__(self, key: str) -> View:
        place = self._places[key]
        size = math.prod(place.shape)
        stored = np.dtype("uint16" if place.dtype == "bfloat16" else place.dtype)
        if not size:
            return View(np.empty(0, stored), place.dtype, place.shape)
        stored = stored.newbyteorder("<")
        mapped = np.memmap(self.file, stored, mode="r", offset=place.start, shape=(size,))
        return View(np.asarray(mapped), place.dtype, place.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Npz(Mapping[str, View]):
    """The arrays of an npz file, each read only while it is looked at."""

    def __init__(self, file: Path) -> None:
        """Opens a file.

        Raises:
            errors.ArraysDamaged: it cannot be read, or is not in the format.
        """
        self.file = file
        try:
            with file.open("rb") as opened:
                self._keys = tuple(NpzFile(opened, allow_pickle=False).files)
        except _UNREADABLE as error:
            raise errors.ArraysDamaged(file, str(error)) from None

    def __getitem__(self, key: str) -> View:
        if key not in self._keys:
            raise KeyError(key)
        try:
            with self.file.open("rb") as opened:
                return view(NpzFile(opened, allow_pickle=False)[key])
        except (*_UNREADABLE, errors.ArrayUnsupported) as error:
            raise errors.ArraysDamaged(self.file, f"`{key}`: {error}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def read(file: Path) -> Mapping[str, View]:
    """The arrays of a file, safetensors or npz by the first bytes of it.

    Raises:
        errors.ArraysDamaged: it cannot be read, or is neither.
    """
    try:
        with file.open("rb") as opened:
            zipped = opened.read(2) == b"PK"
    except OSError as error:
        raise errors.ArraysDamaged(file, str(error)) from None
    return Npz(file) if zipped else Safetensors(file)


def write(
    file: Path,
    shapes: Mapping[str, tuple[str, tuple[int, ...]]],
    arrays: Iterable[tuple[str, View]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes a safetensors file array by array. It is there when it is complete, or not at all.

    Args:
        file: where to; what is there is replaced.
        shapes: the type and shape of each array.
        arrays: each of them once, in any order.
        metadata: words that go into the header, such as `{"format": "pt"}`.

    Raises:
        ValueError: the arrays are not those of `shapes`.
    """
    places, header = _header(shapes, metadata)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    missing = dict.fromkeys(places)
    try:
        with part.open("wb", buffering=_BUFFER) as opened:
            opened.write(header)
            for key, each in arrays:
                if key not in missing or (each.dtype, each.shape) != shapes[key]:
                    raise ValueError(f"`{key}` is none of the arrays, or not as it was said")
                del missing[key]
                opened.seek(len(header) + places[key])
                opened.write(each.flat.astype(each.flat.dtype.newbyteorder("<"), copy=False).data)
            if missing:
                raise ValueError(f"arrays are missing: {', '.join(missing)}")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def save(
    file: Path, arrays: Mapping[str, object], metadata: Mapping[str, str] | None = None
) -> None:
    """Writes a model, or any arrays of one framework or several, as safetensors.

    Raises:
        errors.ArrayUnsupported: a value is no array of real numbers.
    """
    views = {key: view(value) for key, value in arrays.items()}
    write(file, {k: (v.dtype, v.shape) for k, v in views.items()}, views.items(), metadata)


def _header(
    shapes: Mapping[str, tuple[str, tuple[int, ...]]], metadata: Mapping[str, str] | None
) -> tuple[dict[str, int], bytes]:
    """Where each array begins behind the header, and the header. Wide types are first: aligned."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    places: dict[str, int] = {}
    end = 0

    def width(key: str) -> int:
        dtype = shapes[key][0]
        return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize

    for key in sorted(shapes, key=lambda key: (-width(key), key)):
        dtype, shape = shapes[key]
        places[key], end = end, end + width(key) * math.prod(shape)
        offsets = [places[key], end]
        header[key] = {"dtype": _NAMES[dtype], "shape": shape, "data_offsets": offsets}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return places, len(text).to_bytes(8, "little") + text
