"""Which runs a list shows: walks down the indexes of the database, newest first."""

import itertools
from typing import Any

from ame import runs
from ame.storage.sqlite.bound import SQLITE_INTERRUPT, Connection, OperationalError

_GRAM = 3
"""Letters in a word of the search index."""
_GLANCE = 2000
"""Runs that are looked at one by one before the search index is asked for one or two letters."""
_GLIMPSE = 50_000
"""Instructions of SQLite, of which it takes some ten to look at a run."""
_WALK = 60
"""So many times that for the runs that pass the filters, before the search index is asked."""
_RARE = 1000
"""Names that hold what is searched up to which the search index is asked, whatever the filters."""

Query = tuple[str, list[Any]]


def fold(name: str) -> str:
    """A name as it is searched."""
    return f"{name.casefold()}\n\n"


def newest(connection: Connection, where: runs.Filter, last: int, limit: int) -> list[int]:
    """The ids of the newest runs below `last` that pass, at most `limit`.

    Filters alone follow an index. A search asks the search index if the names are rare, else it
    looks for a while at what passes the filters: that finds the first ones soon where many are
    both, and is soon at its end where few pass. Slow is only what is common on either side and
    hardly ever both.
    """
    needle = where.search.casefold()
    if "\n" in needle:
        return []
    if not needle:
        return _ids(connection, walk(where, last, limit))
    if (where.project or where.task or where.states) and not _rare(connection, needle):
        walked = _for_a_while(connection, walk(where, last, limit))
        if walked is not None:
            return walked
    if len(needle) < _GRAM:
        ids = _ids(connection, walk(where, last, limit, above=_glance(connection, last)))
        if len(ids) == limit:
            return ids
    return _ids(connection, _match(connection, where, last, limit))


def walk(where: runs.Filter, last: int, limit: int, *, above: int = -1 << 63) -> Query:
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
        walks.append(f"SELECT id FROM run WHERE id < ? AND id > ? {tests}")
        given += [last, above, *values]
        if state is not None:
            walks[-1] += " AND state = ?"
            given.append(state.value)
    return f"{' UNION ALL '.join(walks)} ORDER BY id DESC LIMIT ?", [*given, limit]


def _match(connection: Connection, where: runs.Filter, last: int, limit: int) -> Query:
    """The same from the search index; of one or two letters it has the words they begin."""
    needle = where.search.casefold()
    words = [needle]
    if len(needle) < _GRAM:
        found = connection.execute(
            "SELECT term FROM gram WHERE term >= ? AND term < ?", (needle, needle + chr(0x10FFFF))
        )
        words = [word for (word,) in found] or ["\n" * _GRAM]
    tests, values = _tests(where, among=True)
    query = f"""
        SELECT search.rowid FROM search CROSS JOIN run ON run.id = search.rowid
        WHERE search MATCH ? AND search.rowid < ? {tests} ORDER BY search.rowid DESC LIMIT ?
    """
    match = " OR ".join(map(_quoted, words))
    return query, [match, last, *values, limit]


def _rare(connection: Connection, needle: str) -> bool:
    """Whether few names hold it, as far as the search index can tell by itself."""
    if len(needle) < _GRAM:
        return False
    query = "SELECT count(*) FROM (SELECT 1 FROM search WHERE search MATCH ? LIMIT ?)"
    (count,) = connection.execute(query, (_quoted(needle), _RARE)).fetchone()
    return bool(count < _RARE)


def _for_a_while(connection: Connection, query: Query) -> list[int] | None:
    """The ids, unless it takes too long to find them."""
    glimpses = itertools.count()
    connection.set_progress_handler(lambda: next(glimpses) > _WALK, _GLIMPSE)
    try:
        return _ids(connection, query)
    except OperationalError as error:
        if error.sqlite_errorcode != SQLITE_INTERRUPT:
            raise
        return None
    finally:
        connection.set_progress_handler(None, 0)


def _glance(connection: Connection, last: int) -> int:
    """The id at which the first look at the newest runs ends."""
    query = "SELECT id FROM run WHERE id < ? ORDER BY id DESC LIMIT 1 OFFSET ?"
    row = connection.execute(query, (last, _GLANCE)).fetchone()
    return -1 << 63 if row is None else row[0]


def _tests(where: runs.Filter, *, among: bool = False) -> Query:
    """The parts of a WHERE for project, task and, with `among`, the states, and their values."""
    given = {"project": where.project, "task": where.task}
    tests = "".join(f" AND {column} = ?" for column, value in given.items() if value)
    values: list[Any] = [value for value in given.values() if value]
    if among and where.states:
        tests += f" AND state IN ({', '.join('?' * len(where.states))})"
        values += [state.value for state in where.states]
    return tests, values


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _ids(connection: Connection, query: Query) -> list[int]:
    return [id_ for (id_,) in connection.execute(*query)]
