"""Names of tasks and paths of their files, as both sides read them."""

from __future__ import annotations

import re
from typing import Final

from ame import errors

ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
"""What a task may be called: also a name of a folder, that leads nowhere else."""
LONGEST: Final = 1000
_CLIENT: Final = 100


def names_client(given: str) -> bool:
    """Whether a client may be called so: a file may be named after it."""
    plain = given.isprintable() and "/" not in given and given not in {"", ".", ".."}
    return plain and len(given) <= _CLIENT


def within(task: str, given: str) -> str:
    """The path of a file within its task, however it was written: `./task_4fe5/client.py` too.

    Raises:
        errors.CodePathInvalid: it leads out of the task's folder, or names no file.
    """
    parts = [part for part in given.replace("\\", "/").split("/") if part not in {"", "."}]
    if parts[:1] == ["tasks"]:
        parts = parts[1:]
    if parts[:1] == [f"task_{task}"]:
        parts = parts[1:]
    bad = given.startswith(("/", "\\")) or ".." in parts or not parts
    if bad or len(given) > LONGEST or not given.isprintable():
        raise errors.CodePathInvalid(given[:200])
    return "/".join(parts)
