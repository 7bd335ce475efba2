"""Protocol Buffers' wire format, where its library would copy: views, and whole lists at once.

Source: the encoding guide of Protocol Buffers (varints, tags, packed lists).
"""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ame import errors

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
Value: TypeAlias = "int | memoryview"
Bits: TypeAlias = NDArray[np.uint64]


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number, and where it ends.

    Raises:
        errors.TensorsMalformed: it runs past the end, or over ten bytes.
    """
    number = shift = 0
    for place in range(at, min(at + 10, len(data))):
        byte = data[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place + 1
        shift += 7
    raise errors.TensorsMalformed("a number that does not end", at)


def put_varint(number: int) -> bytes:
    """The bytes of a number from 0."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def put_field(number: int, *content: bytes | memoryview) -> list[bytes | memoryview]:
    """A length-delimited field: its head, then its content as it is."""
    size = sum(len(part) for part in content)
    return [put_varint(number << 3 | BYTES) + put_varint(size), *content]


def fields(data: memoryview) -> Iterator[tuple[int, int, Value]]:
    """Number, wire type and value of each field; a view where the value is bytes.

    Raises:
        errors.TensorsMalformed: a field runs past the end, or has a wire type that is not in use.
    """
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == VARINT:
            value, at = varint(data, at)
            yield tag >> 3, kind, value
            continue
        if kind == BYTES:
            size, at = varint(data, at)
        elif kind == FIXED32:
            size = 4
        elif kind == FIXED64:
            size = 8
        else:
            raise errors.TensorsMalformed(f"a field of wire type {kind}", at)
        if size > len(data) - at:
            raise errors.TensorsMalformed("a field that runs past the end", at)
        yield tag >> 3, kind, data[at : at + size]
        at += size


def varints(data: memoryview) -> Bits:
    """All numbers of a packed list, as their 64 bits.

    Raises:
        errors.TensorsMalformed: the last one does not end, or one is over ten bytes.
    """
    raw = np.frombuffer(data, np.uint8)
    last = np.flatnonzero(raw < 0x80)
    if not len(raw):
        return np.empty(0, np.uint64)
    if not len(last) or last[-1] != len(raw) - 1:
        raise errors.TensorsMalformed("a number that does not end", len(raw))
    first = np.concatenate(([0], last[:-1] + 1))
    sizes = last - first + 1
    if (longest := int(sizes.max())) > 10:
        raise errors.TensorsMalformed("a number of more than ten bytes", int(first[sizes.argmax()]))
    numbers = (raw[first] & 0x7F).astype(np.uint64)
    for place in range(1, longest):
        having = sizes > place
        bits = (raw[first[having] + place] & 0x7F).astype(np.uint64)
        numbers[having] |= bits << np.uint64(7 * place)
    return numbers


def put_varints(numbers: Bits) -> bytes:
    """The packed list of these numbers."""
    sizes = np.ones(len(numbers), np.int64)
    for place in range(1, 10):
        sizes += numbers >> np.uint64(7 * place) > 0
    ends = np.cumsum(sizes)
    out = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    for place in range(int(sizes.max()) if len(sizes) else 0):
        having = sizes > place
        bits = (numbers[having] >> np.uint64(7 * place)).astype(np.uint8) & 0x7F
        more = (sizes[having] > place + 1).astype(np.uint8) << 7
        out[ends[having] - sizes[having] + place] = bits | more
    return out.tobytes()
