"""A channel within one process: tasks are put in on one side, answers taken out there."""

from __future__ import annotations

import copy
import threading
from collections import deque
from typing import TYPE_CHECKING

from ame import errors
from ame.federation.client.channel import Received, SystemInfo

if TYPE_CHECKING:
    from ame.federation.client.record import Record
    from ame.federation.model import FLModel


class MemoryChannel:
    """A `Channel` whose other side is this object's own further methods. Any thread may use those.

    What is recorded stays in `records`, in order.
    """

    def __init__(self, info: SystemInfo) -> None:
        self.info = info
        self.records: list[Record] = []
        self._tasks: deque[Received] = deque()
        self._answers: deque[FLModel] = deque()
        self._aborted: str | None = None
        self._over = False
        self._changed = threading.Condition()

    def put(self, task: str, model: FLModel) -> None:
        """Gives the script a task."""
        with self._changed:
            self._tasks.append(Received(task=task, model=copy.deepcopy(model)))
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> FLModel | None:
        """The next answer. Blocks; None when the script closed the channel or the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._answers) or self._over, timeout)
            return self._answers.popleft() if self._answers else None

    def end(self) -> None:
        """The job is over: once the tasks that wait are done, the script gets no more."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def abort(self, why: str) -> None:
        """The job is ended before its time."""
        with self._changed:
            self._aborted = why
            self._changed.notify_all()

    def receive(self, timeout: float | None) -> Received | None:
        """As `Channel` says."""
        with self._changed:
            self._changed.wait_for(
                lambda: bool(self._tasks) or self._over or bool(self._aborted), timeout
            )
            self._check()
            return self._tasks.popleft() if self._tasks else None

    def send(self, model: FLModel) -> None:
        """As `Channel` says."""
        with self._changed:
            self._check()
            self._answers.append(copy.deepcopy(model))
            self._changed.notify_all()

    def record(self, record: Record) -> None:
        """As `Channel` says."""
        self.records.append(record)

    def stopped(self) -> bool:
        """As `Channel` says."""
        return self._over and not self._tasks

    def close(self) -> None:
        """As `Channel` says."""
        with self._changed:
            self._tasks.clear()
            self._over = True
            self._changed.notify_all()

    def _check(self) -> None:
        if self._aborted is not None:
            raise errors.JobAborted(self._aborted)
