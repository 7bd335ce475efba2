"""Hears what a process prints that was started by other means than a `Task`."""

import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from ame.daemon.reports.lines import Lines

if TYPE_CHECKING:
    import subprocess

_CHUNK = 1 << 16


class TaskMessageListener:
    """Gives each line of standard output and of standard error to a handler, as it comes.

    Neither stream waits for the other, and handlers are called one at a time.

    Args:
        handler: takes a line with its end. What it raises is printed, and the next line goes on.
        process: has pipes for both streams.

    """

    def __init__(
        self, handler: Callable[[bytes], object], process: "subprocess.Popen[bytes]"
    ) -> None:
        self.handler = handler
        self.process = process
        self._threads: list[threading.Thread] = []
        self._calling = threading.Lock()
        self._stopped = False

    def start(self) -> None:
        """Begins to listen, until the process ends or `stop` is called."""
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                thread = threading.Thread(target=self._listen, args=(stream,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def stop(self) -> None:
        """Calls no handler any more. A handler may say so too."""
        self._stopped = True
        with suppress(ValueError):
            if self.process.poll() is None:
                return  # its threads end with the process
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=1)

    def _listen(self, stream: IO[bytes]) -> None:
        lines = Lines()
        with stream:
            while chunk := stream.read1(_CHUNK) if hasattr(stream, "read1") else stream.read(1):
                self._give(lines.feed(chunk))
            self._give(lines.end())

    def _give(self, lines: list[bytes]) -> None:
        for line in lines:
            with self._calling:
                if not self._stopped:
                    give(self.handler, line + b"\n")


def give(handler: Callable[[bytes], object], message: bytes) -> None:
    """Calls a handler; a fault of its own is printed, and does not end who listens."""
    try:
        handler(message)
    except Exception:  # noqa: BLE001  # whatever the program that uses this has in it
        sys.stderr.write("Task listener could not handle data. Let it go.\n")
        traceback.print_exc()
