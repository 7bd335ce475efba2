"""Starting children, each with a tree that is known, limited and ended as a whole."""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, BinaryIO, Self

from ame import errors
from ame.process.beside.ends import Form, Keeper, Slot
from ame.process.command import Cause, Command, Exit, Limits, find_program, refused
from ame.process.identity import Identity, boot_id
from ame.process.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.process.beside import wire

_bytes = functools.lru_cache(maxsize=1024)(os.fsencode)
"""Most variables are the same for one command after the other."""


_PEEK = int(socket.MSG_PEEK)
_IDLE = 8
"""Slots kept for the next command."""
_FILES = 8192
"""Open files that we may need: two for each child, and the system's usual limit is 1,024."""


class Child:
    """A command that was started, and all that it starts in turn. Any thread may use it."""

    def __init__(
        self,
        slot: Slot,
        number: int,
        identity: Identity,
        outputs: Sequence[BinaryIO],
        limited: str,
        grouped: bool,
        supervisor: Supervisor,
    ) -> None:
        self.identity = identity
        self.output = outputs[0]
        """What it and its tree write, standard output and error in order. Yours to read and to
        close, as `pump` does; it ends when the tree is gone."""
        self.errors = outputs[1] if outputs[1:] else None
        """The same for standard error alone, where it was asked to be kept apart."""
        self.limited = limited
        """How its limits are held, in words; empty if it has none."""
        self.grouped = grouped
        """Whether its tree is in a control group, by which `sweep` finds it without its leader."""
        self._slot = slot
        self._number = number
        self._supervisor = supervisor
        self._exit: Exit | None = None
        self._left: Exit | None = None
        self._waiting = threading.Lock()

    def wait(self, timeout: float | None = None) -> Exit:
        """Returns how it ended, when the whole tree is gone.

        Descendants that outlive the command itself are asked to end, and a second later killed.

        Raises:
            TimeoutError: it has not ended within so many seconds.

        """
        end = None if timeout is None else time.monotonic() + timeout
        if not self._waiting.acquire(timeout=-1 if timeout is None else max(timeout, 0)):
            raise TimeoutError
        try:
            while self._exit is None:
                if not self._slot.speaks(end):
                    raise TimeoutError
                # An interrupt may come between any two lines. So the end is first read, and only
                # then taken off the line.
                message = self._slot.hear(_PEEK)
                if message is not None and message[0] == "left":
                    self._left = _exit_of(*message[1:])
                    self._slot.hear()
                    continue
                self._exit = self._end_of(message)
                self._slot.hear()
                self._supervisor._release(self, self._slot, message)  # noqa: SLF001  # one thing
            return self._exit
        finally:
            self._waiting.release()

    def ended(self) -> bool:
        """Whether `wait` would return at once."""
        try:
            self.wait(0)
        except TimeoutError:
            return self._exit is not None
        return True

    def left(self) -> Exit | None:
        """How the command itself ended, as soon as it has; others of its tree may yet be there.

        A descriptor that becomes readable when there is something to ask about is `fileno`.
        """
        return self._exit if self.ended() else self._left

    def fileno(self) -> int:
        """To be polled for input until `left` tells the end; nothing else is done with it."""
        return self._slot.fileno()

    def end(self, grace: float = 5.0, cause: Cause = Cause.ASKED) -> None:
        """Asks the whole tree to end, and kills what is left of it after `grace` seconds.

        Returns at once; `wait` tells when it is done. Again and again has no further effect, but
        that the shortest grace counts.
        """
        if self._exit is None:
            self._slot.tell(("end", self._number, grace, str(cause)))

    def _end_of(self, message: wire.Message | None) -> Exit:
        if message is None:
            starved = self._supervisor._clear(self._slot)  # noqa: SLF001
            return Exit(code=-signal.SIGKILL, cause=Cause.MEMORY if starved else Cause.LOST)
        return _exit_of(*message[1:-1])


def _exit_of(
    code: int, cause: str | None, peak: int | None = None, seconds: float | None = None
) -> Exit:
    named = None if cause is None else Cause(cause)
    return Exit(code=code, cause=named, peak_memory=peak, cpu_seconds=seconds)


