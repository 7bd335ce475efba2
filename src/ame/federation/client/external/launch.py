"""The site's side: starts a script, gives it tasks, hears what it says, and knows when it dies."""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import select
import shutil
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from ame import errors, process
from ame.federation.client.external import script, wire
from ame.federation.client.record import Record
from ame.federation.flare import alias
from ame.federation.spec.analytics import AnalyticsDataType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ame.federation.client.channel import SystemInfo
    from ame.federation.model import FLModel

_HOME = Path(process.__file__).parents[2]
_CHUNK = 1 << 16
_TAIL = 16_000
"""Bytes of the last output that are kept, to be shown when the script fails."""
_PATIENCE = 500
"""Milliseconds of silence after which it is asked whether the script is still there."""
_LAST_WORDS = 5.0
"""Seconds that a script that has hung up gets to end, so that its exit code is known."""
_LEAVE = 10.0
"""Seconds that a script gets to end after it was told that the job is over."""
_STOPPED = "its site was told to stop"


class Script(Protocol):
    """A training script that runs, as its site sees it."""

    def perform(
        self,
        task: str,
        model: FLModel,
        *,
        timeout: float | None = None,
        aborted: Callable[[], bool] | None = None,
    ) -> FLModel:
        """Gives it a task and waits for its answer. One task at a time.

        Raises:
            errors.ScriptFailed: it raised, ended, or will not answer; the error says which.
            errors.TaskTimedOut: it has not answered within `timeout` seconds.
            errors.JobAborted: `aborted` became true.

        """

    def close(self) -> None:
        """The job is over: it gets no more tasks, and ends. Again has no further effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the scripts of a site run, and where what they say goes."""

    code: Path
    """The job's own code: scripts are named from here, and modules are imported from here."""
    folder: Path
    """Where they work."""
    log: Callable[[bytes], None]
    """Takes what they print, as it comes."""
    record: Callable[[Record], None]
    """Takes what they record. Called from another thread."""
    supervisor: process.Supervisor
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What else is to be in their environment."""


class Launched:
    """A `Script` that is a process of its own; started when it is made."""

    def __init__(
        self,
        info: SystemInfo,
        place: Place,
        argv: tuple[str, ...],
        *,
        launch_timeout: float | None = 300.0,
        shutdown_timeout: float = 0.0,
    ) -> None:
        """Starts `argv`.

        Args:
            info: what the script is to know.
            place: where it runs.
            argv: the whole command.
            launch_timeout: seconds within which it must have said `init()`; None: any time.
            shutdown_timeout: seconds in which it may end by itself when the job is over.

        Raises:
            errors.ProgramNotFound: the command's program is not there.
            errors.NotExecutable: it cannot be run.

        """
        self.name = f"`{' '.join(argv)}` of {info.site_name}"
        self._place = place
        self._timeout = launch_timeout
        self._grace = shutdown_timeout or _LEAVE
        self._token = secrets.token_hex(16)
        self._folder = Path(tempfile.mkdtemp(prefix="ame-fed-"))
        self._changed = threading.Condition()
        self._line: wire.Line | None = None
        self._number = 0
        self._answers: dict[int, FLModel] = {}
        self._hung_up = False
        self._exit: process.Exit | None = None
        self._tail = bytearray()
        self._aborted = False
        self._closed = False
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            told = {**script.write_info(info), "token": self._token}
            (self._folder / script.INFO).write_text(json.dumps(told), "utf-8")
            self._door.bind(str(self._folder / script.SOCKET))
            self._door.listen(8)
            self._child = place.supervisor.start(
                process.Command(argv=argv, folder=place.folder, variables=self._variables())
            )
        except BaseException:
            self._door.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._ear = threading.Thread(target=self._listen, name=f"ear of {self.name}", daemon=True)
        self._ear.start()

    def perform(
        self,
        task: str,
        model: FLModel,
        *,
        timeout: float | None = None,
        aborted: Callable[[], bool] | None = None,
    ) -> FLModel:
        """As `Script` says."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            self._wait_for_line(end, timeout, aborted)
            self._number += 1
            number, line = self._number, self._line
        assert line is not None
        with contextlib.suppress(ConnectionError):
            line.send("task", number, task, value=model)
        with self._changed:
            self._wait(lambda: number in self._answers, end, aborted)
            if number not in self._answers:
                raise errors.TaskTimedOut(self.name, task, timeout or 0)
            answer = self._answers.pop(number)
            self._answers.clear()
            return answer

    def finish(self) -> None:
        """Tells it that the job is over, and does not wait for its end."""
        self._tell("end")

    def close(self) -> None:
        """As `Script` says: it gets its time to end by itself, and is then ended."""
        if self._closed:
            return
        self._closed = True
        if self._aborted:
            self._tell("abort", _STOPPED)
        elif self._line is not None:
            self.finish()
            self._ear.join(self._grace)
        self._child.end(_LAST_WORDS)
        self._ear.join()

    def _tell(self, verb: str, *plain: object) -> None:
        with self._changed:  # it is not closed meanwhile
            if self._line is not None and self._exit is None:
                with contextlib.suppress(ConnectionError):
                    self._line.send(verb, *plain)

    def _variables(self) -> dict[str, str]:
        """The environment: this process's, with what leads the script to its site."""
        made = {**os.environ, **self._place.variables, script.VARIABLE: str(self._folder)}
        paths = [str(self._place.code), made.get("PYTHONPATH", "")]
        if alias.active():
            paths.append(str(alias.FOLDER))  # the script's `nvflare` is ours, as this process's
        if not _HOME.name.endswith("-packages"):
            paths.append(str(_HOME))  # not installed, but used from its source
        made["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        # `python3` means the one that runs this, whether or not its environment is activated.
        paths = [str(Path(sys.executable).parent), made.get("PATH", os.defpath)]
        made["PATH"] = os.pathsep.join(paths)
        return made

    def _wait_for_line(
        self, end: float | None, timeout: float | None, aborted: Callable[[], bool] | None
    ) -> None:
        launch = None if self._timeout is None else time.monotonic() + self._timeout
        first = min((at for at in (end, launch) if at is not None), default=None)
        self._wait(lambda: self._line is not None, first, aborted)
        if self._line is None:
            self._child.end(0)
            seconds = min(each for each in (self._timeout, timeout) if each is not None)
            how = f"has not said `init()` within {seconds:g} seconds, and was ended"
            raise errors.ScriptFailed(self.name, "silent", how, self._words())

    def _wait(
        self, ready: Callable[[], bool], end: float | None, aborted: Callable[[], bool] | None
    ) -> None:
        """Until it is ready or the time is up. Raises when it cannot be ready any more."""
        hung_up: float | None = None
        while not ready():
            now = time.monotonic()
            if aborted is not None and aborted():
                self._aborted = True
                raise errors.JobAborted(_STOPPED)
            if self._exit is not None:
                raise self._ended(self._exit)
            if self._hung_up:
                hung_up = hung_up or now
                if now - hung_up >= _LAST_WORDS:
                    self._child.end(0)
                    how = "takes no more tasks and has not answered, and was ended"
                    raise errors.ScriptFailed(self.name, "silent", how, self._words())
            if end is not None and now >= end:
                return
            naps = [end - now] if end is not None else []
            # `aborted` has no way to wake us.
            naps += [_PATIENCE / 1000] if aborted is not None or self._hung_up else []
            self._changed.wait(min(naps, default=None))

    def _ended(self, ended: process.Exit) -> errors.ScriptFailed:
        what = "before it answered its task" if self._number else "before it said `init()`"
        if ended.code < 0:
            kind, how = "killed", f"was ended by signal {-ended.code} {what}"
        elif ended.code:
            kind, how = "exited", f"ended with exit code {ended.code} {what}"
        else:
            kind, how = "silent", f"ended {what}; it must go on while `is_running()`"
        return errors.ScriptFailed(self.name, kind, how, self._words(), code=ended.code)

    def _words(self) -> str:
        return self._tail.decode("utf-8", "replace")

    def _listen(self) -> None:
        """Hears output, socket and end of the script, in a thread of its own."""
        poll = select.poll()
        with self._child.output as output, self._door:
            for each in (output, self._door):
                poll.register(each, select.POLLIN)
            while True:
                ready = {fd for fd, _ in poll.poll(_PATIENCE)}
                if self._line is not None and self._line.fileno() in ready:
                    self._hear(poll, self._line)
                if self._door.fileno() in ready:
                    self._let_in(poll)
                if output.fileno() in ready:
                    chunk = os.read(output.fileno(), _CHUNK)
                    if not chunk:
                        break
                    self._tail = (self._tail + chunk)[-_TAIL:]
                    self._place.log(chunk)
                elif not ready and self._child.ended():
                    break
        self._bury(poll)

    def _let_in(self, poll: select.poll) -> None:
        end, _ = self._door.accept()
        line = wire.Line(end)
        with contextlib.suppress(ConnectionError):
            match line.receive(_LAST_WORDS):
                case ("hello", str(token)) if hmac.compare_digest(token, self._token):
                    if self._line is None:
                        line.send("welcome")
                        poll.register(line, select.POLLIN)
                        with self._changed:
                            self._line = line
                            self._changed.notify_all()
                        return
        line.close()

    def _hear(self, poll: select.poll, line: wire.Line) -> bool:
        """Takes one message; False when there is none, now or ever."""
        try:
            message = line.receive(0)
        except (ConnectionError, ValueError):
            poll.unregister(line)
            with self._changed:
                self._hung_up = True
                self._changed.notify_all()
            return False
        match message:
            case ("result", int(number), model):
                with self._changed:
                    self._answers[number] = model
                    self._changed.notify_all()
            case ("record", [key, value, kind, step, extra]):
                kind = AnalyticsDataType(kind)
                self._place.record(Record(key=key, value=value, kind=kind, step=step, extra=extra))
        return message is not None

    def _bury(self, poll: select.poll) -> None:
        """It is gone: hears what it said last, tells who waits, and clears up."""
        ended = self._child.wait()
        if self._line is not None:
            while not self._hung_up and self._hear(poll, self._line):
                pass
        with self._changed:
            if self._line is not None:
                self._line.close()
            self._exit = ended
            self._changed.notify_all()
        shutil.rmtree(self._folder, ignore_errors=True)
