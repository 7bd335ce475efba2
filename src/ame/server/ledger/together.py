"""What devices write most often, as deeds: once for all who ask at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ame import errors
from ame.server.ledger import assignments, rounds, sessions
from ame.server.ledger.assignments import COLUMNS, OF_OPEN_ROUND, OF_ROUND, Assignment
from ame.server.visits.assignments import AssignmentStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ame.server.ledger.sessions import Shown
    from ame.server.rounds import Round
    from ame.storage.databases import Rows

Key = tuple[str, int, int]
"""A round: population, task and number."""
Had = tuple[Assignment, "Round | None"]
"""A session's share, and its round where that is not the one that was asked for."""

_NOTE: Final = (
    "INSERT INTO sessions (id, population, version, refused, at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO NOTHING RETURNING id"
)
_GIVE: Final = (
    "INSERT INTO assignments (id, population, task, round, session, status, due, made)"
    " VALUES (?, ?, ?, ?, ?, 0, ?, ?)"
)
_OPEN: Final = (
    "UPDATE assignments SET opened = opened + 1, due = ?, status = 1 WHERE id = ? AND opened = ?"
    f" AND digest = '' AND status < 2 AND {OF_OPEN_ROUND} RETURNING id"
)
_COMPLETE: Final = (
    "UPDATE assignments SET status = 1, due = ?, computed = COALESCE(?, computed)"
    " WHERE session = ? AND status = 0 AND NOT EXISTS"
    " (SELECT 1 FROM sessions WHERE id = ? AND ended = 1)"
)
_COMPLETE_AND_OPEN: Final = (
    "UPDATE assignments SET due = CASE status WHEN 0 THEN ? ELSE due END, status = 1, opened = 1"
    f" WHERE id = ? AND population = ? AND task = ? AND status < 2 AND {OF_OPEN_ROUND}"
    f" RETURNING {COLUMNS}"
)
_UPLOADED: Final = (
    "UPDATE assignments SET digest = ? WHERE id = ? AND opened > 0 AND status < 2"
    f" RETURNING {COLUMNS}"
)
_ACCEPT: Final = "UPDATE assignments SET status = 2, digest = ?, place = ?, weight = ? WHERE id = ?"


class Joining(NamedTuple):
    """A session's wish for a share of a round."""

    shown: Shown
    population: str
    version: str
    only: str
    """The one task that it is about; empty where any will do."""
    beside: Collection[int]
    """Tasks that are done beside others: a session that has them may have another one still."""
    aggregation: str
    """The round that was chosen for it; empty where it is refused."""
    refused: str
    noted: bool
    """Whether anything is to be known of the session but its share."""
    made: str
    """The id of the share that it gets."""
    due: float
    now: float

    @property
    def note(self) -> tuple[Any, ...]:
        """What is noted of the session."""
        return self.shown.id, self.population, self.version, self.refused, self.now

    def again(self, had: Assignment) -> bool:
        """Whether a share that the session has is the one that it asks for again."""
        if self.only:
            return self.only == f"{had.population}/{had.task}"
        return had.task not in self.beside


def join(rows: Rows, asked: Sequence[Joining]) -> list[Had | Exception | None]:
    """The share that each session has or gets; none where it gets none.

    To be raised: `errors.SessionEnded`.
    """
    anew = {place for place, each in enumerate(asked) if not each.noted}
    whole = [p for p, each in enumerate(asked) if each.noted and not each.shown.task]
    noted = rows.execute_all(_NOTE, [asked[place].note for place in whole])
    anew |= {place for place, new in zip(whole, noted, strict=True) if new}
    wanting: dict[str, list[int]] = {}
    for place in sorted(anew):
        if aggregation := asked[place].aggregation:
            wanting.setdefault(aggregation, []).append(place)
    made: list[Had | Exception | None] = [None] * len(asked)
    for aggregation in sorted(wanting):  # writers that take locks in one order wait for no circle
        places = wanting[aggregation]
        given = _give(rows, aggregation, [asked[place] for place in places])
        for place, share in zip(places, given, strict=False):
            made[place] = share, None
    for place, each in enumerate(asked):
        if place not in anew:
            try:
                made[place] = _join_again(rows, each)
            except errors.SessionEnded as error:
                made[place] = error
    return made