class Supervisor:
    """Starts commands; at its end, and when this process is killed, their whole trees end.

    Any thread may use it. Beside it runs a small process that makes a slot, a process too, for
    each command that runs at a time; the slot is the parent of the command, and of descendants
    that lose theirs. The end of this process ends the slots, and so the commands.

    Every command has the variable `marker` (`NAME=value`) in its environment, and a control group
    that is named for it where there are such: by these, `sweep` finds what is left when this
    process and those beside it were killed all at once. So keep it, where a later process looks.
    """

    def __init__(self, *, marker: str = "", limits: Form = "auto") -> None:
        """`limits`: by what they are held, else refused.

        Raises:
            errors.Unsupported: this is not Linux.

        """
        if sys.platform != "linux":
            raise errors.Unsupported("commands are run on Linux only")
        if marker and "=" not in marker:
            raise ValueError(f"a marker is `NAME=value`, not `{marker}`")
        self.marker = marker or f"AME_TREE={os.urandom(12).hex()}"
        self._form = limits
        self._boot = boot_id()
        self._lock = threading.Lock()
        self._children: set[Child] = set()
        self._idle: list[Slot] = []
        self._made = 0
        self._lost = False
        self._closed = False
        self._keeper = Keeper(self.marker, limits)
        _allow_files()
        self._idle.append(self._make_slot())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(
        self,
        command: Command,
        limits: Limits = Limits(),  # noqa: B008  # frozen
        *,
        apart: bool = False,
    ) -> Child:
        """Starts a command: standard input empty, output in one pipe, a session of its own.

        With `apart`, standard error has a pipe of its own, `Child.errors`.

        Raises:
            errors.ProgramNotFound: its program is not there.
            errors.NotExecutable: its program cannot be run.
            errors.FolderNotFound: its folder is not there.
            errors.Unavailable: its limits cannot be held in the way that was asked for, or the
                machine has no room for another process.

        """
        program = find_program(command)
        name, _, value = self.marker.partition("=")
        variables = {**command.variables, name: value}
        measured = limits.folder or command.folder
        cpu = None if limits.cpu is None else float(limits.cpu)
        order = (
            os.fsencode(program),
            tuple(map(os.fsencode, command.argv)),
            os.fsencode(command.folder.absolute()),
            {_bytes(key): _bytes(text) for key, text in variables.items()},
            (limits.memory, cpu, limits.storage, os.fsencode(measured.absolute())),
        )
        try:
            return self._start(command, order, 2 if apart else 1)
        except OSError as error:
            raise refused(command, error.errno or 0, str(error)) from error

    def close(self, grace: float = 5.0) -> None:
        """Ends everything that still runs, as `Child.end` does, and waits until it is gone."""
        with self._lock:
            self._closed = True
            running = list(self._children)
        for child in running:
            child.end(grace)
        for child in running:
            child.wait()
        with self._lock:
            idle, self._idle = self._idle, []
        for slot in idle:
            slot.close()
        self._keeper.end()
        if self._lost:
            sweep(self.marker)

    def _start(self, command: Command, order: wire.Message, streams: int) -> Child:
        pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(streams)]
        outputs = [
            open(reading, "rb", buffering=0)  # noqa: PTH123, SIM115  # the child's user closes it
            for reading, _ in pipes
        ]
        slot = None
        try:
            slot = self._take()
            ends = [writing for _, writing in pipes]
            number, pid, start, limited, grouped = slot.start(command, order, ends)
            identity = Identity(self._boot, pid, start)
            child = Child(slot, number, identity, outputs, limited, grouped, self)
            with self._lock:
                self._refuse_if_closed()
                self._children.add(child)
        except BaseException:
            # In which state the slot is we do not know; when its line ends it ends what it has.
            if slot:
                slot.close()
            for output in outputs:
                output.close()
            raise
        finally:
            for _, writing in pipes:
                os.close(writing)
        return child

    def _take(self) -> Slot:
        with self._lock:
            self._refuse_if_closed()
            while self._idle:
                slot = self._idle.pop()
                if not slot.speaks(0):
                    return slot
                slot.close()  # nobody asked it: it was killed
            return self._make_slot()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise errors.Conflict("this Supervisor is closed; make another to start commands")

    def _make_slot(self) -> Slot:
        self._made += 1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            if not self._keeper.make(self._made, theirs):
                # It was killed. The slots that it made go on; another makes the next.
                self._lost = True
                self._keeper.end()
                self._keeper = Keeper(self.marker, self._form)
                self._keeper.make(self._made, theirs)
        return Slot(ours, self._made)

    def _release(self, child: Child, slot: Slot, message: wire.Message | None) -> None:
        """The child has ended so; its slot serves another, or is replaced."""
        with self._lock:
            self._children.discard(child)
            again = message is not None and message[-1]
            if again and not self._closed and len(self._idle) < _IDLE:
                self._idle.append(slot)
                return
            slot.close()
            if not self._idle and not self._closed:
                with contextlib.suppress(OSError):  # whoever needs it will hear of it
                    self._idle.append(self._make_slot())

    def _clear(self, slot: Slot) -> bool:
        """A slot was killed: sees to it that nothing is left of its tree.

        Whether that was for want of memory.
        """
        starved = self._keeper.clear(slot.name)
        if starved is None:
            # Without the two that knew the tree it cannot be told from its neighbours.
            self._lost = True
            sweep(self.marker)
        return bool(starved)


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FILES:
        most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
