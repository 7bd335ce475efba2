"""Updates that are kept until all are there: in memory, and beyond a limit in a file."""

import os
import tempfile
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ame import errors
from ame.aggregation.arrays import Kind, Numbers, View, given_back, kind_of, view
from ame.aggregation.update import Update


@dataclass(frozen=True, slots=True)
class _Kept:
    """One array: its numbers, or where in the file they begin."""

    dtype: str
    shape: tuple[int, ...]
    kind: Kind
    size: int
    numbers: Numbers | None
    place: int


@dataclass(frozen=True, slots=True)
class _Row:
    client: str
    weight: float
    difference: bool
    arrays: Mapping[str, _Kept]


class Spool:
    """Copies of updates, by the number of their row, of which any part can be read back.

    The file has no name, so that nothing is left of it when it is closed, or `ame` is killed. It
    is closed at the latest when the spool is no longer used.
    """

    def __init__(self, *, hold: int = 256 << 20) -> None:
        """`hold`: as many bytes are kept in memory before the file is used."""
        self._hold = hold
        self._held = 0
        self._rows: dict[int, _Row] = {}
        self._next = 0
        self._end = 0
        self._file: int | None = None
        self._closed: Callable[[], object] = _nothing

    def __len__(self) -> int:
        return len(self._rows)

    def append(self, update: Update, views: Mapping[str, View] | None = None) -> int:
        """Keeps a copy, and returns its row. `views`: the arrays, if they were looked at before.

        Raises:
            errors.UpdateRefused: it holds what is no array of real numbers.
        """
        if views is None:
            views = _views(update)
        size = sum(each.flat.nbytes for each in views.values())
        inside = self._held + size <= self._hold
        kept = {
            key: self._keep(each, kind_of(update.arrays[key]), inside=inside)
            for key, each in views.items()
        }
        if inside:
            self._held += size
        self._next += 1
        row = _Row(update.client, update.weight, update.difference, kept)
        self._rows[self._next] = row
        return self._next

    def rows(self) -> tuple[int, ...]:
        """The rows there are, in the order in which they were kept."""
        return tuple(self._rows)

    def client(self, row: int) -> str:
        """Whose update it is."""
        return self._rows[row].client

    def has(self, row: int, key: str) -> bool:
        """Whether the update in that row has the array."""
        return key in self._rows[row].arrays

    def read(self, row: int, key: str, part: slice) -> View:
        """Some numbers of an array, in a row."""
        kept = self._rows[row].arrays[key]
        if kept.numbers is not None:
            return View(kept.numbers[part], kept.dtype, (part.stop - part.start,))
        made = np.empty(part.stop - part.start, _stored(kept.dtype))
        self._fill(made, kept.place + part.start * made.itemsize)
        return View(made, kept.dtype, made.shape)

    def update(self, row: int) -> Update:
        """The whole update, in memory, its arrays of the same framework."""
        kept = self._rows[row]
        arrays = {}
        for key, each in kept.arrays.items():
            numbers = self.read(row, key, slice(0, each.size)).flat
            arrays[key] = given_back(View(numbers, each.dtype, each.shape), each.kind)
        return Update(
            client=kept.client, arrays=arrays, weight=kept.weight, difference=kept.difference
        )

    def take(self, row: int) -> Update:
        """The whole update, which is kept no longer."""
        made = self.update(row)
        for each in self._rows.pop(row).arrays.values():
            self._held -= 0 if each.numbers is None else each.numbers.nbytes
        if not self._rows and self._file is not None:
            os.ftruncate(self._file, 0)
            self._end = 0
        return made

    def close(self) -> None:
        """Forgets all rows, and gives the file back. It may be used again."""
        self._rows.clear()
        self._held = self._end = 0
        self._file = None
        self._closed()
        self._closed = _nothing

    def _keep(self, array: View, kind: Kind, *, inside: bool) -> _Kept:
        size = len(array.flat)
        if inside:
            return _Kept(array.dtype, array.shape, kind, size, array.flat.copy(), 0)
        if self._file is None:
            self._file = _nameless()
            self._closed = weakref.finalize(self, os.close, self._file)
        place, data = self._end, array.flat.view(np.uint8).data
        while data:
            written = os.pwrite(self._file, data, self._end)
            self._end += written
            data = data[written:]
        return _Kept(array.dtype, array.shape, kind, size, None, place)

    def _fill(self, made: Numbers, place: int) -> None:
        data = made.view(np.uint8).data
        while data:
            assert self._file is not None
            got = os.preadv(self._file, [data], place)
            if not got:
                raise EOFError
            place += got
            data = data[got:]


def _views(update: Update) -> dict[str, View]:
    made = {}
    for key, value in update.arrays.items():
        try:
            made[key] = view(value)
        except errors.ArrayUnsupported as error:
            raise errors.UpdateRefused(update.client, key, error.why) from None
    return made


def _nothing() -> None:
    pass


def _nameless() -> int:
    descriptor, name = tempfile.mkstemp(prefix="ame-updates-")
    Path(name).unlink()
    return descriptor


def _stored(dtype: str) -> str:
    return "uint16" if dtype == "bfloat16" else dtype
