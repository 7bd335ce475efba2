"""Sums of what devices upload, by name: plans without a graph, and the native part of those that
have two of them. There is no TensorFlow in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ame import errors
from ame.aggregation import Checks, Layout, Mean, Slot, Update
from ame.protocol.pb import plan as pb
from ame.protocol.tensors import checkpoint
from ame.server.recipes.expected import Expected, Form
from ame.server.recipes.recipe import Made, Taken, told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.protocol.tensors import Array

Vector = pb.ExampleQuerySpec.OutputVectorSpec
TYPES: Final[Mapping[int, type[np.generic]]] = {
    Vector.INT32: np.int32,
    Vector.INT64: np.int64,
    Vector.BOOL: np.bool_,
    Vector.FLOAT: np.float32,
    Vector.DOUBLE: np.float64,
}
WHOLE: Final = 2.0**53
"""Up to here every integer is a float64."""


class Total:
    """Sums, one for each name; memory does not grow with the number of what is added."""

    def __init__(self, forms: Mapping[str, Form]) -> None:
        """`forms` are those of the sums."""
        slots = {
            name: Slot(each.shape or (), each.dtype.name, "numpy") for name, each in forms.items()
        }
        self._mean = Mean(layout=Layout(slots), checks=Checks(finite=False), denominator=1.0)
        self._sum = self._mean.begin()

    def add(self, tensors: Mapping[str, Array]) -> None:
        """Adds one upload, which was found good before."""
        self._sum = self._mean.add(self._sum, Update(client="it", arrays=tensors))

    def arrays(self) -> dict[str, Array]:
        """The sums. Those of integers are exact to 2^53.

        Raises:
            errors.RoundEmpty: nothing was added.
            errors.AggregateOverflow: a sum does not fit its type.
        """
        try:
            made = self._mean.value(self._sum)
        except errors.AggregateEmpty as empty:
            raise errors.RoundEmpty(str(empty)) from None
        return {name: np.asarray(each) for name, each in made.arrays.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """A recipe for a client phase that says itself how its outputs are aggregated.

    A tensor that the task's checkpoint holds too is added number by number. Of others, such as an
    example query's vectors, which are longer on one device than on another, all numbers of all
    devices come to one. Sums stand in the server's checkpoint under the names of the uploads; those
    of one number are metrics too. It promises what `Recipe` does.
    """

    expected: Expected
    summed: Mapping[str, Form]
    """The forms of the sums."""
    evaluates: bool = False

    @classmethod
    def of(
        cls,
        phase: pb.ClientPhase,
        state: bytes,
        *,
        evaluates: bool = False,
        norm: float | None = None,
    ) -> Sums:
        """The recipe of a client phase.

        Raises:
            errors.RecipeInvalid: something in it cannot be summed.
            errors.TensorsMalformed: the checkpoint is none.
        """
        declared = declarations(phase)
        known = checkpoint.read(state)
        vectors = {
            name: spec.data_type
            for query in phase.example_query_spec.example_queries
            for name, spec in query.output_vector_specs.items()
        }
        for name in vectors:
            if name not in declared:
                raise errors.RecipeInvalid("plan", f"it does not say how {name} is aggregated")
        forms, summed = {}, {}
        for name, config in declared.items():
            if config.WhichOneof("protocol_config") != "tf_v1_checkpoint_aggregation":
                why = f"{name} asks for secure aggregation, which is not served"
                raise errors.RecipeInvalid("plan", why)
            forms[name] = _form(name, vectors, known)
            summed[name] = _sum_of(forms[name])
        return cls(expected=Expected(forms=forms, norm=norm), summed=summed, evaluates=evaluates)

    def take(self, upload: bytes) -> Taken:
        read = self.expected.read(upload)
        tensors = {name: self._flat(name, each) for name, each in read.tensors.items()}
        return Taken(
            tensors=tensors, weight=1.0, size=sum(each.nbytes for each in tensors.values())
        )

    def _flat(self, name: str, array: Array) -> Array:
        """What of an upload is added: all of it, or what its numbers come to."""
        if self.expected.forms[name].shape is not None:
            return array
        total = array.sum(dtype=np.float64)
        if array.dtype.kind != "f" and abs(total) > WHOLE:
            raise errors.ContributionRefused(name, "comes to more than 2^53")
        return np.asarray(total.astype(self.summed[name].dtype))

    def start(self, state: bytes) -> bytes:
        held = checkpoint.read(state)
        kept = {name: each for name, each in held.items() if name not in self.summed}
        return state if len(kept) == len(held) else checkpoint.to_bytes(kept)

    def fold(self, state: bytes) -> Summing:  # noqa: ARG002 - it begins with nothing
        return Summing(self)


class Summing:
    """A folding; it promises what `Folding` does."""

    def __init__(self, recipe: Sums) -> None:
        self._evaluates = recipe.evaluates
        self._total = Total(recipe.summed)

    def add(self, taken: Taken) -> None:
        self._total.add(taken.tensors)

    def made(self, newest: bytes) -> Made:
        sums = self._total.arrays()
        if self._evaluates:
            return Made(state=newest, metrics=told(sums))
        state = checkpoint.to_bytes({**checkpoint.read(newest), **sums})
        return Made(state=state, metrics=told(sums))


def declarations(phase: pb.ClientPhase) -> dict[str, pb.AggregationConfig]:
    """How a client phase says that its outputs are aggregated, by name."""
    return {
        **phase.federated_compute.aggregations,
        **phase.federated_example_query.aggregations,
    }


def _sum_of(each: Form) -> Form:
    """The form of the sum of tensors of a form."""
    if each.shape is None:
        wide = np.dtype(np.float64 if each.dtype.kind not in "iub" else np.int64)
        return Form(dtype=wide, shape=())
    return Form(dtype=np.dtype(np.int64), shape=each.shape) if each.dtype == bool else each


def _form(name: str, vectors: Mapping[str, int], known: Mapping[str, Array]) -> Form:
    """What a device uploads under a name."""
    if name in known:
        array = known[name]
        found = Form(dtype=array.dtype, shape=array.shape)
    elif vectors.get(name) in TYPES:
        found = Form(dtype=np.dtype(TYPES[vectors[name]]), shape=None)
    elif name in vectors:
        found = Form(dtype=np.dtype(object), shape=None)
    else:
        why = f"what {name} is stands nowhere: give it to the checkpoint, filled with zeros"
        raise errors.RecipeInvalid("plan", why)
    if found.text:
        raise errors.RecipeInvalid("plan", f"{name} is text, which cannot be summed")
    return found
