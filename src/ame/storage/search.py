"""Which runs a list shows: walks down the indexes of the database, newest first."""

from collections.abc import Iterator
from sqlite3 import Connection
from typing import Any

from ame import runs

_GRAM = 3
"""Letters in a word of the search index."""
_WALKED = 4000
"""Rows that are looked at one by one before the search index is asked."""


def text(name: str) -> str:
    """A name as the search index holds it."""
    return f"{name.casefold()}\n\n"


def newest(connection: Connection, where: runs.Filter, last: int, limit: int) -> list[int]:
    """The ids of the newest runs below `last` that pass, at most `limit`.

    What passes the filters lies in the order of an index. For a search, the newest of these are
    looked at one by one, which finds what is common, and all there is when few pass. The rest is
    left to the search index, which is quick for what is rare.
    """
    needle = where.search.casefold()
    if not needle:
        return list(_passing(connection, where, last, limit))
    ids: list[int] = []
    if len(needle) < _GRAM or where.states or where.project or where.task:
        walked = 0
        for id_ in _passing(connection, where, last, _WALKED):
            name = connection.execute("SELECT c0 FROM search_content WHERE id = ?", (id_,))
            if needle in name.fetchone()[0][:-2]:
                ids.append(id_)
                if len(ids) == limit:
                    return ids
            last = id_
            walked += 1
        if walked < _WALKED:
            return ids
    return ids + _matching(connection, where, needle, last, limit - len(ids))


def walk(where: runs.Filter, last: int, limit: int) -> tuple[str, list[Any]]:
    """The query for those that pass the filters, in order: one walk a state, merged."""
    tests, values = _tests(where)
    states: tuple[runs.State, ...] = tuple(where.states)
    if tests and not states:
        states = tuple(runs.State)
    walks = [f"SELECT id FROM run WHERE id < ? {tests} AND state = ?"] * len(states)
    query = " UNION ALL ".join(walks) or "SELECT id FROM run WHERE id < ?"
    given = [value for state in states for value in (last, *values, state.value)] or [last]
    return f"{query} ORDER BY id DESC LIMIT ?", [*given, limit]


def _passing(connection: Connection, where: runs.Filter, last: int, limit: int) -> Iterator[int]:
    for (id_,) in connection.execute(*walk(where, last, limit)):
        yield id_


def _matching(
    connection: Connection, where: runs.Filter, needle: str, last: int, limit: int
) -> list[int]:
    """Those whose names hold the needle and that pass the filters, from the search index."""
    if "\n" in needle:
        return []
    words = [needle]
    if len(needle) < _GRAM:
        found = connection.execute(
            "SELECT term FROM gram WHERE term >= ? AND term < ?", (needle, needle + chr(0x10FFFF))
        )
        words = [word for (word,) in found]
        if not words:
            return []
    tests, values = _tests(where)
    if where.states:
        tests += f" AND state IN ({', '.join('?' * len(where.states))})"
        values.extend(state.value for state in where.states)
    query = f"""
        SELECT search.rowid FROM search JOIN run ON run.id = search.rowid
        WHERE search MATCH ? AND search.rowid < ? {tests} ORDER BY search.rowid DESC LIMIT ?
    """
    match = " OR ".join('"' + word.replace('"', '""') + '"' for word in words)
    return [id_ for (id_,) in connection.execute(query, (match, last, *values, limit))]


def _tests(where: runs.Filter) -> tuple[str, list[Any]]:
    """The parts of a WHERE for project and task, and their values."""
    given = {"project": where.project, "task": where.task}
    tests = "".join(f" AND {column} = ?" for column, value in given.items() if value)
    return tests, [value for value in given.values() if value]
