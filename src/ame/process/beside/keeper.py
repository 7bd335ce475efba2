"""The process that a Supervisor has beside it: small, of one thread, it makes the slots.

It starts as a fresh interpreter rather than as a fork, so it may be started from any thread, has
nothing of its parent's memory, and forks quickly. Its line ends when its parent does.
"""

import _socket as socket
import gc
import os
import select
import sys

from ame.process import groups, tree
from ame.process.beside import slot, wire

LINE = 3
"""The descriptor that its line is on. It has no other, but for the null device on 0, 1, 2."""


class Keeper:
    """Makes slots, and ends what a slot that was killed has left."""

    def __init__(self, line: socket.socket, *, form: str, name: str) -> None:
        self._line = line
        self._places = {} if form == "watch" else groups.find()
        self._strict = form == "cgroup"
        self._name = f"{name}-{os.getpid()}"
        self._open = True
        self._slots: dict[int, int] = {}
        self._orphans = False
        self._asked: list[int] = []
        self._starved: set[int] = set()
        """Slots that ended after the kernel had ended processes of theirs for want of memory."""
        self._poll = select.poll()
        self._poll.register(line, select.POLLIN)
        self._woken = slot.wake_on_children(self._poll)

    def live(self) -> None:
        """Returns when its line and all slots have ended, and nothing is left of them."""
        while self._open or self._slots or self._orphans:
            for fd, _ in self._poll.poll(10 if self._orphans else None):
                if fd == self._woken:
                    os.read(fd, 4096)
                else:
                    self._hear()
            self._reap()
            self._answer()

    def _hear(self) -> None:
        message, fds = wire.receive(self._line)
        match message:
            case None:
                self._open = False
                self._poll.unregister(self._line)
            case ("slot", number):
                self._make(number, socket.socket(fileno=fds[0]))
            case ("lost", number):
                self._asked.append(number)

    def _make(self, number: int, line: socket.socket) -> None:
        try:
            pid = os.fork()
        except OSError:  # there is no room for a process: who waits at the other end sees it end
            line.close()
            return
        if pid == 0:
            try:
                self._line.close()
                group = groups.Group.enter(self._places, f"{self._name}-{number}")
                slot.become_subreaper()
                slot.Slot(line, group, strict=self._strict).live()
                os._exit(0)
            finally:
                os._exit(1)
        line.close()
        self._slots[pid] = number

    def _reap(self) -> None:
        """Takes ended slots away, and ends what they have left, which is below us now."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                pid = 0
            if pid == 0:
                break
            number = self._slots.pop(pid, None)
            if number is not None:
                self._orphans |= status != 0
                if status != 0:
                    self._note_memory(number)
                self._clear(f"{self._name}-{number}")
        if self._orphans:
            orphans = tree.below(os.getpid(), but=self._slots)
            tree.kill(orphans)
            self._orphans = bool(orphans)

    def _note_memory(self, number: int) -> None:
        """The kernel may choose the slot itself, if what it killed first has not yet let go."""
        if "memory" in self._places:
            version, parent = self._places["memory"]
            if groups.kills((version, f"{parent}/{self._name}-{number}")):
                self._starved.add(number)

    def _clear(self, name: str) -> None:
        for folder in {f"{parent}/{name}" for _, parent in self._places.values()}:
            left = [entry for pid in groups.members(folder) if (entry := tree.look(pid))]
            tree.kill(left)
            groups.remove(folder, within=1.0)

    def _answer(self) -> None:
        """Tells who asked that nothing is left of a slot, and whether its memory had run out."""
        for number in list(self._asked):
            if not self._orphans and number not in self._slots.values():
                self._asked.remove(number)
                wire.send(self._line, ("cleared", number, number in self._starved))


def main() -> None:
    """Begins as the interpreter does, with the form of limits and the name of groups in argv."""
    form, name = sys.argv[1:]
    os.closerange(LINE + 1, os.sysconf("SC_OPEN_MAX"))
    os.set_inheritable(LINE, False)
    gc.disable()
    slot.become_subreaper()
    Keeper(socket.socket(fileno=LINE), form=form, name=name).live()
    os._exit(0)  # the interpreter would take its time
