"""Waiting, with an end, for what other processes do."""

import time
from collections.abc import Callable
from pathlib import Path


def eventually(true: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether it comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.01)
    return False


def is_running(pid: int) -> bool:
    """Whether there is such a process, zombies left out."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
