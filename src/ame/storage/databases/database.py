"""What a database promises, and the work that it is given."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

Kept = TypeVar("Kept")


class Rows(Protocol):
    """The rows that one transaction sees. Good for as long as the work that was given it."""

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a statement yields. Values stand for `?`; none else is in the text.

        `{lock}` at the end of a SELECT keeps its rows from other writers until the transaction's
        end. Numbers, text, bytes and None go in and come out.
        """
        ...


Work = Callable[[Rows], Kept]
"""Reads and writes rows, does nothing else, and may be done over after a conflict."""


class Database(Protocol):
    """Where rows are kept."""

    async def do(self, work: Work[Kept]) -> Kept:
        """Does the work in a transaction, and returns what it returned.

        When this returns, what was written is on disk and outlives a loss of power. An error of
        the work undoes what it wrote, is raised here, and harms no other work. Many works are
        committed together.

        Raises:
            errors.DatabaseUnusable: the database cannot be reached or written.
        """
        ...

    async def read(self, work: Work[Kept]) -> Kept:
        """The same for a work that only reads; it does not wait for writers.

        Raises:
            errors.DatabaseUnusable: the database cannot be reached.
        """
        ...

    def close(self) -> None:
        """Ends what was given, then lets go of the database. Idempotent."""
        ...
