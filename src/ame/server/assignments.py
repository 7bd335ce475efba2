"""One device's share of a round: how it moves, and which task a device is given."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ame.server.tasks import Task

TRIES: Final = 8
"""How often one task is drawn before all are looked through."""


class AssignmentStatus(IntEnum):
    """Where an assignment stands. What is below 2 is under way."""

    ASSIGNED = 0
    LOCAL_COMPLETED = 1
    UPLOAD_COMPLETED = 2
    CANCELED = 101
    LOCAL_FAILED = 102
    LOCAL_NOT_ELIGIBLE = 103
    REMOTE_FAILED = 104
    LOCAL_FAILED_EXAMPLE_GENERATION = 105
    LOCAL_FAILED_MODEL_COMPUTATION = 106
    LOCAL_FAILED_OPS_ERROR = 107
    LOCAL_TIMEOUT = 151
    UPLOAD_TIMEOUT = 152

    @property
    def active(self) -> bool:
        """Whether its device may still contribute."""
        return self < AssignmentStatus.UPLOAD_COMPLETED

    @property
    def timeout(self) -> AssignmentStatus:
        """What becomes of it when its time is over."""
        late = self is AssignmentStatus.LOCAL_COMPLETED
        return AssignmentStatus.UPLOAD_TIMEOUT if late else AssignmentStatus.LOCAL_TIMEOUT


class Why(StrEnum):
    """Why a device was given no task, from what is nearest to one to what is furthest."""

    FULL = "every task that it may do has as many devices as it takes"
    NOT_OPEN = "no round is open of a task that it may do"
    NOT_ELIGIBLE = "it is eligible for no task"
    VERSION = "its version is one that no task takes"
    NO_TASK = "its population has no task that is open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a device that asks for a task brings."""

    version: str
    eligible: Mapping[str, float] | None = None
    """Tasks by name with the weights that the device computed; none where it computed nothing."""
    done: Collection[str] = ()
    """Tasks that its session has been given already."""
    full: Collection[str] = ()
    """Rounds that took no more devices a moment ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A task that is open, and its round that takes devices."""

    task: Task
    aggregation: str = ""
    """The round's id for devices; empty where none is open."""

    def refuses(self, wish: Wish) -> Why | None:
        """Why the device may not join; none where it may."""
        if not self.task.admits(wish.version):
            return Why.VERSION
        if wish.eligible is not None and wish.eligible.get(self.task.name, 0.0) <= 0:
            return Why.NOT_ELIGIBLE
        if not self.aggregation or self.task.name in wish.done:
            return Why.NOT_OPEN
        return Why.FULL if self.aggregation in wish.full else None


class Openings:
    """The open tasks of a population, to draw from by their traffic weights.

    A draw costs the same for one task and for ten thousand, as long as most of them would do.
    """

    def __init__(self, openings: Sequence[Opening]) -> None:
        self._all = tuple(opening for opening in openings if opening.task.weight > 0)
        self._sums = tuple(accumulate(opening.task.weight for opening in self._all))
        self.by_name = {opening.task.name: opening for opening in openings}

    def choose(self, wish: Wish, draw: Callable[[], float]) -> Opening | Why:
        """A task for the device, by weight among those that it may join; or why there is none.

        `draw` yields numbers from 0 on, below 1. The device's own weights multiply the tasks'.
        """
        if not self._all:
            return Why.NO_TASK
        if wish.eligible is None:
            for _ in range(TRIES):
                place = bisect_right(self._sums, draw() * self._sums[-1])
                if self._all[place].refuses(wish) is None:
                    return self._all[place]
        return self._look(wish, draw)

    def _look(self, wish: Wish, draw: Callable[[], float]) -> Opening | Why:
        """The same by looking at all of them, or at all that the device has a weight for."""
        considered = self._all
        if wish.eligible is not None and len(wish.eligible) < len(considered):
            known = (self.by_name.get(name) for name in wish.eligible)
            considered = tuple(opening for opening in known if opening and opening.task.weight > 0)
            if not considered:
                return Why.NOT_ELIGIBLE
        refused = [opening.refuses(wish) for opening in considered]
        fitting = [opening for opening, why in zip(considered, refused, strict=True) if why is None]
        if not fitting:
            order = list(Why)
            return min((why for why in refused if why), key=order.index)
        sums = list(accumulate(_weight(opening, wish) for opening in fitting))
        return fitting[min(bisect_right(sums, draw() * sums[-1]), len(fitting) - 1)]


def _weight(opening: Opening, wish: Wish) -> float:
    own = 1.0 if wish.eligible is None else wish.eligible[opening.task.name]
    return opening.task.weight * own
