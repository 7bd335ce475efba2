"""The processes of a simulation, as the one that leads it sees them."""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import secrets
import select
import socket
import struct
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import ame
from ame import errors, process
from ame.federation.exchange.lending import Borrowed
from ame.federation.simulator.setup import JOB
from ame.process.beside import wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ame.federation.simulator.setup import Setup

_PATIENCE = 60.0
"""Seconds in which the first process must say that it is there."""
_HURRY = 1.0
_STARTS = 4
_BOOT = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from ame.federation.simulator.worker import zygote
zygote.main(sys.argv.pop(1))
"""
_NOW = struct.Struct("<q")
_MAPPED = 4096


class Worker:
    """One worker, from outside."""

    def __init__(
        self, name: int, line: socket.socket, now: mmap.mmap, parent: process.Child
    ) -> None:
        self.name = name
        self.parent = parent
        """What it was forked from."""
        self.line = line
        self._now = now
        self.borrowed = Borrowed()
        self.sites: set[str] = set()
        """Whose scripts or executors it has begun."""
        self.overdue = False
        """Whether it was ended for taking too long."""

    def running(self) -> int:
        """The number of the order that it is at, or whose script goes on after its answer."""
        number: int = _NOW.unpack_from(self._now)[0]
        return number

    def tell(self, message: wire.Message, *fds: int) -> bool:
        """Whether it was there to be told."""
        try:
            wire.send(self.line, message, *fds)
        except OSError:
            return False
        return True

    def hear(self) -> tuple[wire.Message | None, list[int]]:
        """What it says next; None when it is gone, and has said all."""
        return wire.receive(self.line)

    def close(self) -> None:
        """It is gone, or no longer wanted: it ends when its line does."""
        self.line.close()


class Crew:
    """The workers, and the process from which they are forked."""

    def __init__(
        self, setup: Setup, *, variables: Mapping[str, str], gpus: Sequence[str] = ()
    ) -> None:
        """`variables`: the environment of all; `gpus`: for each lane those that it may use."""
        self._setup = setup
        self._variables = dict(variables)
        self._gpus = gpus
        self._log = Path(setup.workspace) / JOB / "workers.log"
        self._supervisor = process.Supervisor()
        self._made = 0
        self._starts = 1
        self._ends: dict[int, int] = {}
        try:
            self._start()
        except BaseException:
            self._supervisor.close(grace=0)
            raise

    def fork(self, lane: int, *, isolated: bool) -> Worker:
        """A new worker.

        Raises:
            errors.SimulatorFailed: none can be made.

        """
        self._await_ready()
        self._made += 1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        page = os.memfd_create("now", os.MFD_CLOEXEC)
        try:
            os.ftruncate(page, _MAPPED)
            now = mmap.mmap(page, _MAPPED)
            gpus = self._gpus[lane % len(self._gpus)] if self._gpus else None
            message = ("fork", self._made, isolated, gpus)
            with theirs:
                try:
                    wire.send(self._line, message, theirs.fileno(), page)
                except OSError:  # it was killed, and its workers with it
                    self._start_again()
                    wire.send(self._line, message, theirs.fileno(), page)
        finally:
            os.close(page)
        return Worker(self._made, ours, now, self._child)

    def end_of(self, worker: Worker) -> int | None:
        """How a worker ended whose line has ended: its exit code, or minus its signal.

        None: it is none of its own doing, since what it was forked from was killed.

        Raises:
            errors.SimulatorFailed: that has happened too often.

        """
        while worker.name not in self._ends and worker.parent is self._child:
            if not select.select([self._line], [], [], _HURRY)[0]:
                self.kill(worker)  # it has closed its line, and lives
            elif not self._hear():
                self._start_again()
        return self._ends.get(worker.name)

    def kill(self, worker: Worker) -> None:
        """Ends a worker, whatever it is at."""
        with contextlib.suppress(OSError):
            wire.send(self._line, ("kill", worker.name))

    def close(self) -> None:
        """Ends it, and with it all workers and all that they started."""
        self._line.close()
        self._supervisor.close(grace=0)
        self._pump.join()

    def _start_again(self) -> None:
        self._line.close()
        self._child.end(grace=0)
        self._child.wait()
        self._pump.join()
        self._starts += 1
        if self._starts > _STARTS:
            raise self._failed()
        self._start()
        self._await_ready()

    def _start(self) -> None:
        address = f"\0ame-{secrets.token_hex(16)}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.bind(address)
            door.listen(1)
            self._child = self._supervisor.start(
                process.Command(
                    argv=(sys.executable, "-P", "-c", _BOOT, _home(), address[1:]),
                    folder=Path(self._setup.workspace),
                    variables=self._variables,
                )
            )
            self._pump = threading.Thread(target=self._keep_output, name="zygote", daemon=True)
            self._pump.start()
            self._line = self._accept(door)
        wire.send(self._line, ("setup", pickle.dumps(self._setup)))
        self._ready = False

    def _accept(self, door: socket.socket) -> socket.socket:
        """The line of the process that was started, and of no other."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and not self._child.ended():
            if not select.select([door], [], [], 0.05)[0]:
                continue
            line, _ = door.accept()
            peer = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            if struct.unpack("iii", peer)[0] == self._child.identity.pid:
                return line
            line.close()
        raise self._failed()

    def _await_ready(self) -> None:
        while not self._ready:
            if not self._hear():
                raise self._failed()

    def _hear(self) -> bool:
        """Takes in what the zygote says; whether it is still there."""
        match wire.receive(self._line)[0]:
            case ("ready",):
                self._ready = True
            case ("died", int(name), int(code)):
                self._ends[name] = code
            case None:
                return False
        return True

    def _failed(self) -> errors.Error:
        self._child.end(grace=0)
        self._child.wait()
        self._pump.join()
        said = self._log.read_text(errors="replace").strip() if self._log.exists() else ""
        return errors.SimulatorFailed(str(self._log), said.rpartition("\n")[2])

    def _keep_output(self) -> None:
        with self._log.open("ab") as log:
            process.pump(self._child, lambda chunk: _write(log.fileno(), chunk))


def _write(descriptor: int, chunk: bytes) -> None:
    left = deque([chunk])
    while left:
        part = left.popleft()
        written = os.write(descriptor, part)
        if written < len(part):
            left.append(part[written:])


def _home() -> str:
    """The folder that holds `ame`."""
    return str(Path(ame.__path__[0]).resolve().parent)
