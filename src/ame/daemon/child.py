"""A child process that reports: started, heard on three ways at once, and ended as a whole.

Its reports come by datagrams, its standard output and its standard error by pipes. One thread
follows all three, so that none keeps another waiting, and sees the child's end the moment it comes.
"""

import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from ame import process
from ame.daemon.reports import messages
from ame.daemon.reports.lines import Lines, text_of
from ame.daemon.reports.listener import TURN, Listener
from ame.daemon.reports.messages import Ended, Log, Message, Report, Stream

GRACE = 5.0
"""Seconds from being asked to end to being killed."""
LAST_LINES = 20
_LAST_LINE = 1000
"""Characters of each of them."""
_CHUNK = 1 << 16
_LEFT = 16
"""Chunks of a stream that are read after the end of the child: what may wait in a pipe."""

_REST = 100_000
"""Datagrams that are taken after the end of the child: more than may wait anywhere."""

Arrived = tuple[float, Message]
"""A message, and when it was made, in seconds since 1970."""
On = Callable[[Sequence[Arrived]], None]
"""Takes messages in order. When it returns, they are kept: only then are reports acknowledged."""


class Child:
    """A command that was started as a child, with all that it starts in turn."""

    def __init__(self, child: process.Child, listener: Listener, on: On) -> None:
        assert child.errors is not None
        self.identity = child.identity
        self._child = child
        self._listener = listener
        self._on = on
        self._outputs: dict[int, _Output] = {}
        for output in (_Output("stdout", child.output), _Output("stderr", child.errors)):
            self._outputs[output.fileno()] = output
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._asked = False
        self._stopped: process.Exit | None = None
        """Set when `on` has waited for the end."""
        self._why = ""
        self._end: Ended | None = None
        self._told = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="child", daemon=True)

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        folder: Path,
        on: On,
        supervisor: process.Supervisor,
        variables: Mapping[str, str] | None = None,
        limits: process.Limits = process.Limits(),  # noqa: B008  # frozen
    ) -> Self:
        """Starts a program in `folder`, with the environment of this process if none is given.

        `on` is called by a thread of the child's own, last with an `Ended` alone. When it raises,
        the child is ended and told to have ended for that: what cannot be kept is not acknowledged.

        Raises:
            errors.ProgramNotFound: the program is not there.
            errors.NotExecutable: it cannot be run.
            errors.FolderNotFound: the folder is not there.
            errors.Unavailable: its limits cannot be held, or there is no room for a process.

        """
        listener = Listener()
        given = os.environ if variables is None else variables
        command = process.Command(
            argv=tuple(argv),
            folder=folder,
            # What a child prints is to be seen when it prints it, and not lost with it.
            variables={"PYTHONUNBUFFERED": "1", **given, **listener.variables},
        )
        try:
            child = cls(supervisor.start(command, limits, apart=True), listener, on)
        except BaseException:
            listener.close()
            raise
        child._thread.start()
        return child

    @property
    def ended(self) -> Ended | None:
        """How it ended; None while it goes."""
        return self._end

    def wait(self, timeout: float | None = None) -> Ended:
        """Returns how it ended, when `on` was told so.

        Raises:
            TimeoutError: it has not ended within so many seconds.

        """
        if not self._told.wait(timeout):
            raise TimeoutError
        assert self._end is not None
        return self._end

    def stop(self, grace: float = GRACE) -> Ended:
        """Asks the whole tree to end, kills what is left after `grace` seconds, and waits for it.

        Within `on` it does not wait for `on` itself: no more comes, and it ends after that.
        """
        self._asked = True
        self._child.end(grace)
        if threading.current_thread() is not self._thread:
            return self.wait()
        self._stopped = self._child.wait()
        return self._end_of(self._stopped)

    def ask(self, grace: float = GRACE) -> None:
        """As `stop`, without waiting."""
        self._asked = True
        self._child.end(grace)

    def _follow(self) -> None:
        poll = select.poll()
        for descriptor in (self._listener.fileno(), self._child.fileno(), *self._outputs):
            poll.register(descriptor, select.POLLIN)
        ended = None
        while ended is None:
            for fd, _ in poll.poll():
                if fd == self._child.fileno():
                    ended = self._child.left()
                elif fd in self._outputs and not self._outputs[fd].read():
                    poll.unregister(fd)
            self._hand_on()
            ended = ended or self._stopped
        self._drain()
        self._finish(ended)

    def _hand_on(self, *, last: bool = False) -> bool:
        """Gives on what has come since; whether there was something."""
        taken = self._listener.take(_REST if last else TURN)
        arrived: list[Arrived] = [(at / 1e9, _report(content)) for at, content in taken]
        now = time.time()
        for output in self._outputs.values():
            for message in output.messages(last=last):
                arrived.append((now, message))
                if isinstance(message, Log) and message.line.strip():
                    self._last.append(message.line[:_LAST_LINE])
        if arrived and not self._why:
            self._tell(arrived)
        if not self._why:
            self._listener.acknowledge()  # parts of reports too
        return bool(arrived)

    def _tell(self, arrived: Sequence[Arrived]) -> None:
        try:
            self._on(arrived)
        except Exception as error:  # noqa: BLE001  # whatever it is: the child is not left unheard
            self._why = str(error) or type(error).__name__
            self._child.end(GRACE)

    def _drain(self) -> None:
        """Takes in what the child left on its ways when it ended."""
        for output in self._outputs.values():
            for _ in range(_LEFT):
                if not output.read():
                    break
        while self._hand_on(last=True):
            continue
        self._listener.close()

    def _finish(self, ended: process.Exit) -> None:
        self._end = self._end_of(ended)
        self._tell([(self._end.at.timestamp(), self._end)])
        self._child.wait()
        for output in self._outputs.values():
            output.close()
        self._told.set()

    def _end_of(self, ended: process.Exit) -> Ended:
        cause = self._why or ("asked" if self._asked else str(ended.cause or ""))
        return messages.ended(ended.code, cause=cause, last_lines=tuple(self._last))


class _Output:
    """One of the streams that a child prints to."""

    def __init__(self, stream: Stream, source: BinaryIO) -> None:
        os.set_blocking(source.fileno(), False)
        self._stream: Stream = stream
        self._source = source
        self._lines = Lines()
        self._read: list[bytes] = []

    def fileno(self) -> int:
        """To be polled for input."""
        return self._source.fileno()

    def read(self) -> bool:
        """Reads what is there now; False when nothing more comes."""
        try:
            content = os.read(self._source.fileno(), _CHUNK)
        except BlockingIOError:
            return True
        self._read += self._lines.feed(content)
        return bool(content)

    def messages(self, *, last: bool) -> list[Message]:
        """What was read, line by line; with the `last` one, ended or not."""
        lines, self._read = self._read, []
        if last:
            lines += self._lines.end()
        return [self._message(line) for line in lines]

    def close(self) -> None:
        """Hears no more."""
        self._source.close()

    def _message(self, line: bytes) -> Message:
        # The task library of the document's time prints its reports, on standard output.
        if self._stream == "stdout" and line.startswith(b"{"):
            report = messages.read(line)
            if report is not None:
                return report
        return Log(stream=self._stream, line=text_of(line))


def _report(content: bytes) -> Report | Log:
    """A report; what is none of those that we know is kept as the text that it is."""
    return messages.read(content) or Log(stream="stdout", line=text_of(content))


def python(file: Path, *arguments: str) -> tuple[str, ...]:
    """What runs a file of Python as this program is run."""
    return (sys.executable, str(file), *arguments)
