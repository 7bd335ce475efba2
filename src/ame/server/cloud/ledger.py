"""Flower tasks, their code, their services and their clients, as rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ame import errors
from ame.daemon import paths
from ame.server.cloud import ports
from ame.server.cloud.code import Version
from ame.server.cloud.restarts import Restart
from ame.server.cloud.tasks import Client, Task

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ame.storage.databases import Rows

_TASK: Final = (
    "id, host, port, username, password, files, criterion, server_arguments, client_arguments,"
    " tags, restart, created, changed"
)
_SERVICE: Final = (
    "task, run, machine, host, port, version, purpose, arguments, attempt, ref, stopping, joins"
)
SUPERLINK: Final = "superlink"
"""Sites join the service's SuperLink, with a SuperNode."""
NOBODY: Final = "nobody"
"""The service is offered to no site: it has all it needs."""
PAGE: Final = 1000
"""The most that a list shows at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A task's server that is wanted to run: from its start until its run has ended."""

    task: str
    run: str
    machine: str
    """Which manager leads it."""
    host: str
    """Whose ports it shares with all that run there, whichever manager leads them."""
    port: int
    version: int
    """Of the code; 0: that of a folder of this machine, which nobody uploaded."""
    purpose: str
    arguments: str
    attempt: int = 1
    ref: str = ""
    """By which its process is found again; empty before it has one."""
    stopping: bool = False
    joins: str = ""
    """How sites join in: by running its client, where it is empty; or `SUPERLINK`, or `NOBODY`."""


def add_task(rows: Rows, task: Task) -> None:
    """Registers a task.

    Raises:
        errors.CloudTaskThere: one of this id is registered.
    """
    made = rows.execute(
        f"INSERT INTO cloud_tasks ({_TASK}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO NOTHING RETURNING id",
        _row(task),
    )
    if not made:
        raise errors.CloudTaskThere(task.id)


def change_task(rows: Rows, id_: str, fields: Mapping[str, Any], now: float) -> Task:
    """Changes fields of a task, under the names that messages give them.

    Raises:
        errors.CloudTaskUnknown: there is none.
        errors.CloudTaskInvalid, errors.SelectionInvalid: it cannot be like that.
    """
    changed = replace(task(rows, id_, lock=True).updated(fields), changed=now)
    rows.execute(
        "UPDATE cloud_tasks SET host = ?, port = ?, username = ?, password = ?, files = ?,"
        " criterion = ?, server_arguments = ?, client_arguments = ?, tags = ?, restart = ?,"
        " created = ?, changed = ? WHERE id = ?",
        (*_row(changed)[1:], id_),
    )
    return changed


def remove_task(rows: Rows, id_: str) -> None:
    """Forgets a task and its code.

    Raises:
        errors.CloudTaskUnknown: there is none.
        errors.CloudTaskRuns: its service runs.
    """
    task(rows, id_, lock=True)
    if running := service(rows, id_):
        raise errors.CloudTaskRuns(id_, running.run)
    rows.execute("DELETE FROM cloud_versions WHERE task = ?", (id_,))
    rows.execute("DELETE FROM cloud_tasks WHERE id = ?", (id_,))


def task(rows: Rows, id_: str, *, lock: bool = False) -> Task:
    """The task of that id.

    Raises:
        errors.CloudTaskUnknown: there is none.
    """
    if not paths.ID.fullmatch(id_):
        raise errors.CloudTaskUnknown(id_[:200])
    found = rows.execute(
        f"SELECT {_TASK} FROM cloud_tasks WHERE id = ?{' {lock}' if lock else ''}", (id_,)
    )
    if not found:
        raise errors.CloudTaskUnknown(id_[:200])
    return _task(found[0])


def tasks(rows: Rows, *, after: str = "", limit: int = PAGE) -> list[Task]:
    """Tasks in the order of their ids, from behind one of them."""
    found = rows.execute(
        f"SELECT {_TASK} FROM cloud_tasks WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
    )
    return [_task(row) for row in found]


