"""Who looks on while a run goes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ame import runs
from ame.engine.workspace.ignore import LeftOut


class Watcher(Protocol):
    """Told what happens, from several threads. Every call must return soon."""

    def step(self, step: runs.Step) -> None:
        """A step has a new state."""

    def line(self, step: str, text: str) -> None:
        """A step has printed a line."""

    def progress(self, step: str, done: float, message: str) -> None:
        """A step has said how far it is, from 0 to 1."""

    def metric(self, metric: runs.Metric) -> None:
        """A step has reported a number."""

    def left_out(self, folder: Path, what: Sequence[LeftOut]) -> None:
        """What of a project's files the steps do not see."""

    def note(self, text: str) -> None:
        """Something that a person wants to know now."""


class Nobody:
    """Does not look."""

    def step(self, step: runs.Step) -> None:
        """Passes over it."""

    def line(self, step: str, text: str) -> None:
        """Passes over it."""

    def progress(self, step: str, done: float, message: str) -> None:
        """Passes over it."""

    def metric(self, metric: runs.Metric) -> None:
        """Passes over it."""

    def left_out(self, folder: Path, what: Sequence[LeftOut]) -> None:
        """Passes over it."""

    def note(self, text: str) -> None:
        """Passes over it."""
