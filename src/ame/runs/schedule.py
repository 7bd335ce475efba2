"""Which steps may start, and what follows from how one ended. Events in, moves out, no I/O."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from ame.runs.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What is to be done now."""

    start: tuple[str, ...] = ()
    """Steps whose needs are all met, in the order of the file."""
    cancel: tuple[tuple[str, str], ...] = ()
    """Steps that will never start, each with the reason."""
    end: State | None = None
    """The state that the run has reached, once no step is left."""
    reason: str = ""


class Schedule:
    """The steps of one run as a graph. Each step is started once and ended once.

    A step that fails cancels all that depend on it; what runs beside it goes on to its end, since
    its result can be resumed from.
    """

    def __init__(self, needs: Mapping[str, Iterable[str]]) -> None:
        """`needs`: for each step, in the order of the file, the steps that must succeed first."""
        self._waits = {name: set(before) for name, before in needs.items()}
        self._heirs: dict[str, list[str]] = defaultdict(list)
        for name, before in self._waits.items():
            for other in before:
                self._heirs[other].append(name)
        self._open = set(self._waits)
        self._running: set[str] = set()
        self._failed: list[str] = []
        self._stopped = ""

    @classmethod
    def resumed(cls, needs: Mapping[str, Iterable[str]], done: Iterable[str]) -> Self:
        """The same graph, of which the steps in `done` have succeeded before."""
        schedule = cls(needs)
        for name in done:
            schedule._running.add(name)
            schedule.succeeded(name)
        schedule._running.clear()
        return schedule

    def begin(self) -> Moves:
        """The first moves. An empty run has succeeded at once."""
        return self._moves(n for n in self._waits if n in self._open and not self._waits[n])

    def succeeded(self, name: str) -> Moves:
        """`name` has ended well."""
        self._end(name)
        for heir in self._heirs[name]:
            self._waits[heir].discard(name)
        return self._moves(h for h in self._heirs[name] if h in self._open and not self._waits[h])

    def failed(self, name: str) -> Moves:
        """`name` has ended badly: what depends on it is cancelled."""
        self._end(name)
        self._failed.append(name)
        cancelled: list[tuple[str, str]] = []
        ahead = list(reversed(self._heirs[name]))
        while ahead:
            heir = ahead.pop()
            if heir in self._open and heir not in self._running:
                self._open.discard(heir)
                cancelled.append((heir, f"{name} failed"))
                ahead.extend(reversed(self._heirs[heir]))
        return self._moves((), cancelled)

    def cancelled(self, name: str) -> Moves:
        """`name` was running when the run was stopped, and has ended."""
        self._end(name)
        return self._moves(())

    def stop(self, reason: str) -> Moves:
        """Starts nothing more. The run ends when what is running has ended."""
        self._stopped = reason
        waiting = [n for n in self._waits if n in self._open and n not in self._running]
        self._open.difference_update(waiting)
        return self._moves((), [(name, reason) for name in waiting])

    def _end(self, name: str) -> None:
        self._open.discard(name)
        self._running.discard(name)

    def _moves(self, ready: Iterable[str], cancel: Iterable[tuple[str, str]] = ()) -> Moves:
        start = () if self._stopped else tuple(n for n in ready if n not in self._running)
        self._running.update(start)
        if self._open:
            return Moves(start=start, cancel=tuple(cancel))
        if self._stopped:
            return Moves(cancel=tuple(cancel), end=State.CANCELLED, reason=self._stopped)
        if self._failed:
            reason = f"{', '.join(self._failed)} failed"
            return Moves(cancel=tuple(cancel), end=State.FAILED, reason=reason)
        return Moves(cancel=tuple(cancel), end=State.SUCCEEDED)
