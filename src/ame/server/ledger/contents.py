"""The bytes of uploads that are kept as rows, and what is kept as files: how long."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from ame.server.tasks import TaskStatus

if TYPE_CHECKING:
    from ame.storage.databases import Rows

AT_ONCE: Final = 1000
"""Rows that one transaction deletes."""
_DIGEST: Final = re.compile(r'"([0-9a-f]{64})"')
_GONE: Final = f"({TaskStatus.CANCELED.value}, {TaskStatus.FAILED.value})"
_SETTINGS: Final = (
    f"SELECT settings FROM tasks WHERE population = ? AND (status NOT IN {_GONE} OR EXISTS"
    " (SELECT 1 FROM changes WHERE population = tasks.population AND task = id AND round = 0"
    " AND at >= ?))"
)
_ROUNDS: Final = (
    "SELECT result, CASE WHEN ended < ? THEN '' ELSE checkpoint END FROM rounds"
    " WHERE population = ?"
)
_COUNTED: Final = (
    "SELECT a.digest FROM rounds r CROSS JOIN assignments a WHERE r.population = ?"
    " AND r.status < 50 AND a.population = r.population AND a.task = r.task"
    " AND a.round = r.number AND a.place IS NOT NULL"
)
_UPLOADED: Final = (
    "SELECT a.digest FROM assignments a WHERE population = ? AND status < 2 AND digest <> ''"
    " AND EXISTS (SELECT 1 FROM rounds WHERE population = a.population AND task = a.task"
    " AND number = a.round AND status < 50)"
)


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


def wanted(rows: Rows, population: str, before: float) -> tuple[set[str], set[str]]:
    """The digests of all files that a population needs, and which of them list slices.

    That is what its tasks were made with, unless they were canceled or have failed; what rounds
    came to; what devices fetch for rounds, and hand in for those that are not over. What was not
    over before that time may still be fetched.
    """
    [(own,)] = rows.execute("SELECT settings FROM populations WHERE name = ?", (population,))
    settings = [text for (text,) in rows.execute(_SETTINGS, (population, before))]
    found = {digest for text in (own, *settings) for digest in _DIGEST.findall(text)}
    for pair in rows.execute(_ROUNDS, (before, population)):
        found.update(pair)
    for statement in (_UPLOADED, _COUNTED):  # from the one they become the other
        found.update(digest for (digest,) in rows.execute(statement, (population,)))
    listed = [json.loads(text).get("slices", {}).values() for text in settings if "slices" in text]
    return found, {digest for each in listed for digest in each}
