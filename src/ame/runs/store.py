"""Where runs are kept: what every form of it promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ame.runs.run import Run
    from ame.runs.state import State
    from ame.runs.step import Artifact, Attempt, Metric, Record, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which runs a list shows; all that is set must hold."""

    states: frozenset[State] = frozenset()
    project: str = ""
    task: str = ""
    search: str = ""
    """A part of the run's name, in any case of letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The place of a run in the list, from which the next page goes on."""

    created: datetime
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of the list, newest first.

    Of runs created in the same microsecond, the one saved later counts as the newer.
    """

    runs: tuple[Run, ...]
    after: Cursor | None
    """Where the next page begins; None when this is the last."""


class Store(Protocol):
    """All runs of one state folder or one server.

    Every call may be made from any thread. A write has happened, whole and durably against a
    crash of this process, when the call returns; several processes may write at once.
    """

    def save(self, *records: Record) -> None:
        """Adds what is new and replaces what has the same key, all of it or nothing.

        Keys: a run's `name`; a step's `(run, name)`; an attempt's `(run, step, number)`; an
        artifact's `(run, step, path)`. Metrics have none: each one is added.

        Raises:
            errors.RunNotFound: a record belongs to a run that is neither kept nor among them.
            errors.RunConflict: the run is kept with another time of creation.

        """

    def find(self, name: str) -> Run:
        """The run of that unique name, else the newest run of the task of that name.

        Raises:
            errors.RunNotFound: there is neither; it names the nearest ones.

        """

    def page(self, where: Filter, *, limit: int, after: Cursor | None = None) -> Page:
        """At most `limit` runs, newest first; its cost does not grow with the depth."""

    def unfinished(self) -> tuple[Run, ...]:
        """The runs that are in no final state."""

    def steps(self, run: str) -> tuple[Step, ...]:
        """In the order of their index."""

    def attempts(self, run: str) -> tuple[Attempt, ...]:
        """In the order in which they started."""

    def metrics(self, run: str) -> tuple[Metric, ...]:
        """In the order in which they were saved."""

    def artifacts(self, run: str) -> tuple[Artifact, ...]:
        """In the order of their paths."""

    def saved(self, project: str, path: str, digest: str) -> bool:
        """Whether a run of that project has saved an artifact of this path and content."""

    def digests(self) -> tuple[set[str], set[str]]:
        """The digests of all artifacts, and those of the manifests of all steps' outputs."""

    def artifacts_of(self, project: str, task: str) -> frozenset[tuple[str, str]]:
        """Path and digest of all artifacts that runs of this task have saved."""

    def reusable(self, key: str) -> Step | None:
        """The newest step with that cache key that succeeded and whose outputs are kept."""

    def remove(self, names: Sequence[str]) -> None:
        """Forgets these runs and all that belongs to them. Unknown names are passed over."""

    def close(self) -> None:
        """Ends the use of the store. Idempotent."""
