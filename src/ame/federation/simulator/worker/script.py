"""A training script that stays: it runs while it has the turn, and waits in `receive`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ame import errors
from ame.federation.exchange.sites import Why
from ame.federation.simulator.worker import faults, modules

if TYPE_CHECKING:
    from types import ModuleType

    from ame.federation import client
    from ame.federation.model import FLModel

Launch = Callable[[Callable[[], None]], None]
"""Has a function run: in a thread of its own, or in the main one."""
_DEAF = 100
"""How often a script may ask for a task when there is none any more."""


class Turn:
    """Of two threads one goes on, and the other waits."""

    def __init__(self) -> None:
        self._script = threading.Lock()
        self._worker = threading.Lock()
        self._script.acquire()
        self._worker.acquire()

    def give(self) -> None:
        """The worker lets the script go on, and waits until it gives the turn back."""
        self._script.release()
        self._worker.acquire()

    def give_back(self) -> None:
        """The script lets the worker go on, and waits for its next turn."""
        self._worker.release()
        self._script.acquire()

    def await_first(self) -> None:
        """The script waits for its first turn."""
        self._script.acquire()

    def end(self) -> None:
        """The script has its last turn behind it."""
        self._worker.release()


class Script:
    """One script from its first line to its last. It is a `client.Channel` for itself.

    The worker gives it the turn, in its site's world, and gets it back when the script answers,
    asks for its next task, or ends.
    """

    def __init__(
        self,
        *,
        file: str,
        main: ModuleType,
        info: client.SystemInfo,
        record: Callable[[client.Record], None],
        farewell: Callable[[], None],
    ) -> None:
        """`farewell`: done in the script's thread when it has ended, whatever the end."""
        self.info = info
        self.record = record
        self.why: Why | None = None
        """Why it ended, if not well."""
        self.ended = False
        self.answered = False
        """Whether it has given its answer, and may go on with what comes after it."""
        self._file = file
        self._main = main
        self._farewell = farewell
        self._turn = Turn()
        self._begun = False
        self._task: client.Received | None = None
        self._answer: FLModel | None = None
        self._over = False
        self._aborted = ""
        self._asked_in_vain = 0

    # For the worker.

    def perform(self, task: client.Received, launch: Launch) -> FLModel | Why:
        """Its answer to a task; why there is none."""
        self._task, self._answer = task, None
        if not self._begun:
            self._begun = True
            launch(self._run)
        self._turn.give()
        if self._answer is None:
            return self._silence()
        answer, self._answer = self._answer, None
        self.answered = True
        return answer

    def rest(self) -> None:
        """Lets it go on after its answer, until it asks for its next task or ends."""
        self.answered = False
        if not self.ended:
            self._turn.give()

    def finish(self, aborted: str = "") -> None:
        """The job is over: lets it go on to its end. `aborted`: why it ended before its time."""
        self._over, self._aborted = True, aborted
        self._task = None
        while self._begun and not self.ended:
            self._turn.give()

    # For the script, through its session.

    def receive(self, timeout: float | None) -> client.Received | None:
        """The next task. Time spent in waiting is nobody's: `timeout` never passes."""
        if self._task is None and not self._over:
            self._turn.give_back()
        if self._aborted:
            raise errors.JobAborted(self._aborted)
        if self._over:
            self._asked_in_vain += 1
            if self._asked_in_vain > _DEAF:
                raise SystemExit(0)
        task, self._task = self._task, None
        return task

    def send(self, model: FLModel) -> None:
        """Gives the answer; returns when it is written."""
        if self._over:
            return
        self._answer = model
        self._turn.give_back()

    def stopped(self) -> bool:
        """Whether the job is over."""
        return self._over

    def close(self) -> None:
        """It takes no more tasks."""
        self._over = True

    def _run(self) -> None:
        self._turn.await_first()
        try:
            code = modules.compiled(self._file)
            exec(code, vars(self._main))  # noqa: S102 (it is what a script is for)
        except BaseException as error:  # noqa: BLE001 (whatever it raises is its end)
            if not (isinstance(error, SystemExit) and not error.code and self._over):
                self.why = faults.why(error)
        finally:
            try:
                self._farewell()
            except BaseException as error:  # noqa: BLE001
                self.why = self.why or faults.why(error)
            self.ended = True
            self._turn.end()

    def _silence(self) -> Why:
        if self.why:
            return self.why
        if self.ended:
            text = (
                "the script ended and sent nothing; it answers each task with `flare.send(…)`, "
                "in `while flare.is_running():`"
            )
        else:
            text = "the script asked for its next task without an answer to this one"
        return Why(kind="silent", text=text, place=self._file)