def _join_again(rows: Rows, asked: Joining) -> Had | None:
    """The same for a session of which something is known."""
    sessions.check_session(rows, asked.shown)
    for had in assignments.assignments_of(rows, asked.shown.id):
        if asked.again(had):
            return had, rounds.round_numbered(rows, had.population, had.task, had.round)
    number, population, version, refused, now = asked.note
    sessions.put_session(rows, number, population, version=version, refused=refused, now=now)
    given = _give(rows, asked.aggregation, [asked]) if asked.aggregation else ()
    return next(((each, None) for each in given), None)


def _give(rows: Rows, aggregation: str, asked: Sequence[Joining]) -> list[Assignment]:
    """Shares of a round for the first of them, as many as there is room for."""
    found = rows.execute(
        "SELECT population, task, number, capacity - accepted - active FROM rounds"
        " WHERE aggregation = ? AND status = 0 AND accepted + active < capacity {lock}",
        (aggregation,),
    )
    if not found:
        return []
    population, task, number, room = found[0]
    fitting = asked[:room]
    rows.execute(
        "UPDATE rounds SET active = active + ? WHERE population = ? AND task = ? AND number = ?",
        (len(fitting), population, task, number),
    )
    rows.execute_all(
        _GIVE,
        [
            (each.made, population, task, number, each.shown.id, each.due, each.now)
            for each in fitting
        ],
    )
    return [
        Assignment(
            id=each.made,
            population=population,
            task=task,
            round=number,
            session=each.shown.id,
            status=AssignmentStatus.ASSIGNED,
        )
        for each in fitting
    ]


class Completing(NamedTuple):
    """A session whose device has computed its share."""

    shown: Shown
    task: int
    """That it names; 0: none."""
    aggregation: str
    """That it names, or empty."""
    due: float
    """Until when it may upload."""
    took: float
    """How many seconds it says to have computed, or 0."""


def complete(rows: Rows, asked: Sequence[Completing]) -> list[bool]:
    """Notes which devices have computed their shares; false where nothing was to be noted so."""
    kinds: dict[str, list[tuple[int, Sequence[object]]]] = {}
    for place, each in enumerate(asked):
        values = [each.due, each.took or None, each.shown.id, each.shown.own]
        statement = _COMPLETE
        if each.task:
            statement += " AND task = ?"
            values.append(each.task)
        if each.aggregation:
            statement += f" AND {OF_ROUND}"
            values.append(each.aggregation)
        kinds.setdefault(f"{statement} RETURNING id", []).append((place, values))
    made = [False] * len(asked)
    for statement, about in kinds.items():
        noted = rows.execute_all(statement, [values for _, values in about])
        for (place, _), found in zip(about, noted, strict=True):
            made[place] = bool(found)
    return made


class Opening(NamedTuple):
    """A device that wants to upload."""

    number: str
    aggregation: str
    opened: int
    """How often it was let before, as its token says."""
    due: float


def open_upload(rows: Rows, asked: Sequence[Opening]) -> list[Exception | None]:
    """Lets devices upload. Each number of openings is good once, and none after the upload.

    To be raised: `errors.ContributionUnneeded`, where its round is over without it;
    `errors.AssignmentUnknown`, where it has been let already, or has ended; or there is none, or it
    belongs to another round.
    """
    values = [(each.due, each.number, each.opened, each.aggregation) for each in asked]
    return [
        None
        if found
        else assignments.unneeded(rows, each.number, each.aggregation) or errors.AssignmentUnknown()
        for each, found in zip(asked, rows.execute_all(_OPEN, values), strict=True)
    ]


class Completed(NamedTuple):
    """A device that has computed its share and wants to upload, in one."""

    number: str
    population: str
    task: int
    aggregation: str
    due: float


def complete_and_open(rows: Rows, asked: Sequence[Completed]) -> list[Assignment | Exception]:
    """Notes which devices have computed their shares, and lets them upload, however often they ask.

    To be raised: `errors.AssignmentUnknown`, where there is none of this task and round that is
    under way, as is its round.
    """
    values = [
        (each.due, each.number, each.population, each.task, each.aggregation) for each in asked
    ]
    return [
        assignments.read(found[0]) if found else errors.AssignmentUnknown()
        for found in rows.execute_all(_COMPLETE_AND_OPEN, values)
    ]


