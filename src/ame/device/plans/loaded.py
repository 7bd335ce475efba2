"""What a plan of TensorFlow promises that is ready to run, whatever runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from ame.protocol.pb import plan as pb

Lay = Callable[[bytes], str]
"""Lays the examples of a serialized selector, and returns where they are."""


class Loaded(Protocol):
    """A TensorFlow plan that is ready to run. Several runs may be under way at once."""

    selectors: tuple[pb.ExampleSelector, ...]
    """The examples that it reads, each in a file `0`, `1`, … of one folder."""

    def run(self, examples: Path, checkpoint: Path, output: Path, lay: Lay) -> None:
        """Runs it: from a folder of examples and a checkpoint to what it writes.

        `lay` is asked for examples whose selector is known only while it runs.

        Raises:
            errors.PlanFailed: it did not get to its end.
            errors.ExamplesTooFew: for want of examples.
        """
        ...

    def tell(self, examples: Path, checkpoint: Path, lay: Lay) -> bytes:
        """Runs a plan of eligibility: the TaskEligibilityInfo that it makes. Raises as `run`."""
        ...

    def close(self) -> None:
        """Frees what it holds."""
        ...
