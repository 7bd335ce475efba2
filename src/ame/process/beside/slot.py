"""A slot: the process that does one step at a time, and knows its tree to the last descendant.

It is the subreaper of what it starts: a process whose parent ends becomes its child. So the tree
is gone when, and only when, the slot has no children.
"""

import _socket as socket
import errno
import os
import select
import signal
import time
from collections.abc import Mapping
from resource import RUSAGE_CHILDREN, getrusage

from ame.process import groups, tree
from ame.process.beside import watch, wire

LEFTOVERS_GRACE = 1.0
"""Seconds that descendants get to end by themselves when their leader has ended."""
_LOST_GRACE = 2.0
_LONGEST = 1e9
_ROOM = 16 << 20
"""Bytes that a step may leave in its group, such as cached files, for the next to begin with."""
_AHEAD = b"500"
"""Of a command, among those that the kernel chooses from when it has no memory left."""

Limits = tuple[int | None, float | None, int | None, bytes]
"""Memory, CPUs, storage, and the folder that storage limits."""


class _Step:
    """What is being done: the leader, and how it is to end."""

    def __init__(self, number: int, leader: int, limits: Limits, group: groups.Group) -> None:
        now = time.monotonic()
        memory, cpu, storage, folder = limits
        watched_memory = None if group.holds("memory") else memory
        watched_cpu = None if group.holds("cpu") or _is_all(cpu) else cpu
        self.number = number
        self.leader = leader
        self.status: int | None = None
        self.told = False
        """Whether it was said that the leader has ended, and others of the tree have not."""
        self.cause: str | None = None
        self.kill_at = float("inf")
        """When what is left is killed, once it has been asked to end."""
        self.pause = 0.002
        self.use = watch.Use(os.getpid(), memory=watched_memory, cpu=watched_cpu, now=now)
        self.size = watch.Size(folder, storage, now=now) if storage is not None else None
        self.largest = 0
        self.suspect_until = 0.0
        """While it is awaited whom the kernel kills for want of memory; else 0."""

    def next(self) -> float:
        """When something is to be done next, if nothing happens before."""
        size = self.size.next if self.size and not self.ending() else float("inf")
        suspect = (
            time.monotonic() + 0.005 if self.suspect_until and not self.ending() else float("inf")
        )
        return min(self.kill_at, self.use.next, size, suspect)

    def ending(self) -> bool:
        """Whether the tree has been told to end."""
        return self.kill_at != float("inf")


