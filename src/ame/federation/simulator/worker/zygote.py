"""The process that has imported what scripts import, and of which workers are forks.

It has one thread, and never runs a line of the job's own code.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import mmap
import os
import pickle
import select
import signal
import socket
import sys
import warnings
from typing import TYPE_CHECKING

from ame.process.beside import slot, wire

if TYPE_CHECKING:
    from ame.federation.simulator.setup import Setup

_ARENAS = -8
_SKIP = "AME_SIMULATOR_SKIP"
_AGAIN = "AME_SIMULATOR_LINE"


def main(address: str) -> None:
    """Begins as the interpreter does: at that address waits the process that leads."""
    if _AGAIN in os.environ:
        line = socket.socket(fileno=int(os.environ.pop(_AGAIN)))
    else:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line.connect(f"\0{address}")
    message, _ = wire.receive(line, int(socket.MSG_PEEK))
    assert message is not None
    setup: Setup = pickle.loads(message[1])  # noqa: S301 (from the process that started this one)
    _preload(setup, line, address)
    wire.receive(line)
    ctypes.CDLL(None).mallopt(_ARENAS, 1)  # one script runs at a time: more would only cost memory
    gc.collect()
    gc.freeze()
    wire.send(line, ("ready",))
    _serve(setup, line)
    os._exit(0)


def _preload(setup: Setup, line: socket.socket, address: str) -> None:
    """Imports what scripts import. What then leaves a thread behind cannot be forked: without it.

    An import that fails here fails in the script too, where its line can be told.
    """
    skipped = set(filter(None, os.environ.pop(_SKIP, "").split(",")))
    importlib.import_module("ame.federation.simulator.worker.loop")
    for name in setup.modules:
        if name in skipped:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.suppress(BaseException):
                importlib.import_module(name)
        if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208
            line.set_inheritable(True)
            os.environ[_SKIP] = ",".join([*skipped, name])
            os.environ[_AGAIN] = str(line.fileno())
            os.execv(sys.executable, [*sys.orig_argv, *_arguments(address)])  # noqa: S606


def _arguments(address: str) -> list[str]:
    """What `sys.orig_argv` had, if it was taken out of it."""
    return [] if address in sys.orig_argv else [address]


def _serve(setup: Setup, line: socket.socket) -> None:
    poll = select.poll()
    poll.register(line, select.POLLIN)
    woken = slot.wake_on_children(poll)
    workers: dict[int, int] = {}
    while True:
        for fd, _ in poll.poll():
            if fd == woken:
                os.read(fd, 4096)
                continue
            message, fds = wire.receive(line)
            match message:
                case None:
                    return
                case ("fork", name, isolated, gpus):
                    pid = os.fork()
                    if pid == 0:
                        _become_worker(setup, line, woken, fds, isolated=isolated, gpus=gpus)
                    workers[pid] = name
                    for each in fds:
                        os.close(each)
                case ("kill", name):
                    for pid in [pid for pid, each in workers.items() if each == name]:
                        os.kill(pid, signal.SIGKILL)
        _reap(workers, line)


def _reap(workers: dict[int, int], line: socket.socket) -> None:
    while workers:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        name = workers.pop(pid, None)
        if name is None:
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)  # what its scripts have started
        with contextlib.suppress(OSError):
            wire.send(line, ("died", name, os.waitstatus_to_exitcode(status)))


def _become_worker(
    setup: Setup,
    line: socket.socket,
    woken: int,
    fds: list[int],
    *,
    isolated: bool,
    gpus: str | None,
) -> None:
    try:
        os.setpgid(0, 0)
        line.close()
        signal.set_wakeup_fd(-1)
        os.close(woken)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if gpus is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = gpus
        ours = socket.socket(fileno=fds[0])
        page = mmap.mmap(fds[1], 4096)
        os.close(fds[1])
        from ame.federation.simulator.worker import loop

        loop.live(setup, ours, page, isolated=isolated)
    except BaseException:  # noqa: BLE001 (of whatever kind, it must not go on as the zygote)
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(70)
    os._exit(0)
