"""Scripts that want a process of their own, known by what happens to them without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ame.federation.exchange.sites import Why

_SIGNS = (
    "signal only works in main thread",
    "set_wakeup_fd only works in main thread",
    "context has already been set",
    "cannot set number of interop threads",
    "There is no current event loop in thread",
    "threads cannot be modified after initialization",
    "devices cannot be modified after being initialized",
)
"""What Python, torch and TensorFlow say to who sets what a process has one of, too late or in a
thread that is not the main one."""


def is_wanted(why: Why) -> bool:
    """Whether the script failed for want of a process of its own."""
    return why.kind == "raised" and any(sign in why.text for sign in _SIGNS)
