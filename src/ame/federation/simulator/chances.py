"""What befalls sites by chance: they stay away, or are slow. The seed says whom, and when."""

from __future__ import annotations

import random
from dataclasses import dataclass

from ame import errors
from ame.federation.exchange.sites import Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """How likely sites stay away, and how slow they are. Time is simulated: nobody sleeps."""

    dropout: float = 0.0
    """The part of orders that sites do not answer."""
    stragglers: float = 0.0
    """The part of sites that are slow."""
    slowdown: float = 10.0
    """How many times as long they take; others vary by a fifth or so."""
    deadline: float | None = None
    """After how many times the usual time a site is waited for no more."""

    def __post_init__(self) -> None:
        for name in ("dropout", "stragglers"):
            if not 0 <= getattr(self, name) <= 1:
                raise errors.SimulationInvalid(name, "is a part of all: from 0 to 1")
        if self.slowdown < 1:
            raise errors.SimulationInvalid("slowdown", "must be 1 or more")
        if self.deadline is not None and self.deadline <= 0:
            raise errors.SimulationInvalid("deadline", "must be more than 0")

    def none(self) -> bool:
        """Whether nothing befalls anybody."""
        return not self.dropout and not self.stragglers and self.deadline is None


class Fate:
    """What befalls each order; the same for the same seed, whatever else happens."""

    def __init__(self, chances: Chances, seed: int, first: int) -> None:
        """`first`: the round that the run begins with."""
        self._chances = chances
        self._seed = seed
        self._first = first

    def of(self, site: str, number: int) -> tuple[float, Why | None]:
        """How many times the usual time a site takes for an order, and why it does not answer."""
        chances = self._chances
        if chances.none():
            return 1.0, None
        lasting = random.Random(f"{self._seed}/{site}")  # noqa: S311 (it keeps no secret)
        now = random.Random(f"{self._seed}/{site}/{self._first}/{number}")  # noqa: S311
        if now.random() < chances.dropout:
            return 1.0, Why(kind="dropped", text="it stayed away, as `dropout` has it")
        time = now.lognormvariate(0, 0.2)
        if lasting.random() < chances.stragglers:
            time *= chances.slowdown
        if chances.deadline is not None and time > chances.deadline:
            text = f"it would take {time:.1f} times as long as usual; the deadline is at "
            return time, Why(kind="timeout", text=f"{text}{chances.deadline:g}")
        return time, None
