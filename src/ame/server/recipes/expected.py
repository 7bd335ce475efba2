"""What an upload must hold, and reading it: nothing of it is used before all of it was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from ame import errors
from ame.aggregation import Checks, Slot, Update
from ame.aggregation.arrays import blocks
from ame.aggregation.checks import passed
from ame.protocol.tensors import Array, Shape, alike, fcv1, tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.protocol.pb import tensor_shape

FREE: Final = 1 << 22
"""As many values an upload may have in tensors whose shape is not known beforehand."""
LARGE: Final = 2.0**100
"""Norms from here on are refused: a sum of such numbers could leave float32."""
FEW: Final = 1 << 12
"""Numbers that take less to be passed over than all that it takes to do it block by block."""
PLAIN: Final = "fd"
"""The types float32 and float64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a tensor is."""

    dtype: np.dtype[np.generic]
    shape: Shape | None
    """None: any."""

    @property
    def text(self) -> bool:
        """Whether it holds strings."""
        return self.dtype.kind == "O"


def form(number: int, shape: tensor_shape.TensorShapeProto | None) -> Form:
    """What is of a data type, by its number, and a shape.

    Raises:
        errors.TensorsMalformed: there is no such data type.
    """
    if number not in tensor.BY_NUMBER:
        raise errors.TensorsMalformed(f"a tensor of data type {number}", 0)
    known = None
    if shape is not None and not shape.unknown_rank:
        known = tuple(int(each.size) for each in shape.dim)
    if known is not None and min(known, default=0) < 0:
        known = None
    return Form(dtype=tensor.BY_NUMBER[number].dtype, shape=known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """An upload that is what it must be."""

    tensors: Mapping[str, Array]
    norm: float
    """L2, over all floating numbers of the tensors that were expected by their form."""

    @property
    def size(self) -> int:
        """Bytes that it takes in memory."""
        return sum(each.nbytes for each in self.tensors.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an upload must hold: these tensors, all of them, and no others."""

    forms: Mapping[str, Form]
    numbers: frozenset[str] = frozenset()
    """Tensors of one finite number each, of any type."""
    norm: float | None = None
    """The greatest L2 norm."""
    _alike: alike.Alike = field(default_factory=alike.Alike, repr=False, compare=False)

    def read(self, upload: bytes) -> Read:
        """Reads an upload, a version 1 checkpoint or FCv1.

        Raises:
            errors.TensorsMalformed: it is neither, or has more values than it may.
            errors.ContributionRefused: names, shapes, types or numbers are not what they must be.
        """
        layout = fcv1 if upload[:4] == fcv1.MARK else self._alike
        tensors = layout.read(upload, limit=self._limit())
        for name in tensors:
            if name not in self.forms and name not in self.numbers:
                raise errors.ContributionRefused(name, "is not asked for")
        checked: dict[str, Array] = {}
        for name, wanted in self.forms.items():
            found = _found(tensors, name)
            if found.dtype != wanted.dtype:
                why = f"is of {_type(found.dtype)}, not of {_type(wanted.dtype)}"
                raise errors.ContributionRefused(name, why)
            if wanted.shape is not None and found.shape != wanted.shape:
                raise errors.ContributionRefused(
                    name, f"has shape {found.shape}, not {wanted.shape}"
                )
            if not wanted.text:
                checked[name] = found
        for name in self.numbers:
            found = _found(tensors, name)
            if found.size != 1 or found.dtype.kind == "O" or not math.isfinite(_number(found)):
                raise errors.ContributionRefused(name, "is not one finite number")
        return Read(tensors=tensors, norm=self._norm(checked))

    def _norm(self, arrays: Mapping[str, Array]) -> float:
        """The L2 norm, once all numbers are seen to be finite."""
        if self.norm is None and (norm := _norm_of_few(arrays)) < LARGE:
            return norm
        return self._norm_of_many(arrays)

    @blocks.quiet
    def _norm_of_many(self, arrays: Mapping[str, Array]) -> float:
        slots = {
            name: Slot(found.shape, found.dtype.name, "numpy") for name, found in arrays.items()
        }
        checks = Checks(norm=self.norm, complete=True)
        update = Update(client="it", arrays=arrays)
        try:
            seen = [each for _, each in passed(update, slots, checks, exact=True, difference=None)]
        except errors.UpdateRefused as refused:
            raise errors.ContributionRefused(refused.key or "", refused.why) from None
        norm = math.sqrt(sum(each.squares or 0.0 for each in seen))
        if norm >= LARGE:
            raise errors.ContributionRefused("", f"its norm is {norm:.6g}")
        return norm

    def _limit(self) -> int:
        shapes = [each.shape for each in self.forms.values()]
        known = sum(math.prod(shape) for shape in shapes if shape is not None)
        return known + len(self.numbers) + 64 + (FREE if None in shapes else 0)


def _found(tensors: Mapping[str, Array], name: str) -> Array:
    if name not in tensors:
        raise errors.ContributionRefused(name, "is missing")
    return tensors[name]


def _norm_of_few(arrays: Mapping[str, Array]) -> float:
    """The L2 norm of a few floating numbers; infinite where they are not few, or not finite."""
    total = 0.0
    for each in arrays.values():
        if each.size > FEW or each.dtype.char not in PLAIN:
            return math.inf
        wide = each.reshape(-1).astype(np.float64)
        total += float(np.dot(wide, wide))
    return math.sqrt(total) if total < math.inf else math.inf


def _type(dtype: np.dtype[np.generic]) -> str:
    return "text" if dtype.kind == "O" else dtype.name


def _number(array: Array) -> float:
    try:
        return float(array.reshape(()))
    except TypeError:
        return math.nan
