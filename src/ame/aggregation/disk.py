"""Models larger than memory: folded array by array, from files into a file."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

from ame import errors
from ame.aggregation.arrays import Array, View, blocks, files, view
from ame.aggregation.checks import Seen
from ame.aggregation.layout import Slot, form
from ame.aggregation.mean import Mean
from ame.aggregation.robust import ByNumber
from ame.aggregation.total import Total
from ame.aggregation.update import Aggregate, Update

_Counted: TypeAlias = Sequence[tuple[Update, Mapping[str, float]]]
"""Updates that passed, each with the sums of the squares of its arrays."""


@blocks.quiet
def fold(algorithm: Mean | ByNumber, updates: Sequence[Update], file: Path) -> Aggregate:
    """What the updates amount to, written as safetensors; its arrays are those of the file.

    The arrays of the updates are mappings that read an array when it is asked for, such as `read`
    gives. Each update is read twice: for the checks, and for the sum. Memory is that of the
    largest array: 24 bytes for each of its numbers. (Arrays of npz files are read whole, so that
    for medians and trimmed means it is that of the largest array of every client.) The numbers are
    those of `add` and `value`, bit for bit.

    Raises:
        errors.UpdateRefused: an update does not pass the checks. Nothing is written.
        errors.AggregateEmpty: there are too few updates, or too few have an array.
        errors.AggregateOverflow: a number does not fit the type of the model's array.
        errors.ArraysDamaged: a file cannot be read.
    """
    known = algorithm.layout.slots if algorithm.layout is not None else _slots(updates)
    counted: list[tuple[Update, Mapping[str, float]]] = []
    for update in updates:
        before = counted[0][0].difference if counted else None
        passed = algorithm.passed(update, known, before)
        squares = {key: s.squares for key, s in passed if s.squares is not None}
        if update.weight:
            counted.append((update, squares))
    if not counted:
        raise errors.AggregateEmpty("no client sent an update with a weight above 0")
    slots = {k: s for k, s in known.items() if any(k in u.arrays for u, _ in counted)}
    shapes = {key: (slot.dtype, slot.shape) for key, slot in slots.items()}
    files.write(file, shapes, _arrays(algorithm, counted, slots))
    return Aggregate(
        arrays=dict(files.read(file)),
        clients=len(counted),
        weight=sum(float(update.weight) for update, _ in counted),
        difference=counted[0][0].difference,
    )


def _slots(updates: Sequence[Update]) -> dict[str, Slot]:
    """What the arrays of the updates are; the first that has a name counts."""
    slots: dict[str, Slot] = {}
    for update in updates:
        for key in update.arrays:
            if key not in slots:
                slots[key] = Slot.of(update.arrays[key])
    return slots


def _arrays(
    algorithm: Mean | ByNumber, counted: _Counted, slots: Mapping[str, Slot]
) -> Iterator[tuple[str, View]]:
    for key, slot in slots.items():
        those = [(update, squares) for update, squares in counted if key in update.arrays]
        if isinstance(algorithm, Mean):
            yield key, view(_mean(algorithm, key, slot, those))
        else:
            views = [view(update.arrays[key]) for update, _ in those]
            yield key, view(algorithm.of_array(key, slot, [partial(_part, v) for v in views]))


def _mean(mean: Mean, key: str, slot: Slot, counted: _Counted) -> Array:
    total = Total(slot)
    for update, squares in counted:
        seen = Seen(view(update.arrays[key]), squares.get(key))
        factor = mean.factors(squares).get(key, 1.0)
        total.add(seen, float(update.weight), factor, exact=mean.double)
    return form(key, total.sum(), slot, mean.denominator or total.weight)


def _part(whole: View, part: slice) -> View:
    return View(whole.flat[part], whole.dtype, (part.stop - part.start,))
