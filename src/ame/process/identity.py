"""Which process is meant, for good: a number alone is given to another when its process ends."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ame import errors
from ame.process import tree


@dataclass(frozen=True, slots=True)
class Identity:
    """A process of this machine, told from every other that ever has the same number.

    `str` and `parse` are inverse.
    """

    boot: str
    """The kernel's name for the time since the machine was started."""
    pid: int
    start: int
    """Clock ticks from the machine's start to the process's."""

    def __str__(self) -> str:
        return f"{self.boot}:{self.pid}:{self.start}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The identity that was written.

        Raises:
            errors.NotAnIdentity: it is not one.

        """
        boot, _, rest = text.partition(":")
        pid, _, start = rest.partition(":")
        if not (boot and pid.isdecimal() and start.isdecimal()):
            raise errors.NotAnIdentity(text)
        return cls(boot, int(pid), int(start))


def boot_id() -> str:
    """The kernel's name for the time since the machine was started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def own_identity() -> Identity:
    """Of the calling process."""
    entry = tree.look(os.getpid())
    assert entry is not None
    return Identity(boot_id(), entry.pid, entry.start)


def alive(identity: Identity) -> bool:
    """Whether it still runs. A zombie does not, nor does another process with its number."""
    entry = tree.look(identity.pid)
    return (
        entry is not None
        and entry.start == identity.start
        and entry.state not in "ZX"
        and identity.boot == boot_id()
    )
