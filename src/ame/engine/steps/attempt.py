"""One try at a step: its environment, its process, its output, its end."""

import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from ame import errors, process, project
from ame.engine.backends.places import Child, Place
from ame.engine.reports import log
from ame.project import quantity


class Attempt:
    """One try. `stop` may be called at any time, from any thread."""

    def __init__(
        self,
        place: Place,
        written: log.Log,
        *,
        grace: float,
        started: Callable[[str], None],
    ) -> None:
        """`grace`: seconds between asking the step to end and ending it.

        `started` is told which process the command is, as `process.Identity` writes itself, where
        that may be needed to find it again.
        """
        self._place = place
        self._grace = grace
        self._log = written
        self._started = started
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._stopped = False
        self._late = False
        self.limited = ""
        """How the resources are held, in words; set once the command runs."""
        self.process = ""
        """Which process the command is; empty before it runs."""

    def run(
        self,
        task: project.Task,
        *,
        folder: Path,
        variables: Mapping[str, str],
        limits: process.Limits,
        arguments: tuple[str, ...],
    ) -> process.Exit:
        """Makes the environment ready, starts the command, waits for its end.

        Raises:
            errors.Cancelled: it was stopped before the command started.
            errors.EnvironmentFailed: the packages could not be installed.
            errors.TimedOut: it took longer than the task allows.
        """
        executor = task.executor
        assert executor is not None
        ready = self._place.prepare(
            executor,
            folder=folder,
            arguments=arguments,
            follow=self._follow,
            note=self._log.note,
        )
        timer = threading.Timer(task.timeout, self._time_out) if task.timeout else None
        if timer is not None:
            timer.start()
        try:
            if self._stopped:
                raise errors.Cancelled("stopped")
            child = self._place.start(ready, folder=folder, own=variables, limits=limits)
            self.limited = child.limited
            ended = self._follow(child, of_task=True)
        finally:
            if timer is not None:
                timer.cancel()
        if self._late:
            assert task.timeout is not None
            raise errors.TimedOut(task.timeout)
        return ended

    def stop(self, *, now: bool = False) -> None:
        """Ends the command, and all that it has started; with `now`, without asking it first."""
        with self._lock:
            self._stopped = True
            child = self._child
        if child is not None:
            child.end(0 if now else self._grace)

    def _time_out(self) -> None:
        with self._lock:
            self._late = True
            child = self._child
        if child is not None:
            child.end(self._grace)

    def _follow(self, child: Child, *, of_task: bool = False) -> process.Exit:
        with self._lock:
            self._child = child
            over = self._stopped or self._late
        if over:
            child.end(self._grace)
        try:
            if of_task:
                self.process = str(child.identity)
                if not child.grouped:
                    self._started(self.process)
            process.pump(child, self._log.write)
        except BaseException:
            child.end(0)
            raise
        finally:
            ended = child.wait()
            with self._lock:
                self._child = None
        if self._stopped:
            raise errors.Cancelled("stopped")
        return ended


def reason(ended: process.Exit, limits: process.Limits) -> str:
    """Why a command did not succeed, in words; empty when it did."""
    match ended.cause:
        case process.Cause.MEMORY:
            return f"out of memory: used more than its {quantity.text_of(limits.memory or 0)}"
        case process.Cause.STORAGE:
            return f"out of storage: wrote more than its {quantity.text_of(limits.storage or 0)}"
        case process.Cause.LOST:
            return "lost: the process that watched over it is gone"
        case process.Cause.ASKED:
            return "ended on request"
    if ended.code < 0:
        return f"ended by {signal.Signals(-ended.code).name}"
    return f"exited with {ended.code}" if ended.code else ""
