"""A population's tasks: what they are, and how they move from state to state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.protocol.pb import odp_task

if TYPE_CHECKING:
    from collections.abc import Mapping


LONG: Final = 100
"""Digits of a part of a version that is no number any more."""
DIGITS: Final = 15
"""Of a number that every database and JSON hold exactly."""


class TaskStatus(IntEnum):
    """Where a task stands, with the numbers of the protocol's `TaskStatus`."""

    OPEN = 1
    COMPLETED = 2
    CREATED = 3
    CANCELED = 4
    FAILED = 5

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return not MOVES[self]


MOVES: Final[Mapping[TaskStatus, frozenset[TaskStatus]]] = {
    TaskStatus.CREATED: frozenset({TaskStatus.OPEN, TaskStatus.CANCELED, TaskStatus.FAILED}),
    TaskStatus.OPEN: frozenset({TaskStatus.COMPLETED, TaskStatus.CANCELED, TaskStatus.FAILED}),
    TaskStatus.COMPLETED: frozenset(),
    TaskStatus.CANCELED: frozenset(),
    TaskStatus.FAILED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One training or evaluation of a population, in rounds."""

    population: str
    id: int
    """From 1, within its population."""
    status: TaskStatus = TaskStatus.CREATED
    paused: bool = False
    """Whether it gets no new rounds and no new devices for now."""
    proto: odp_task.Task
    """What was asked for, with its defaults filled in."""
    reason: str = ""
    """Why it is in its state, where the state alone does not say."""
    created: float
    """Seconds since the epoch."""

    @property
    def name(self) -> str:
        """What devices know it by."""
        return f"{self.population}/{self.id}"

    @property
    def evaluates(self) -> bool:
        """Whether it evaluates another task's checkpoints, and trains nothing."""
        return self.proto.info.HasField("evaluation_info")

    @property
    def looks_at(self) -> tuple[str, int] | None:
        """Population and number of the task that it evaluates, if it does."""
        if not self.evaluates:
            return None
        info = self.proto.info.evaluation_info
        return info.training_population_name or self.population, info.training_task_id

    @property
    def weight(self) -> int:
        """Its share of the traffic, beside the other tasks' shares."""
        return self.proto.info.traffic_weight

    @property
    def goal(self) -> int:
        """How many contributions end a round."""
        return self.proto.min_aggregation_size

    @property
    def capacity(self) -> int:
        """How many devices a round takes at once."""
        return max(self.proto.max_aggregation_size, self.goal)

    @property
    def told(self) -> odp_task.Task:
        """The task as it is told to others."""
        made = odp_task.Task(task_id=self.id, status=self.status.name)
        made.MergeFrom(self.proto)
        made.created_time.FromNanoseconds(int(self.created * 1e9))
        return made

    def admits(self, version: str) -> bool:
        """Whether devices of this version may do it."""
        return within(version, self.proto.min_client_version, self.proto.max_client_version)

    def moved(self, to: TaskStatus, reason: str = "") -> Task:
        """The same task in another state.

        Raises:
            errors.TaskMoveRefused: nothing leads there from the state that it is in.
        """
        if to not in MOVES[self.status]:
            raise errors.TaskMoveRefused(self.name, self.status.name, to.name)
        return replace(self, status=to, reason=reason)


def task_number(said: str) -> int | None:
    """A task's number as it stands in an address or a name; none where no task can have it."""
    return int(said) if said.isdecimal() and len(said) <= DIGITS else None


@lru_cache(1024)
def within(version: str, least: str, most: str) -> bool:
    """Whether a version lies between two, either of which may be empty: then there is no bound."""
    if not least and not most:
        return True
    order = _order(version)
    return (not least or _order(least) <= order) and (not most or order <= _order(most))


def _order(version: str) -> tuple[tuple[int, int | str], ...]:
    """What versions are compared by: `9` before `10`, `1.9` before `1.10`, words by letters."""
    return tuple(
        (0, int(part)) if part.isdecimal() and len(part) < LONG else (1, part)
        for part in version.split(".")
        if part
    )
