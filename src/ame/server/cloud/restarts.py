"""What follows from the end of a service: its run's state, or another attempt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ame import errors, runs

if TYPE_CHECKING:
    from ame.daemon.records import Seen

if TYPE_CHECKING:
    from ame.daemon.records import Seen

FIRST: Final = 1.0
LONGEST: Final = 60.0
"""Seconds before the second attempt, and the most before a later one; each is twice the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """How often a service that failed is started again."""

    times: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of `never`, or `on-failure:3`.

        Raises:
            errors.CloudTaskInvalid: it is neither.
        """
        found = re.fullmatch(r"never|on-failure:([1-9]\d{0,3})", text)
        if not found:
            why = f"is {text[:40]!r}: `never`, or `on-failure:3`"
            raise errors.CloudTaskInvalid("restart", why)
        return cls(times=int(found[1] or 0))

    def __str__(self) -> str:
        return f"on-failure:{self.times}" if self.times else "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Start it again."""

    after: float
    """Seconds."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """Its run has ended."""

    state: runs.State
    reason: str = ""


def follows(seen: Seen, restart: Restart, attempts: int) -> Again | Over:
    """What to do after an attempt has ended; `attempts` is its number, from 1."""
    state, reason = seen.outcome
    if state is runs.State.FAILED and attempts <= restart.times:
        return Again(after=min(LONGEST, FIRST * 2 ** (attempts - 1)), reason=reason)
    return Over(state=state, reason=reason)
