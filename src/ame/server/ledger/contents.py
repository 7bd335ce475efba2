"""The bytes of uploads that are kept as rows: how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ame.storage.databases import Rows

AT_ONCE: Final = 1000
"""Rows that one transaction deletes."""


def prune(rows: Rows, before: float) -> bool:
    """Deletes uploads of rounds that were over before then; true where more may be left.

    What the rounds came to stays, and so does what is known of their assignments.
    """
    gone = rows.execute(
        "DELETE FROM uploads WHERE assignment IN (SELECT u.assignment FROM uploads u"
        " JOIN assignments a ON a.id = u.assignment JOIN rounds r"
        " ON r.population = a.population AND r.task = a.task AND r.number = a.round"
        f" WHERE r.ended < ? LIMIT {AT_ONCE}) RETURNING assignment",
        (before,),
    )
    return len(gone) == AT_ONCE
