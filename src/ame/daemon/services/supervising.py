"""The process that keeps one service: small, and on its own once it is started.

It starts the service's child, writes down what comes of it, and ends when the child has. SIGTERM
has it stop the child. When it is killed its child ends too, with all that the child started.
"""

import fcntl
import os
import signal
import sys
from pathlib import Path
from typing import TextIO

from ame import errors, process
from ame.daemon.child import Child
from ame.daemon.services.journal import NAME, Journal
from ame.daemon.services.service import Service, marker

IDENTITY = "supervisor"
"""The file that says which process it is."""
_LOCK = "lock"


def main() -> None:
    """Reads the service from standard input; answers on standard output, then closes it.

    The answer is `started IDENTITY`, or `refused WHY`.
    """
    service = Service.read(sys.stdin.buffer.read())
    if os.fork():
        os._exit(0)  # so that nobody has to wait for the one that stays
    os.setsid()
    answer = os.fdopen(os.dup(1), "w")
    _leave(service.folder)
    try:
        _keep(service, answer)
    except errors.Error as error:
        answer.write(f"refused {error}")
        answer.close()


def lock(folder: Path) -> int | None:
    """A descriptor that makes the caller the one who writes there; None when another is."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _leave(folder: Path) -> None:
    """Lets go of what belongs to who started it."""
    os.chdir(folder)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    said = os.open("supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    for opened, number in ((null, 0), (null, 1), (said, 2)):
        os.dup2(opened, number)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _keep(service: Service, answer: TextIO) -> None:
    folder = service.folder
    if lock(folder) is None:  # held until this process ends
        raise errors.ServiceRunning(folder)
    with Journal(folder / NAME) as journal:
        if journal.number:
            raise errors.ServiceKept(folder)
        with process.Supervisor(marker=marker(folder)) as supervisor:
            child = Child.start(
                service.argv,
                folder=service.works_in,
                on=journal.append,
                supervisor=supervisor,
                variables=service.variables,
                limits=service.limits,
            )
            signal.signal(signal.SIGTERM, lambda *_: child.ask(service.grace))
            identity = str(process.own_identity())
            Path(IDENTITY).write_text(identity, encoding="ascii")
            answer.write(f"started {identity}")
            answer.close()
            child.wait()
