"""Which runs a list shows: walks down the indexes of the database, newest first."""

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ame import runs
from ame.storage.sqlite.bound import SQLITE_INTERRUPT, Connection, OperationalError

_GRAM = 3
"""Letters in a word of the search index."""
_GLIMPSE = 10_000
"""Instructions of SQLite, of which it takes some ten to look at a run."""
_GLANCE = 3
"""So many times that for the newest runs that pass the filters, before an index is asked."""

_TASKS = """
    WITH RECURSIVE named (task) AS (
        SELECT min(task) FROM run {where}
        UNION ALL
        SELECT (SELECT min(run.task) FROM run WHERE {and} run.task > named.task)
        FROM named WHERE named.task IS NOT NULL
    )
    SELECT task FROM named WHERE task IS NOT NULL LIMIT ?
"""

Query = tuple[str, list[Any]]


def fold(name: str) -> str:
    """A name as it is searched."""
    return f"{name.casefold()}\n\n"


def rest(name: str, task: str) -> str:
    """What the search index has of a name: all that follows its task, if it begins with that."""
    return fold(name.removeprefix(task) if name.startswith(f"{task}-") else name)


def newest(connection: Connection, where: runs.Filter, last: int, limit: int) -> list[int]:
    """The ids of the newest runs below `last` that pass, at most `limit`.

    Filters alone follow an index. A search looks for a while at what passes the filters, which
    finds the first ones soon where many are found, and is soon at its end where few pass. Else
    tasks and endings are searched apart: the first are few, and of the second few are alike.
    """
    needle = where.search.casefold()
    if "\n" in needle:
        return []
    if not needle:
        return _ids(connection, walk(where, last, limit))
    found = _for_a_while(connection, walk(where, last, limit))
    if found is not None:
        return found
    known = [where.task] if where.task else tasks(connection, where.project)
    folded = [f"{task.casefold()}-" for task in known]
    ways = [
        walk(replace(where, task=task), last, limit)
        for task, name in zip(known, folded, strict=True)
        if needle in name
    ]
    ways += [_match(connection, where, last, limit, part) for part in _endings(needle, folded)]
    merged = heapq.merge(*(_ids(connection, way) for way in ways), reverse=True)
    return [id_ for id_, _ in itertools.islice(itertools.groupby(merged), limit)]


def tasks(connection: Connection, project: str = "", *, limit: int = -1) -> list[str]:
    """The names of the tasks that have runs, one step down an index for each."""
    one = "project = ?1" if project else ""
    query = _TASKS.format(**{"where": one and f"WHERE {one}", "and": one and f"{one} AND"})
    given = (project, limit) if project else (limit,)
    return [task for (task,) in connection.execute(query, given)]


def walk(where: runs.Filter, last: int, limit: int) -> Query:
    """The query for those that pass, in order: one walk down an index for each state, merged."""
    tests, values = _tests(where)
    states: list[runs.State | None] = [*where.states]
    if tests and not states:
        states = [*runs.State]
    if where.search:
        tests += " AND instr(folded, ?)"
        values.append(where.search.casefold())
    given: list[Any] = []
    walks = []
    for state in states or [None]:
        walks.append(f"SELECT id FROM run WHERE id < ? {tests}")
        given += [last, *values]
        if state is not None:
            walks[-1] += " AND state = ?"
            given.append(state.value)
    return f"{' UNION ALL '.join(walks)} ORDER BY id DESC LIMIT ?", [*given, limit]


def _endings(needle: str, folded: Sequence[str]) -> list[str]:
    """What of it endings can hold: all of it, or what follows the name of one of these tasks."""
    parts = [needle]
    for at, letter in enumerate(needle):
        begun = needle[: at + 1]
        if letter == "-" and 0 < at < len(needle) - 1 and any(n.endswith(begun) for n in folded):
            parts.append(needle[at:])
    return parts


def _match(connection: Connection, where: runs.Filter, last: int, limit: int, part: str) -> Query:
    """The query for those whose ending holds that part of what is searched.

    Of one or two letters the search index has the words that begin so.
    """
    words = [part]
    if len(part) < _GRAM:
        found = connection.execute(
            "SELECT term FROM gram WHERE term >= ? AND term < ?", (part, part + chr(0x10FFFF))
        )
        words = [word for (word,) in found] or ["\n" * _GRAM]
    tests, values = _tests(where)
    if where.states:
        tests += f" AND state IN ({', '.join('?' * len(where.states))})"
        values += [state.value for state in where.states]
    query = f"""
        SELECT search.rowid FROM search CROSS JOIN run ON run.id = search.rowid
        WHERE search MATCH ? AND search.rowid < ? AND instr(folded, ?) {tests}
        ORDER BY search.rowid DESC LIMIT ?
    """
    match = " OR ".join(map(_quoted, words))
    return query, [match, last, where.search.casefold(), *values, limit]


def _for_a_while(connection: Connection, query: Query) -> list[int] | None:
    """The ids, unless it takes too long to find them."""
    glimpses = itertools.count()
    connection.set_progress_handler(lambda: next(glimpses) >= _GLANCE, _GLIMPSE)
    try:
        return _ids(connection, query)
    except OperationalError as error:
        if error.sqlite_errorcode != SQLITE_INTERRUPT:
            raise
        return None
    finally:
        connection.set_progress_handler(None, 0)


def _tests(where: runs.Filter) -> Query:
    """The parts of a WHERE for project and task, and their values."""
    given = {"project": where.project, "task": where.task}
    tests = "".join(f" AND {column} = ?" for column, value in given.items() if value)
    return tests, [value for value in given.values() if value]


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _ids(connection: Connection, query: Query) -> list[int]:
    return [id_ for (id_,) in connection.execute(*query)]
