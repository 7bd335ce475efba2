"""What a database promises, and the work that it is given."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

Kept = TypeVar("Kept")
Item = TypeVar("Item")


class Rows(Protocol):
    """The rows that one transaction sees. Good for as long as the work that was given it."""

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a statement yields. Values stand for `?`; none else is in the text.

        `{lock}` at the end of a SELECT keeps its rows from other writers until the transaction's
        end. `{among}` behind a column stands for one value, a list: the column is in it. Numbers,
        text, bytes and None go in and come out.
        """
        ...

    def execute_all(
        self, statement: str, values: Sequence[Sequence[Any]]
    ) -> list[list[tuple[Any, ...]]]:
        """What a statement yields for each of many values, one after another.

        That is nothing at all where it has no RETURNING.
        """
        ...


Work = Callable[[Rows], Kept]
"""Reads and writes rows, does nothing else, and may be done over after a conflict."""
Deed = Callable[[Rows, Sequence[Item]], Sequence[Kept | Exception]]
"""A work for many who want the same at once. It yields what comes of each, in their order: what is
returned to that one, or is raised there. An item by which nothing was written may come to an error.
"""


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

    async def do_together(self, deed: Deed[Item, Kept], item: Item) -> Kept:
        """The same for a deed, which is done once for all the items that wait for it.

        An error that it raises makes it be done for each item alone, and is then raised there.

        Raises:
            errors.DatabaseUnusable: the database cannot be reached or written.
        """
        ...

    async def read(self, work: Work[Kept]) -> Kept:
        """The same for a work that only reads; it does not wait for writers.

        It may hold up its loop: a long one is for `read_apart`.

        Raises:
            errors.DatabaseUnusable: the database cannot be reached.
        """
        ...

    async def read_apart(self, work: Work[Kept]) -> Kept:
        """The same for a long one, which holds up neither its loop nor what others read.

        Raises:
            errors.DatabaseUnusable: the database cannot be reached.
        """
        ...

    def close(self) -> None:
        """Ends what was given, then lets go of the database. Idempotent."""
        ...
