"""Updates, and what they are folded into."""

from typing import TYPE_CHECKING

from ame.errors.tree import Damaged, Failed, Invalid

if TYPE_CHECKING:
    from pathlib import Path


class UpdateRefused(Failed):
    """What a client sent cannot be folded; what was folded before is as it was."""

    def __init__(self, client: str, key: str | None, why: str) -> None:
        """`key`: the array that is wrong, None where it is the update as a whole."""
        self.client = client
        self.key = key
        self.why = why
        place = f"`{key}` " if key is not None else ""
        super().__init__(f"the update of `{client}` is refused: {place}{why}")


class AggregateEmpty(Failed):
    """Too few updates, or too little weight, to make an aggregate of."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"there is no aggregate: {why}")


class AggregateOverflow(Failed):
    """A number of an aggregate is beyond the type of the model's array."""

    def __init__(self, key: str, dtype: str) -> None:
        self.key = key
        self.dtype = dtype
        super().__init__(
            f"the aggregate of `{key}` does not fit {dtype}: lower the rate of the server's "
            "optimizer, refuse updates by their norm, or keep the model in a wider type"
        )


class AggregationInvalid(Invalid):
    """An algorithm was given an argument that it has no meaning for."""

    def __init__(self, algorithm: str, argument: str, why: str) -> None:
        self.algorithm = algorithm
        self.argument = argument
        self.why = why
        super().__init__(f"{algorithm}: `{argument}` {why}")


class ArrayUnsupported(Invalid):
    """A value is no array of real numbers."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"not an array that can be averaged: it {why}")


class ArraysDamaged(Damaged):
    """A file of arrays cannot be read."""

    def __init__(self, file: "Path", why: str) -> None:
        self.file = file
        self.why = why
        super().__init__(f"{file}: no arrays can be read from it: {why}")
