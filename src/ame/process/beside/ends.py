"""What a Supervisor has beside it: our ends of the keeper and of the slots that it makes."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Literal

from ame import errors
from ame.process import groups
from ame.process.beside import keeper, wire
from ame.process.command import Command, refused

Form = Literal["auto", "cgroup", "watch"]
"""How limits are held: by the kernel's control groups, by watching, or by what there is."""

_BOOT = """
import sys, types
package, parent = sys.argv.pop(1), sys.argv.pop(1)
for name, folder in (("ame", parent), ("ame.process", package)):
    # By their folders alone: what `ame.process` imports for its users is not needed here.
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
from ame.process.beside import keeper
keeper.main()
"""


class Slot:
    """Our end of a slot: one child at a time."""

    def __init__(self, line: socket.socket, name: int) -> None:
        self.name = name
        self._line = line
        self._number = 0
        self._poll = select.poll()
        self._poll.register(line, select.POLLIN)

    def start(
        self, command: Command, order: wire.Message, outputs: list[int]
    ) -> tuple[int, int, int, str, bool]:
        """Has it start a child.

        Returns its number here, its pid and start, how limits are held, whether it is in a group.
        """
        self._number += 1
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            wire.send(self._line, ("start", self._number, *order), *outputs)
        match self.hear():
            case ("started", pid, start, limited, grouped):
                return self._number, pid, start, limited, grouped
            case ("refused", number, text):
                raise refused(command, number, text)
            case _:
                raise errors.Unavailable(
                    f"`{command.argv[0]}` could not be started: what was to start it was killed"
                )

    def tell(self, message: wire.Message) -> None:
        """Tells it something, if it is there."""
        with contextlib.suppress(OSError):
            wire.send(self._line, message)

    def speaks(self, end: float | None) -> bool:
        """Waits until it says something or ends; whether it did so in time."""
        left = None if end is None else max(end - time.monotonic(), 0) * 1000
        return bool(self._poll.poll(left))

    def hear(self, flags: int = 0) -> wire.Message | None:
        """What it says next; None when it is gone."""
        return wire.receive(self._line, flags)[0]

    def fileno(self) -> int:
        """The line, for a poll."""
        return self._line.fileno()

    def close(self) -> None:
        """Lets it end, with all it has."""
        self._line.close()


class Keeper:
    """Our end of the keeper, and the process that it is."""

    def __init__(self, marker: str, form: Form) -> None:
        self._asking = threading.Lock()
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        folder = Path(groups.__file__).parent
        argv = [sys.executable, "-I", "-S", "-c", _BOOT, str(folder), str(folder.parent)]
        name, _, value = marker.partition("=")
        with theirs:
            self._pid = os.posix_spawn(
                sys.executable,
                [*argv, form, groups.name_for(marker)],
                {**os.environ, name: value},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), keeper.LINE),
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
                    (os.POSIX_SPAWN_DUP2, 0, 1),
                    (os.POSIX_SPAWN_DUP2, 0, 2),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
            )

    def make(self, name: int, line: socket.socket) -> bool:
        """Has it make a slot at the other end of `line`; False when it is gone."""
        try:
            wire.send(self._line, ("slot", name), line.fileno())
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def clear(self, name: int) -> bool | None:
        """Waits until nothing is left of what that slot had; whether its memory had run out.

        None when the keeper is gone itself.
        """
        with self._asking:
            try:
                wire.send(self._line, ("lost", name))
            except OSError:
                return None
            match wire.receive(self._line)[0]:
                case ("cleared", _, bool(starved)):
                    return starved
                case _:
                    return None

    def end(self) -> None:
        """Lets it end, and waits for it; it waits for its slots."""
        self._line.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