class Uploaded(NamedTuple):
    """What a device has uploaded."""

    number: str
    digest: str
    content: bytes | None
    """To be kept here; none where it is kept elsewhere."""


def uploaded(rows: Rows, asked: Sequence[Uploaded]) -> list[Assignment | Exception]:
    """Notes what devices have uploaded.

    To be raised: `errors.ContributionUnneeded`, where a round was canceled meanwhile;
    `errors.AssignmentEnded`, where one was not asked to, or not any more.
    """
    noted = rows.execute_all(_UPLOADED, [(each.digest, each.number) for each in asked])
    kept = [
        (each.number, each.content)
        for each, found in zip(asked, noted, strict=True)
        if found and each.content is not None
    ]
    _put_contents(rows, kept)
    return [
        assignments.read(found[0])
        if found
        else assignments.unneeded(rows, each.number)
        or errors.AssignmentEnded("nothing is to be uploaded")
        for each, found in zip(asked, noted, strict=True)
    ]


def _put_contents(rows: Rows, contents: Sequence[tuple[str, bytes]]) -> None:
    """Keeps the bytes of uploads."""
    rows.execute_all(
        "INSERT INTO uploads (assignment, content) VALUES (?, ?)"
        " ON CONFLICT (assignment) DO UPDATE SET content = excluded.content",
        contents,
    )


class Accepting(NamedTuple):
    """A contribution that was found good."""

    number: str
    aggregation: str
    """The round that the device names, or empty."""
    digest: str
    weight: float
    content: bytes | None
    """Its bytes, where they are yet to be kept here."""


def accept(rows: Rows, asked: Sequence[Accepting]) -> list[int | Exception | None]:
    """Takes contributions in, once, and tells the place of each among those of its round.

    A second time it tells the same place. None where the device has uploaded something else
    meanwhile. To be raised: `errors.AssignmentUnknown`, where there is no such assignment, or it
    is of another round; `errors.ContributionUnneeded`, where the round is over without it;
    `errors.AssignmentEnded`, where the device was too late or has failed.
    """
    found = assignments.locked(rows, [each.number for each in asked])
    open_: dict[Key, list[Any]] = {}
    for key in sorted({(each.population, each.task, each.round) for each in found.values()}):
        [(aggregation, status, accepted)] = rows.execute(
            "SELECT aggregation, status, accepted FROM rounds"
            " WHERE population = ? AND task = ? AND number = ? {lock}",
            key,
        )
        open_[key] = [aggregation, status == 0, accepted]
    before = {key: about[2] for key, about in open_.items()}
    taken: dict[str, tuple[Accepting, int]] = {}
    made: list[int | Exception | None] = []
    for each in asked:
        try:
            place = _place(each, found.get(each.number), open_, taken)
        except errors.Error as error:
            made.append(error)
        else:
            made.append(place)
    for key, (_, _, accepted) in open_.items():
        if more := accepted - before[key]:
            rows.execute(
                "UPDATE rounds SET accepted = accepted + ?, active = active - ?"
                " WHERE population = ? AND task = ? AND number = ?",
                (more, more, *key),
            )
    kept = [(each.number, each.content) for each, _ in taken.values() if each.content is not None]
    _put_contents(rows, kept)
    rows.execute_all(
        _ACCEPT,
        [(each.digest, place, each.weight, each.number) for each, place in taken.values()],
    )
    return made


def _place(
    asked: Accepting,
    found: Assignment | None,
    open_: dict[Key, list[Any]],
    taken: dict[str, tuple[Accepting, int]],
) -> int | None:
    """The place of a contribution, which is put among those that are taken."""
    if found is None:
        raise errors.AssignmentUnknown
    about = open_[found.population, found.task, found.round]
    if asked.aggregation not in {"", about[0]}:
        raise errors.AssignmentUnknown
    if found.id in taken:
        return taken[found.id][1]
    if found.status is AssignmentStatus.UPLOAD_COMPLETED and found.place is not None:
        return found.place
    if not about[1]:
        raise errors.ContributionUnneeded("its round is over")
    if not found.status.active:
        raise errors.AssignmentEnded(found.status.name)
    if found.digest not in {"", asked.digest}:
        return None
    about[2] += 1
    taken[found.id] = asked, about[2]
    return int(about[2])
