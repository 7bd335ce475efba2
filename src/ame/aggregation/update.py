"""What clients send, what a round amounts to, and what makes the one of the other."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from ame.aggregation.arrays import Array, Arrays

State = TypeVar("State")


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What one client made of the model."""

    client: str
    arrays: Arrays
    """By name. What is left out is left out of that array's mean: each has a denominator of its
    own."""
    weight: float = 1.0
    """How much it counts: steps, examples, or what is given. With 0 it does not count at all."""
    difference: bool = False
    """Whether the arrays are the trained model less the one that was sent, or the model itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """What the updates of a round amount to."""

    arrays: dict[str, Array]
    """In the shapes, types and framework of the model. What no client sent is not there."""
    clients: int
    """How many updates counted."""
    weight: float
    """The sum of their weights."""
    difference: bool
    """Whether it is to be added to the model, or replaces it."""


class Aggregator(Protocol[State]):
    """An algorithm, as a value. What it knows of a round is in a state that it is given.

    `add` and `merge` use up the states that they are given, whose memory they take over: keep what
    they return. Where one raises, the state is as it was. A state streams (`Sum`: its memory does
    not grow with the number of clients) or collects (`Spool`: it keeps every update, on disk when
    they are large). The same calls in the same order give the same bits.
    """

    def begin(self) -> State:
        """A state of no updates."""
        ...

    def add(self, state: State, update: Update) -> State:
        """The state with one update more.

        Raises:
            errors.UpdateRefused: the update cannot be used.
        """
        ...

    def merge(self, state: State, other: State) -> State:
        """The updates of `state` and after them those of `other`."""
        ...

    def value(self, state: State) -> Aggregate:
        """What they amount to; the state can be added to afterwards.

        Raises:
            errors.AggregateEmpty: there are too few of them.
            errors.AggregateOverflow: a number does not fit the type of the model's array.
        """
        ...