class Slot:
    """Does what its line says until the line ends; then ends its tree, and itself."""

    def __init__(self, line: socket.socket, group: groups.Group, *, strict: bool) -> None:
        """`strict`: what the group cannot hold is refused, not watched."""
        self._line = line
        self._strict = strict
        self._group = group
        self._open = True
        self._step: _Step | None = None
        self._spent = 0.0
        self._poll = select.poll()
        self._poll.register(line, select.POLLIN)
        self._woken = wake_on_children(self._poll)
        self._ranking = os.open(_RANK, os.O_RDWR | os.O_CLOEXEC)
        self._rank = os.pread(self._ranking, 64, 0).strip()
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        alarm = group.alarm()
        self._alarm = alarm[0] if alarm else -1
        if alarm:
            self._poll.register(*alarm)

    def live(self) -> None:
        """Returns when the line has ended and nothing of the tree is left."""
        while self._open or self._step:
            for fd, _ in self._poll.poll(self._pause()):
                if fd == self._woken:
                    os.read(fd, 4096)
                elif fd == self._alarm:
                    # Said before the kernel chooses what it kills, and to groups beside this one.
                    self._group.quiet(fd)
                    if self._step:
                        self._step.suspect_until = time.monotonic() + 1
                else:
                    self._hear()
            if self._step:
                self._advance(self._step)

    def _pause(self) -> float | None:
        """Milliseconds until something is to be done."""
        if self._step is None or (next_ := self._step.next()) == float("inf"):
            return None
        return max(next_ - time.monotonic(), 0) * 1000 + 0.5

    def _hear(self) -> None:
        message, fds = wire.receive(self._line)
        match message:
            case None:
                self._open = False
                self._poll.unregister(self._line)
                if self._step:
                    self._end(self._step, "lost", _LOST_GRACE)
            case ("start", number, program, argv, folder, variables, limits):
                try:
                    self._start(number, program, argv, folder, variables, limits, fds)
                except OSError as error:
                    wire.send(self._line, ("refused", error.errno, str(error)))
                except ValueError as error:
                    wire.send(self._line, ("refused", errno.EILSEQ, str(error)))
                finally:
                    for fd in fds:
                        os.close(fd)
            case ("end", number, grace, cause):
                if self._step and self._step.number == number:
                    self._end(self._step, cause, grace)

    def _start(
        self,
        number: int,
        program: bytes,
        argv: tuple[bytes, ...],
        folder: bytes,
        variables: Mapping[bytes, bytes],
        limits: Limits,
        outputs: list[int],
    ) -> None:
        memory, cpu, storage, _ = limits
        held = _words(self._group, memory, cpu, storage)
        if self._strict and any("watching" in words or "pauses" in words for words in held):
            raise OSError(errno.EOPNOTSUPP, "no control group can be made here")
        self._group.forks(allowed=True)
        self._group.limit(memory, cpu)
        self._group.reset_peak()
        self._spent = _cpu_of_the_dead()
        os.chdir(folder)
        try:
            leader = self._spawn(program, argv, variables, outputs)
        finally:
            os.chdir("/")
        self._step = _Step(number, leader, limits, self._group)
        entry = tree.look(leader)
        assert entry is not None  # it may have ended, but nobody has waited for it
        wire.send(self._line, ("started", leader, entry.start, ", ".join(held), bool(self._group)))

    def _spawn(
        self,
        program: bytes,
        argv: tuple[bytes, ...],
        variables: Mapping[bytes, bytes],
        outputs: list[int],
    ) -> int:
        # Else the kernel might kill the slot, out of a group of many small processes.
        self._rank_for_the_kernel(_AHEAD)
        try:
            return os.posix_spawn(
                program,
                argv,
                variables,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, self._null, 0),
                    (os.POSIX_SPAWN_DUP2, outputs[0], 1),
                    (os.POSIX_SPAWN_DUP2, outputs[-1], 2),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=_SIGNALS,
            )
        finally:
            self._rank_for_the_kernel(self._rank)

    def _rank_for_the_kernel(self, rank: bytes) -> None:
        try:
            os.pwrite(self._ranking, rank, 0)
        except OSError:  # it may not rank below where it was put; then it stays, which is well
            return

    def _advance(self, step: _Step) -> None:
        """Does what is due: reaps, looks, kills; tells when all is gone."""
        now = time.monotonic()
        if self._reap(step):
            self._finish(step)
            return
        if step.status is not None and not step.told:
            step.told = True
            self._tell_left(step)
        if step.status is not None and not step.ending():
            self._end(step, None, LEFTOVERS_GRACE)
        if step.suspect_until and not step.ending() and self._group.kills():
            self._end(step, "memory", 0)
        if now >= step.suspect_until:
            step.suspect_until = 0.0
        if now >= step.kill_at:
            self._group.forks(allowed=False)
            tree.kill(self._members())
            step.pause = min(step.pause * 2, 0.1)
            step.kill_at = now + step.pause
        elif now >= step.use.next and step.use.look(_cpu_of_the_dead() - self._spent, now):
            self._end(step, "memory", 0)
        elif step.size and now >= step.size.next and not step.ending() and step.size.look(now):
            self._end(step, "storage", 0)

    def _end(self, step: _Step, cause: str | None, grace: float) -> None:
        """Asks the tree to end, and sets the time after which it is not asked any more."""
        if step.status is None and step.cause is None:
            step.cause = cause
        step.use.release()
        if grace > 0 and not step.ending():
            tree.signal(self._members(), signal.SIGTERM)
        step.kill_at = min(step.kill_at, time.monotonic() + min(grace, _LONGEST))

    def _members(self) -> list[tree.Entry]:
        """The whole tree: our descendants, and what the group has."""
        found = {entry.pid: entry for entry in tree.below(os.getpid())}
        for pid in self._group.members() - found.keys():
            entry = tree.look(pid)
            if entry:
                found[pid] = entry
        return list(found.values())

    def _reap(self, step: _Step) -> bool:
        """Takes the dead away; whether nobody is left."""
        while True:
            try:
                pid, status, use = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            step.largest = max(step.largest, use.ru_maxrss * 1024)
            if pid == step.leader:
                step.status = status

    def _tell_left(self, step: _Step) -> None:
        assert step.status is not None
        code = os.waitstatus_to_exitcode(step.status)
        cause = step.cause or ("memory" if self._group.kills() > 0 else None)
        if self._open:
            try:
                wire.send(self._line, ("left", code, cause))
            except OSError:
                self._open = False

    def _finish(self, step: _Step) -> None:
        self._step = None
        assert step.status is not None
        out_of_memory = self._group.kills() > 0
        if step.cause is None and out_of_memory:
            step.cause = "memory"
        elif step.cause is None and step.size and step.size.over():
            step.cause = "storage"
        held = self._group.holds("memory")
        peak = self._group.peak() if held else max(step.use.peak, step.largest)
        seconds = _cpu_of_the_dead() - self._spent
        code = os.waitstatus_to_exitcode(step.status)
        again = self._group.used() <= _ROOM and not out_of_memory
        if self._open:
            try:
                wire.send(self._line, ("ended", code, step.cause, peak, seconds, again))
            except OSError:
                self._open = False


def become_subreaper() -> None:
    """From now on, descendants whose parents end become children of this process."""
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def wake_on_children(poll: select.poll) -> int:
    """Registers a descriptor that becomes readable when a child ends; other signals do nothing."""
    woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    poll.register(woken, select.POLLIN)
    return woken


def _words(
    group: groups.Group, memory: int | None, cpu: float | None, storage: int | None
) -> list[str]:
    held = []
    if memory is not None:
        held.append(group.holds("memory") or f"memory by watching every {watch.EVERY} s")
    if cpu is not None:
        held.append(group.holds("cpu") or f"cpu by pauses every {watch.EVERY} s")
    if storage is not None:
        held.append("storage by measuring")
    return held


def _is_all(cpu: float | None) -> bool:
    return cpu is None or cpu >= len(os.sched_getaffinity(0))


def _cpu_of_the_dead() -> float:
    """CPU seconds of all descendants that have been waited for."""
    use = getrusage(RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


_RANK = "/proc/self/oom_score_adj"
_PR_SET_CHILD_SUBREAPER = 36
_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