def passwords(rows: Rows, username: str) -> list[str]:
    """Those of all tasks with this user name."""
    found = rows.execute("SELECT password FROM cloud_tasks WHERE username = ?", (username,))
    return [password for (password,) in found]


def offered(rows: Rows) -> list[tuple[Task, Service]]:
    """The tasks whose services run, the oldest service first."""
    found = rows.execute(
        f"SELECT {_columns('t', _TASK)}, {_columns('s', _SERVICE)} FROM cloud_services s"
        " JOIN cloud_tasks t ON t.id = s.task WHERE s.ref <> '' AND s.stopping = 0"
        f" AND s.joins <> '{NOBODY}'"
        " ORDER BY s.created, s.task"
    )
    width = _TASK.count(",") + 1
    return [(_task(row[:width]), _service(row[width:])) for row in found]


def add_version(rows: Rows, version: Version) -> None:
    """Keeps a version of a task's code; one of that number stays as it is."""
    rows.execute(
        "INSERT INTO cloud_versions (task, number, files, made) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (task, number) DO NOTHING",
        (version.task, version.number, json.dumps(version.files), version.made),
    )


def versions(rows: Rows, id_: str) -> list[Version]:
    """All versions of a task's code, the newest first."""
    found = rows.execute(
        "SELECT number, files, made FROM cloud_versions WHERE task = ? ORDER BY number DESC", (id_,)
    )
    return [
        Version(task=id_, number=number, files=json.loads(files), made=made)
        for number, files, made in found
    ]


def newest(rows: Rows, id_: str, number: int = 0) -> Version | None:
    """The version of that number, or the newest."""
    found = versions(rows, id_)
    return next((each for each in found if number in {0, each.number}), None)


def add_service(rows: Rows, service_: Service, *, avoid: Collection[int], now: float) -> Service:
    """Begins a service, with a port that is its own.

    Raises:
        errors.CloudTaskUnknown: there is no such task.
        errors.CloudTaskRuns: it has a service already.
        errors.PortTaken, errors.PortsSpent: there is no port for it.
    """
    task(rows, service_.task, lock=True)
    if there := service(rows, service_.task):
        raise errors.CloudTaskRuns(service_.task, there.run)
    # a lock of all that begin on this host: a row that is not there yet cannot be locked
    rows.execute(
        "INSERT INTO cloud_keys (name, value) VALUES (?, '') ON CONFLICT (name)"
        " DO UPDATE SET value = ''",
        (f"ports of {service_.host}",),
    )
    taken = dict(
        rows.execute("SELECT port, run FROM cloud_services WHERE host = ?", (service_.host,))
    )
    taken |= dict.fromkeys(avoid, "another process")
    begun = replace(service_, port=ports.chosen(service_.port, taken))
    values = [int(value) if isinstance(value, bool) else value for value in _values(begun)]
    rows.execute(
        f"INSERT INTO cloud_services ({_SERVICE}, created)"
        f" VALUES ({', '.join('?' * len(values))}, ?)",
        (*values, now),
    )
    return begun


def keep_ref(rows: Rows, run: str, ref: str, attempt: int) -> None:
    """By which a service's process is found again."""
    rows.execute(
        "UPDATE cloud_services SET ref = ?, attempt = ? WHERE run = ?", (ref, attempt, run)
    )


def mark_stopping(rows: Rows, id_: str) -> Service:
    """Says that a task's service is to end; whoever leads it sees that.

    Raises:
        errors.CloudTaskUnknown: there is no such task.
        errors.CloudTaskIdle: it has no service.
    """
    task(rows, id_)
    running = service(rows, id_)
    if running is None:
        raise errors.CloudTaskIdle(id_)
    rows.execute("UPDATE cloud_services SET stopping = 1 WHERE run = ?", (running.run,))
    return running


def end_service(rows: Rows, run: str) -> None:
    """A service is over, and its port free."""
    rows.execute("DELETE FROM cloud_services WHERE run = ?", (run,))


def service(rows: Rows, id_: str) -> Service | None:
    """The service of a task, if it has one."""
    found = rows.execute(f"SELECT {_SERVICE} FROM cloud_services WHERE task = ?", (id_,))
    return _service(found[0]) if found else None


