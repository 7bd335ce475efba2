"""What a server says of its run while it goes, to whoever shows or keeps it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ame.federation.exchange.sites import Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A task was given to sites."""

    task: str
    sites: tuple[str, ...]
    round: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A site returned its result."""

    site: str
    task: str
    seconds: float
    round: int | None = None
    metrics: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A site returned none, or none that could be used."""

    site: str
    task: str
    why: Why
    round: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundDone:
    """The results of a round were made one model."""

    round: int
    rounds: int
    sites: int
    """How many of their results are in it."""
    metrics: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowBegun:
    """A workflow begins."""

    id: str
    name: str


Fact = Sent | Answered | Failed | RoundDone | WorkflowBegun
Watch = Callable[[Fact], None]


def ignore(_fact: Fact) -> None:
    """Nobody looks."""
