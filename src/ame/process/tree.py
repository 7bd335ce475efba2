"""The processes of this machine, as the tree that they are."""

import os
from collections.abc import Collection, Iterator
from signal import SIGCONT, SIGKILL, SIGTERM

_TICK = 1 / os.sysconf("SC_CLK_TCK")


class Entry:
    """A process as it was when it was looked at: /proc/PID/stat, as far as it is needed here."""

    __slots__ = ("group", "pages", "parent", "pid", "seconds", "session", "start", "state")

    def __init__(self, pid: int, stat: list[bytes]) -> None:
        """`stat`: the fields from the third, the state, on."""
        self.pid = pid
        self.state = stat[0].decode()
        self.parent = int(stat[1])
        self.group = int(stat[2])
        self.session = int(stat[3])
        self.seconds = sum(map(int, stat[11:15])) * _TICK
        """CPU time of it and of those of its children that it has waited for."""
        self.start = int(stat[19])
        """Clock ticks after the machine's start."""
        self.pages = int(stat[21])
        """Resident memory."""


GONE = (FileNotFoundError, ProcessLookupError, PermissionError)
"""What reading of a process says that is no more, or that is not ours to see."""


def look(pid: int | str) -> Entry | None:
    """The process of that id; None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123  # hot
            text = file.read(1024)
    except GONE:
        return None
    # The name, in brackets, may hold anything, brackets too.
    return Entry(int(pid), text[text.rindex(b")") + 2 :].split())


def below(root: int, *, but: Collection[int] = ()) -> list[Entry]:
    """All living descendants of `root`, but for those in `but` and what is below them."""
    found: list[Entry] = []
    ahead = [root]
    children = _walk if _KERNEL_LISTS_CHILDREN else _scan().get
    while ahead:
        for entry in children(ahead.pop()) or ():
            if entry.pid in but:
                continue
            ahead.append(entry.pid)
            if entry.state not in "ZX":
                found.append(entry)
    return found


def everything() -> Iterator[Entry]:
    """All processes that this user can see."""
    for name in os.listdir("/proc"):  # noqa: PTH208  # hot
        if name.isdigit() and (entry := look(name)):
            yield entry


def signal(entries: Collection[Entry], number: int) -> None:
    """Sends a signal to each, once; one that is asked to end is woken for it if it was stopped."""
    for entry in entries:
        _send(entry.pid, number)
        if number == SIGTERM:
            _send(entry.pid, SIGCONT)


def kill(entries: Collection[Entry]) -> None:
    """Kills each with its whole process group, so that what it forks meanwhile does not slip away.

    Groups of the calling process's session are left out, and only the entries in them killed.
    """
    # In the order they were found, parents first: none lives to see what it started killed, which
    # of a group the kernel might end in any order.
    signal(entries, SIGKILL)
    mine = os.getsid(0)
    for group in dict.fromkeys(e.group for e in entries if e.session != mine and e.group > 1):
        _send(-group, SIGKILL)


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _scan() -> dict[int, list[Entry]]:
    children: dict[int, list[Entry]] = {}
    for entry in everything():
        children.setdefault(entry.parent, []).append(entry)
    return children


def _walk(pid: int) -> list[Entry]:
    found = []
    for thread in _threads(pid):
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123  # hot
                children = file.read().split()
        except GONE:
            continue
        found += [entry for child in children if (entry := look(int(child)))]
    return found


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")  # noqa: PTH208  # hot
    except GONE:
        return []


_KERNEL_LISTS_CHILDREN = os.access(f"/proc/self/task/{os.getpid()}/children", os.R_OK)
