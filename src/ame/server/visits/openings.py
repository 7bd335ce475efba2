"""The open tasks of a population, to draw from by their traffic weights."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from ame.server.tasks import within
from ame.server.visits.assignments import Why

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ame.server.tasks import Task
    from ame.server.visits.assignments import Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A task that is open, and its round that takes devices."""

    task: Task
    aggregation: str = ""
    """The round's id for devices; empty where none is open."""


class Openings:
    """The open tasks of a population.

    To change one, and to draw one, costs the logarithm of how many there are. Tasks that admit
    different versions of devices are kept apart: a draw looks at each such kind.
    """

    def __init__(self, openings: Iterable[Opening] = ()) -> None:
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._members: dict[str, _Member] = {}
        self._of_rounds: dict[str, _Member] = {}
        self._shut: dict[str, float] = {}
        for each in openings:
            self.put(each.task, [each.aggregation] if each.aggregation else [])

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def put(self, task: Task, aggregations: Sequence[str]) -> None:
        """A task that is open, as it is from now on; with the ids of its rounds that collect."""
        self.drop(task)
        if task.weight <= 0:
            return
        bounds = task.proto.min_client_version, task.proto.max_client_version
        kind = self._kinds.setdefault(bounds, _Kind())
        member = _Member(
            task=task,
            openings=tuple(Opening(task=task, aggregation=each) for each in aggregations),
            kind=kind,
            place=kind.place(),
        )
        self._members[task.name] = member
        self._of_rounds |= dict.fromkeys(aggregations, member)
        kind.members[member.place] = member
        self._weigh(member)

    def drop(self, task: Task) -> None:
        """A task that is open no longer."""
        member = self._members.pop(task.name, None)
        if member is None:
            return
        for each in member.openings:
            self._of_rounds.pop(each.aggregation, None)
            self._shut.pop(each.aggregation, None)
        kind = member.kind
        kind.shut.discard(member.place)
        kind.weights.put(member.place, 0)
        del kind.members[member.place]
        kind.free.append(member.place)

    def shut(self, aggregation: str, *, until: float) -> None:
        """Notes that a round takes nobody for a while."""
        self._shut.pop(aggregation, None)
        if aggregation in self._of_rounds:
            self._shut[aggregation] = until
            self._weigh(self._of_rounds[aggregation])

    def choose(self, wish: Wish, draw: Callable[[], float], *, now: float) -> Opening | Why:
        """A task for the device, by weight among those that it may join; or why there is none.

        `draw` yields numbers from 0 on, below 1. The device's own weights multiply the tasks'.
        """
        self._reopen(now)
        if not self._members:
            return Why.NO_TASK
        if wish.eligible is not None:
            return self._look(wish, draw)
        kinds = [
            kind
            for bounds, kind in self._kinds.items()
            if kind.members and within(wish.version, *bounds)
        ]
        sums = list(accumulate(kind.weights.total for kind in kinds))
        if not kinds:
            return Why.VERSION
        if not sums[-1]:
            return Why.FULL if any(kind.shut for kind in kinds) else Why.NOT_OPEN
        at = min(int(draw() * sums[-1]), sums[-1] - 1)
        drawn = bisect_right(sums, at)
        kind = kinds[drawn]
        return self._opening(kind.members[kind.weights.find(at - sums[drawn] + kind.weights.total)])

    def _look(self, wish: Wish, draw: Callable[[], float]) -> Opening | Why:
        """The same among the tasks that the device has a weight for."""
        eligible = wish.eligible or {}
        known = [self._members[name] for name in eligible if name in self._members]
        refused = [self._refuses(member, wish) for member in known]
        fitting = [member for member, why in zip(known, refused, strict=True) if why is None]
        if not fitting:
            return min((w for w in refused if w), key=list(Why).index, default=Why.NOT_ELIGIBLE)
        sums = list(accumulate(each.task.weight * eligible[each.task.name] for each in fitting))
        drawn = min(bisect_right(sums, draw() * sums[-1]), len(fitting) - 1)
        return self._opening(fitting[drawn])

    def _refuses(self, member: _Member, wish: Wish) -> Why | None:
        if not member.task.admits(wish.version):
            return Why.VERSION
        if (wish.eligible or {}).get(member.task.name, 0.0) <= 0:
            return Why.NOT_ELIGIBLE
        if not member.openings:
            return Why.NOT_OPEN
        return Why.FULL if member.place in member.kind.shut else None

    def _opening(self, member: _Member) -> Opening:
        return next(each for each in member.openings if each.aggregation not in self._shut)

    def _reopen(self, now: float) -> None:
        """Rounds that took nobody are tried again; they lie as they were shut."""
        while self._shut:
            aggregation, until = next(iter(self._shut.items()))
            if until > now:
                return
            del self._shut[aggregation]
            self._weigh(self._of_rounds[aggregation])

    def _weigh(self, member: _Member) -> None:
        room = any(each.aggregation not in self._shut for each in member.openings)
        member.kind.weights.put(member.place, member.task.weight if room else 0)
        if member.openings and not room:
            member.kind.shut.add(member.place)
        else:
            member.kind.shut.discard(member.place)


class Weights:
    """Whole numbers by their places, from 0; to find who holds a share of their sum.

    Source: Fenwick 1994, "A New Data Structure for Cumulative Frequency Tables".
    """

    def __init__(self) -> None:
        self._own: list[int] = []
        self._tree = [0]
        self.total = 0

    def __len__(self) -> int:
        return len(self._own)

    def grow(self) -> None:
        """One more place, which holds 0."""
        self._own.append(0)
        number = len(self._own)
        below, start = number - 1, number - (number & -number)
        span = 0
        while below > start:
            span += self._tree[below]
            below -= below & -below
        self._tree.append(span)

    def put(self, place: int, weight: int) -> None:
        """What a place holds from now on."""
        more = weight - self._own[place]
        if not more:
            return
        self._own[place] = weight
        self.total += more
        number = place + 1
        while number < len(self._tree):
            self._tree[number] += more
            number += number & -number

    def find(self, at: int) -> int:
        """The place that holds the share `at` of the sum, which is above `at`."""
        place, step = 0, 1 << len(self._own).bit_length()
        while step:
            if place + step < len(self._tree) and self._tree[place + step] <= at:
                place += step
                at -= self._tree[place]
            step >>= 1
        return place


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    task: Task
    openings: Sequence[Opening]
    kind: _Kind
    place: int


@dataclass(slots=True, kw_only=True)
class _Kind:
    """The tasks that admit the same versions."""

    weights: Weights = field(default_factory=Weights)
    members: dict[int, _Member] = field(default_factory=dict)
    shut: set[int] = field(default_factory=set)
    """The places of those whose rounds all take nobody."""
    free: list[int] = field(default_factory=list)

    def place(self) -> int:
        """One for a new member."""
        if self.free:
            return self.free.pop()
        self.weights.grow()
        return len(self.weights) - 1
