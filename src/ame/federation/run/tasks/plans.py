"""To whom a task goes next, and when it is done: one plan for each way of giving tasks.

A plan is told who answered and who is gone, and says who is next; it sends nothing.
"""

from dataclasses import dataclass, field
from typing import Protocol

from ame.federation.spec.task import TaskCompletionStatus


class Plan(Protocol):
    """How one task is given out."""

    def first(self) -> list[str]:
        """Who gets it to begin with."""

    def after(self, site: str, *, answered: bool, now: float) -> list[str]:
        """Who gets it next, now that a site answered, or is gone."""

    def late(self, now: float) -> list[str]:
        """Who gets it next because somebody took too long."""

    def done(self, now: float) -> TaskCompletionStatus | None:
        """How it ended, or None."""

    def due(self) -> float | None:
        """When `late` or `done` may say something new though nothing happened."""


@dataclass(slots=True)
class Broadcast:
    """To all at once, until all answered, or enough did and the time after that is over."""

    targets: list[str]
    min_responses: int
    wait: float
    left: set[str] = field(init=False)
    answers: int = 0
    enough_since: float | None = None

    def __post_init__(self) -> None:
        self.left = set(self.targets)

    def first(self) -> list[str]:
        """All of them."""
        return self.targets

    def after(self, site: str, *, answered: bool, now: float) -> list[str]:
        """Nobody."""
        self.left.discard(site)
        self.answers += answered
        if self.enough_since is None and 0 < self.min_responses <= self.answers:
            self.enough_since = now
        return []

    def late(self, now: float) -> list[str]:
        """Nobody."""
        return []

    def done(self, now: float) -> TaskCompletionStatus | None:
        """When nobody is left, or enough answered."""
        if not self.left:
            return TaskCompletionStatus.OK if self.answers else TaskCompletionStatus.CLIENT_DEAD
        if self.enough_since is not None and now - self.enough_since >= self.wait:
            return TaskCompletionStatus.OK
        return None

    def due(self) -> float | None:
        """When enough answered for long enough."""
        return None if self.enough_since is None else self.enough_since + self.wait


@dataclass(slots=True)
class Forever:
    """To each again whenever it answered."""

    targets: list[str]

    def first(self) -> list[str]:
        """All of them."""
        return self.targets

    def after(self, site: str, *, answered: bool, now: float) -> list[str]:
        """The same one again."""
        return [site] if answered else []

    def late(self, now: float) -> list[str]:
        """Nobody."""
        return []

    def done(self, now: float) -> TaskCompletionStatus | None:
        """Never."""
        return None

    def due(self) -> float | None:
        """Never."""
        return None


@dataclass(slots=True)
class Single:
    """To one; to the next only if that one is gone."""

    targets: list[str]
    answered: bool = False
    tried: int = 1

    def first(self) -> list[str]:
        """The first of them."""
        return self.targets[:1]

    def after(self, site: str, *, answered: bool, now: float) -> list[str]:
        """The next one, if this is gone."""
        self.answered = self.answered or answered
        if answered or self.tried >= len(self.targets):
            self.tried += 1
            return []
        self.tried += 1
        return [self.targets[self.tried - 1]]

    def late(self, now: float) -> list[str]:
        """Nobody."""
        return []

    def done(self, now: float) -> TaskCompletionStatus | None:
        """When one answered, or all are gone."""
        if self.answered:
            return TaskCompletionStatus.OK
        return TaskCompletionStatus.CLIENT_DEAD if self.tried > len(self.targets) else None

    def due(self) -> float | None:
        """Never."""
        return None


@dataclass(slots=True)
class Relay:
    """To one after another. One that takes longer than `limit` seconds is passed over."""

    targets: list[str]
    limit: float
    place: int = 0
    since: float | None = None
    last_answered: bool = False

    def first(self) -> list[str]:
        """The first of them."""
        return self.targets[:1]

    def begun(self, now: float) -> None:
        """The one whose turn it is was given the task."""
        self.since = now

    def after(self, site: str, *, answered: bool, now: float) -> list[str]:
        """The next one, if this was the one whose turn it is."""
        if self.place >= len(self.targets) or site != self.targets[self.place]:
            return []
        self.last_answered = answered
        self.place += 1
        self.since = now
        return self.targets[self.place : self.place + 1]

    def late(self, now: float) -> list[str]:
        """The next one, if this took too long."""
        due = self.due()
        if due is None or now < due:
            return []
        return self.after(self.targets[self.place], answered=False, now=now)

    def done(self, now: float) -> TaskCompletionStatus | None:
        """When all had their turn."""
        if self.place < len(self.targets):
            return None
        return TaskCompletionStatus.OK if self.last_answered else TaskCompletionStatus.TIMEOUT

    def due(self) -> float | None:
        """When the one whose turn it is takes too long."""
        if not self.limit or self.since is None or self.place >= len(self.targets):
            return None
        return self.since + self.limit
