"""Ending what was left behind when everything that kept it was killed."""

import os
import signal
import time

from ame.process import groups, tree
from ame.process.identity import Identity, alive

_PATIENCE = 10.0


def sweep(marker: str, *leaders: Identity) -> int:
    """Kills all that a Supervisor with this marker has left, and removes its control groups.

    For when the process that had the Supervisor is dead. Found are processes with the marker in
    the environment they were started with, those in the groups, and those in the sessions of
    `leaders`, its children, as long as these live: they may have begun with another environment.
    Returns how many it ended; this process and its ancestors are never among them.
    """
    name = groups.name_for(marker)
    spared = _line_of(os.getpid())
    ended: set[int] = set()
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        folders = list(groups.left(name))
        grouped = {pid for folder in folders for pid in groups.members(folder)}
        sessions = {leader.pid for leader in leaders if alive(leader)}
        found = [
            entry
            for entry in tree.everything()
            if entry.pid not in spared
            and entry.state not in "ZX"
            and (entry.pid in grouped or entry.session in sessions or _is_marked(entry.pid, marker))
        ]
        if not found:
            for folder in folders:
                groups.remove(folder, within=1.0)
            break
        ended.update(entry.pid for entry in found)
        tree.signal(found, signal.SIGKILL)
        time.sleep(0.005)
    return len(ended)


def _line_of(pid: int) -> set[int]:
    line: set[int] = set()
    while pid > 0 and pid not in line and (entry := tree.look(pid)):
        line.add(pid)
        pid = entry.parent
    return line


def _is_marked(pid: int, marker: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            return marker.encode() in file.read().split(b"\0")
    except tree.GONE:
        return False
