"""Passes over the numbers of a view, block by block, so that what is in between stays in cache."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ame.aggregation.arrays.view import Numbers, View

BLOCK = 1 << 16
"""Numbers at once: 256 KiB of float32."""

_ROW = 1 << 13
"""Below the length at which BLAS would use threads: a sum does not depend on how many there are."""

_TINY = 1e-30
_WIDE = frozenset((np.dtype(np.float32), np.dtype(np.float64)))
quiet = np.errstate(over="ignore", invalid="ignore", under="ignore")
"""For those who call these: what overflows is told by the result, not by a warning."""

Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]


def blocks(size: int) -> Iterator[slice]:
    """The bounds of the blocks of `size` numbers."""
    return (slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK))


def widen(seen: View, part: slice, room: Floats) -> Floats:
    """Some numbers of a view in the type of `room`, in `room` unless they have it already.

    Numbers that lie between the places of their type, such as those within a message, go there too:
    NumPy takes three times as long for them.
    """
    numbers = seen.flat[part]
    if numbers.dtype == room.dtype and numbers.flags.aligned:
        return numbers
    into = room[: len(numbers)]
    if seen.dtype != "bfloat16":
        into[...] = numbers
    elif room.dtype == np.float32:
        bits = into.view(np.uint32)
        bits[...] = numbers
        np.left_shift(bits, 16, out=bits)
    else:
        into[...] = widen(seen, part, np.empty(len(numbers), np.float32))
    return into


def unguarded_squares(seen: View) -> tuple[float, bool]:
    """The sum of the squares of floating numbers, and whether all of them are finite.

    For those who are `quiet` already: to become so takes as long as to sum a few numbers. The sum
    is that of float32 products (of float64 ones for float64), exact to 1e-6 of it; it is infinite
    only if it is beyond float64 or a number is not finite.
    """
    size, flat = len(seen.flat), seen.flat
    if flat.dtype in _WIDE and flat.flags.aligned:
        total = _squares_of(flat)
    else:
        some = min(BLOCK, size)
        double = seen.dtype == "float64"
        room: Floats = np.empty(some) if double else np.empty(some, np.float32)
        total = sum(_squares_of(widen(seen, part, room)) for part in blocks(size))
    if _TINY < total < np.inf:
        return total, True
    return _slow_squares(seen)


squares = quiet(unguarded_squares)


def _squares_of(numbers: Numbers) -> float:
    if len(numbers) <= _ROW:
        return float(np.dot(numbers, numbers))
    whole = len(numbers) // _ROW * _ROW
    rows, rest = numbers[:whole].reshape(-1, _ROW), numbers[whole:]
    return float(np.dot(rest, rest)) + float(np.vecdot(rows, rows).sum(dtype=np.float64))


def _slow_squares(seen: View) -> tuple[float, bool]:
    """The same in float64, for numbers whose squares are beyond float32."""
    room = np.empty(min(BLOCK, len(seen.flat)), np.float64)
    total, finite = 0.0, True
    for part in blocks(len(seen.flat)):
        numbers = widen(seen, part, room)
        finite = finite and bool(np.isfinite(numbers).all())
        total += _squares_of(numbers)
    return total, finite


def add(total: Floats, seen: View, factor: float) -> None:
    """Adds `factor` times the view to `total`, in the type of `total`."""
    by = total.dtype.type(factor)
    if len(total) <= BLOCK and seen.flat.dtype == total.dtype:
        np.add(total, seen.flat * by, out=total)
        return
    room = np.empty(min(BLOCK, len(total)), total.dtype)
    wide = room if seen.flat.dtype == total.dtype else np.empty_like(room)
    for part in blocks(len(total)):
        numbers, sums = widen(seen, part, wide), total[part]
        if factor != 1.0:
            numbers = np.multiply(numbers, by, out=room[: len(numbers)])
        np.add(sums, numbers, out=sums)


def scale(seen: View, factor: float, out: Floats) -> None:
    """Writes `factor` times the view into `out`, in the type of `out`."""
    by = out.dtype.type(factor)
    for part in blocks(len(out)):
        np.multiply(widen(seen, part, out[part]), by, out=out[part])


def double(seen: View, factor: float = 1.0) -> npt.NDArray[np.float64]:
    """`factor` times the view in float64, in new memory."""
    made = np.empty(len(seen.flat))
    scale(seen, factor, made)
    return made


def fitting(numbers: Floats, dtype: str, divisor: float | None = None) -> Numbers:
    """The numbers, divided in float64 and rounded to the nearest of `dtype`, ties to even.

    Of bfloat16 it is their bits. They are in new memory, but for those of float64 that need not be
    divided.

    Raises:
        OverflowError: a finite number is beyond the type, or one that is not finite has no place.
    """
    if divisor is None and numbers.dtype == dtype == "float64":
        return numbers
    made = np.empty(len(numbers), np.uint16 if dtype == "bfloat16" else dtype)
    room = np.empty(min(BLOCK, len(numbers)))
    for part in blocks(len(numbers)):
        into = room[: len(made[part])]
        np.divide(numbers[part], divisor or 1.0, out=into, dtype=np.float64)
        made[part] = _fitting(into, dtype)
    return made


@quiet
def _fitting(numbers: npt.NDArray[np.float64], dtype: str) -> Numbers:
    if dtype == "float64":
        return numbers
    made: Numbers
    if dtype == "bfloat16":
        made = _bfloat16(numbers.astype(np.float32))
        finite = (made & 0x7F80) != 0x7F80
    elif dtype in ("float16", "float32"):
        made = numbers.astype(dtype)
        finite = np.isfinite(made)
    else:
        whole = np.rint(numbers)
        least, most = (0.0, 1.0) if dtype == "bool" else _bounds(dtype)
        if not ((whole >= least) & (whole <= most)).all():
            raise OverflowError
        return whole.astype(dtype)
    if not (finite.all() or (finite | ~np.isfinite(numbers)).all()):
        raise OverflowError
    return made


def _bounds(dtype: str) -> tuple[float, float]:
    bounds = np.iinfo(dtype)
    most = float(bounds.max)
    return float(bounds.min), most if int(most) <= bounds.max else float(np.nextafter(most, 0))


def _bfloat16(numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    bits = numbers.view(np.uint32)
    return ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(np.uint16)
