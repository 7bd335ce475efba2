"""The "FCv1" wire format of updates: a mark, tensors by name, an end.

Source: the Federated Compute client, which writes it where it is told to.
"""

from collections.abc import Mapping

import numpy as np

from ame import errors
from ame.protocol.tensors import tensor, wire
from ame.protocol.tensors.tensor import Array

MARK = b"FCv1"
END = bytes(4)


def read(data: bytes | bytearray | memoryview, *, limit: int | None = None) -> dict[str, Array]:
    """The tensors by name, in their order; views into `data` where that is possible.

    `limit` bounds the elements of all tensors together.

    Raises:
        errors.TensorsMalformed: it is not in this format, is cut off, or is over the limit.
    """
    view = memoryview(data)
    if bytes(view[:4]) != MARK:
        raise errors.TensorsMalformed("an update without the mark FCv1", 0)
    tensors: dict[str, Array] = {}
    at, left = len(MARK), limit
    while bytes(view[at:]) != END if len(view) - at <= len(END) else True:
        name, at = _piece(view, at)
        content, at = _piece(view, at)
        try:
            key = str(name, "utf-8")
        except UnicodeDecodeError:
            raise errors.TensorsMalformed("a name that is not UTF-8", at) from None
        if not key or key in tensors:
            raise errors.TensorsMalformed(f"a tensor named {key!r} a second time or not at all", at)
        read = tensor.read(content)
        if left is not None:
            left -= read.size
            if left < 0:
                raise errors.TensorsMalformed(f"an update of more than {limit} values", at)
        tensors[key] = read
    return tensors


def _piece(view: memoryview, at: int) -> tuple[memoryview, int]:
    size, at = wire.varint(view, at)
    if size > len(view) - at - len(END):
        raise errors.TensorsMalformed("a tensor that runs past the end", at)
    return view[at : at + size], at + size


def to_bytes(tensors: Mapping[str, Array]) -> bytes:
    """An update in this format.

    Raises:
        errors.TensorUnfit: an array's type has no TensorFlow data type.
    """
    parts: list[bytes | memoryview] = [MARK]
    for name, given in tensors.items():
        content = tensor.write(np.asarray(given))
        size = sum(len(part) for part in content)
        parts += [wire.put_varint(len(name.encode())), name.encode(), wire.put_varint(size)]
        parts += content
    return b"".join((*parts, END))
