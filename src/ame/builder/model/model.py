"""A model: its first weights, what it takes, and what it computes, without any state of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ame.builder import process

if TYPE_CHECKING:
    from ame.protocol.tensors import Array

Node: TypeAlias = Any
"""A tensor of TensorFlow, in the graph that is being made."""
Batch: TypeAlias = Mapping[str, Node]
Predict: TypeAlias = Callable[[Sequence[Node], Sequence[Node], Batch, bool], Node]
Loss: TypeAlias = Callable[[Node, Node], Node]
X, Y = "x", "y"
"""What features and label are called where a model takes a single tensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One feature of an example, or its label. The first dimension, of examples, is left out."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that was loaded."""

    trainable: tuple[Array, ...]
    non_trainable: tuple[Array, ...]
    features: Mapping[str, Spec]
    """By their names; of a single tensor, by `x`."""
    single: bool
    """It takes one tensor, and no features with names of its own."""
    label: Spec
    predict: Predict
    """Predictions, from weights, other weights and a batch; whether that is training."""
    loss: Loss
    """A number, from the predictions and the labels of a batch."""

    @property
    def forms(self) -> tuple[tuple[process.Form, ...], tuple[process.Form, ...]]:
        """Of its weights, trainable and not."""
        return tuple(map(_form, self.trainable)), tuple(map(_form, self.non_trainable))


def _form(array: Array) -> process.Form:
    return process.Form(dtype=array.dtype.name, shape=array.shape)
