"""What is to be done now about a task: the scheduler's decisions, without any doing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ame.server.rounds import RoundStatus
from ame.server.tasks import Task, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.protocol.pb import odp_task
    from ame.server.rounds import Round

HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The task is to go to another state."""

    to: TaskStatus
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """A new round is to be opened."""

    number: int
    base: int
    """The round of the task, or of the task that is evaluated, whose result it begins with."""
    evaluated: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """A round has reached its goal: what came in is to be aggregated."""

    number: int


Deed: TypeAlias = Move | Begin | End


def due(
    task: Task,
    rounds: Sequence[Round],
    *,
    trained: Sequence[Round] = (),
    learnt: bool = False,
    ready: bool,
    now: float,
) -> list[Deed]:
    """What is to be done about a task, in this order.

    `rounds` are its rounds: of an evaluation all, of a training at least those under way, those
    that failed, the last one, and the one with the newest result. `trained` are those of the task
    that it evaluates, and `learnt` tells whether that one has ended: then an evaluation is over
    when no checkpoint is left to look at. `ready` tells whether its plan and checkpoint are there.
    """
    if task.status is TaskStatus.CREATED:
        return [Move(to=TaskStatus.OPEN)] if ready and now >= _begins(task) else []
    if task.status is not TaskStatus.OPEN:
        return []
    failed = [each for each in rounds if each.status in _FAILED]
    if failed:
        reason = f"round {failed[-1].number}: {failed[-1].reason}"
        return [Move(to=TaskStatus.FAILED, reason=reason)]
    deeds: list[Deed] = [End(number=each.number) for each in rounds if each.full]
    active = sum(each.status.active for each in rounds)
    last = max((each.number for each in rounds), default=0)
    ends = _ends(task)
    begin = _evaluation(task, rounds, trained) if task.evaluates else _training(rounds, last)
    over = last >= task.proto.total_iteration or (ends and now >= ends) or (learnt and not begin)
    if over and not active:
        return [*deeds, Move(to=TaskStatus.COMPLETED)]
    if over or task.paused or active >= max(task.proto.max_parallel, 1):
        return deeds
    return [*deeds, begin] if begin else deeds


def alarm(task: Task, now: float) -> float | None:
    """When something is due about a task though nothing changes; none where that never is."""
    at = _begins(task) if task.status is TaskStatus.CREATED else _ends(task)
    return at if at > now and not task.status.final else None


def _begins(task: Task) -> float:
    return task.proto.start_task_no_earlier_than.ToNanoseconds() / 1e9


def _ends(task: Task) -> float:
    """When no more rounds begin; 0 where that is never."""
    return task.proto.do_not_create_iteration_after.ToNanoseconds() / 1e9


_FAILED = frozenset({RoundStatus.AGGREGATING_FAILED, RoundStatus.APPLYING_FAILED})


def _training(rounds: Sequence[Round], last: int) -> Begin:
    """It begins with the newest result that there is."""
    done = (each.number for each in rounds if each.status is RoundStatus.COMPLETED)
    return Begin(number=last + 1, base=max(done, default=0))


def _evaluation(task: Task, rounds: Sequence[Round], trained: Sequence[Round]) -> Begin | None:
    """It looks at the oldest checkpoint that its selector picks and that it has not looked at."""
    last = max((each.number for each in rounds), default=0)
    seen = {each.evaluated for each in rounds if each.status is not RoundStatus.CANCELED}
    for number in selected(task.proto.info.evaluation_info.check_point_selector, trained):
        if number not in seen:
            return Begin(number=last + 1, base=0, evaluated=number)
    return None


def selected(selector: odp_task.CheckPointSelector, trained: Sequence[Round]) -> list[int]:
    """The rounds whose checkpoints are evaluated: the first of every k rounds, or of k hours."""
    done = sorted(
        (each.number, each.ended)
        for each in trained
        if each.status is RoundStatus.COMPLETED and each.ended is not None
    )
    if not done:
        return []
    if selector.WhichOneof("selector_type") == "duration_selector":
        span = max(selector.duration_selector.hours, 1) * HOUR
        buckets = [(int((ended - done[0][1]) // span), number) for number, ended in done]
    else:
        size = max(selector.iteration_selector.size, 1)
        buckets = [((number - 1) // size, number) for number, _ in done]
    first: dict[int, int] = {}
    for bucket, number in buckets:
        first.setdefault(bucket, number)
    return list(first.values())