def services(rows: Rows, machine: str | None = None) -> list[Service]:
    """All services, or those that one manager leads."""
    if machine is None:
        found = rows.execute(f"SELECT {_SERVICE} FROM cloud_services ORDER BY created")
    else:
        found = rows.execute(
            f"SELECT {_SERVICE} FROM cloud_services WHERE machine = ? ORDER BY created", (machine,)
        )
    return [_service(row) for row in found]


def put_client(rows: Rows, id_: str, fields: Mapping[str, Any], now: float) -> Client:
    """Registers a client, or changes what is given of one that is registered.

    Raises:
        errors.ClientInvalid: it cannot be like that.
    """
    Client(id=id_, attributes=fields, created=now, changed=now).checked()
    empty = json.dumps({})
    rows.execute(
        "INSERT INTO cloud_clients (id, attributes, created, changed) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET changed = excluded.changed",
        (id_, empty, now, now),
    )
    known = client(rows, id_)
    changed = replace(known, attributes={**known.attributes, **fields}).checked()
    rows.execute(
        "UPDATE cloud_clients SET attributes = ? WHERE id = ?",
        (json.dumps(changed.attributes), id_),
    )
    return changed


def client(rows: Rows, id_: str) -> Client:
    """The client of that id.

    Raises:
        errors.ClientUnknown: none has registered.
    """
    if not paths.names_client(id_):
        raise errors.ClientUnknown(id_[:200])
    found = rows.execute(
        "SELECT id, attributes, created, changed FROM cloud_clients WHERE id = ?", (id_,)
    )
    if not found:
        raise errors.ClientUnknown(id_[:200])
    return _client(found[0])


def clients(rows: Rows, *, after: str = "", limit: int = PAGE) -> list[Client]:
    """Clients in the order of their ids, from behind one of them."""
    found = rows.execute(
        "SELECT id, attributes, created, changed FROM cloud_clients WHERE id > ?"
        " ORDER BY id LIMIT ?",
        (after, limit),
    )
    return [_client(row) for row in found]


def remove_client(rows: Rows, id_: str) -> None:
    """Forgets a client.

    Raises:
        errors.ClientUnknown: none has registered.
    """
    client(rows, id_)
    rows.execute("DELETE FROM cloud_clients WHERE id = ?", (id_,))


def key(rows: Rows, name: str, fresh: str) -> str:
    """A secret that all managers of the database share; `fresh` where there is none yet."""
    rows.execute(
        "INSERT INTO cloud_keys (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        (name, fresh),
    )
    [(value,)] = rows.execute("SELECT value FROM cloud_keys WHERE name = ?", (name,))
    return str(value)


def _columns(table: str, names: str) -> str:
    return ", ".join(f"{table}.{name.strip()}" for name in names.split(","))


def _row(of: Task) -> tuple[Any, ...]:
    return (
        of.id,
        of.host,
        of.port,
        of.username,
        of.password,
        json.dumps(of.files),
        of.criterion,
        of.server_arguments,
        of.client_arguments,
        json.dumps(of.tags),
        str(of.restart),
        of.created,
        of.changed,
    )


def _task(row: tuple[Any, ...]) -> Task:
    return Task(
        id=row[0],
        host=row[1],
        port=row[2],
        username=row[3],
        password=row[4],
        files=tuple(json.loads(row[5])),
        criterion=row[6],
        server_arguments=row[7],
        client_arguments=row[8],
        tags=tuple(json.loads(row[9])),
        restart=Restart.parse(row[10]),
        created=row[11],
        changed=row[12],
    )


def _values(of: Service) -> list[Any]:
    return [getattr(of, name.strip()) for name in _SERVICE.split(",")]


def _service(row: tuple[Any, ...]) -> Service:
    names = [name.strip() for name in _SERVICE.split(",")]
    fields = dict(zip(names, row, strict=True))
    return Service(**{**fields, "stopping": bool(fields["stopping"])})


def _client(row: tuple[Any, ...]) -> Client:
    return Client(id=row[0], attributes=json.loads(row[1]), created=row[2], changed=row[3])
