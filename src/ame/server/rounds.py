"""A task's rounds: each gathers contributions from devices and makes one result of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Mapping


class RoundStatus(IntEnum):
    """Where a round stands. What is below 50 is under way."""

    COLLECTING = 0
    AGGREGATING = 1
    APPLYING = 4
    COMPLETED = 50
    CANCELED = 101
    AGGREGATING_FAILED = 102
    APPLYING_FAILED = 103

    @property
    def active(self) -> bool:
        """Whether something is still to follow."""
        return self < RoundStatus.COMPLETED


MOVES: Final[Mapping[RoundStatus, frozenset[RoundStatus]]] = {
    RoundStatus.COLLECTING: frozenset({RoundStatus.AGGREGATING, RoundStatus.CANCELED}),
    RoundStatus.AGGREGATING: frozenset(
        {RoundStatus.APPLYING, RoundStatus.AGGREGATING_FAILED, RoundStatus.CANCELED}
    ),
    RoundStatus.APPLYING: frozenset(
        {RoundStatus.COMPLETED, RoundStatus.APPLYING_FAILED, RoundStatus.CANCELED}
    ),
    **dict.fromkeys(
        (
            RoundStatus.COMPLETED,
            RoundStatus.CANCELED,
            RoundStatus.AGGREGATING_FAILED,
            RoundStatus.APPLYING_FAILED,
        ),
        frozenset(),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One gathering of contributions, and what came of it."""

    population: str
    task: int
    number: int
    """From 1, within its task."""
    status: RoundStatus = RoundStatus.COLLECTING
    aggregation: str
    """The id that devices know it by; it tells nothing."""
    base: int
    """The round whose result it begins with; 0 for the first checkpoint."""
    evaluated: int | None = None
    """Of an evaluation: the training round whose result it looks at."""
    goal: int
    capacity: int
    active: int = 0
    """Devices that are at it."""
    accepted: int = 0
    """Contributions that are in."""
    failed: int = 0
    """Devices that gave up, timed out or sent what could not be taken."""
    checkpoint: str
    """Digest of what devices begin with."""
    result: str = ""
    """Digest of the server's state after it."""
    fence: int = 0
    """Counts the servers that have taken on to end it; only the last one's work counts."""
    opened: float
    ended: float | None = None
    reason: str = ""

    @property
    def key(self) -> tuple[str, int, int]:
        """Population, task and number."""
        return self.population, self.task, self.number

    @property
    def open(self) -> bool:
        """Whether one more device may join."""
        return self.status is RoundStatus.COLLECTING and self.accepted + self.active < self.capacity

    @property
    def full(self) -> bool:
        """Whether its goal is reached and it can be ended."""
        return self.status is RoundStatus.COLLECTING and self.accepted >= self.goal

    def moved(self, to: RoundStatus, reason: str = "") -> Round:
        """The same round in another state.

        Raises:
            errors.RoundMoveRefused: nothing leads there from the state that it is in.
        """
        if to not in MOVES[self.status]:
            name = f"{self.population}/{self.task}"
            raise errors.RoundMoveRefused(name, self.number, self.status.name, to.name)
        return replace(self, status=to, reason=reason)
