"""What is registered: Flower tasks, and the clients that ask for them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self

from ame import errors
from ame.daemon import paths
from ame.server.cloud import selection
from ame.server.cloud.restarts import Restart

if TYPE_CHECKING:
    from collections.abc import Mapping

LAST_PORT: Final = 65535
TEXT: Final = 4096
"""Characters that a field may have."""
SAID: Final = 1 << 16
"""Characters that a client may register of itself, as JSON."""
MANY: Final = 1000
"""Files or tags that a task may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A Flower task: its server is started on demand, its clients are chosen by a criterion."""

    id: str
    host: str
    """Where its clients find its server."""
    port: int
    """0: one that is free, chosen at each start."""
    username: str
    password: str
    """With `username`, of those who may download its code."""
    files: tuple[str, ...] = ()
    """Paths of what its clients download."""
    criterion: str | None = None
    """Which clients get it, see `selection`; none: all."""
    server_arguments: str | None = None
    client_arguments: str | None = None
    tags: tuple[str, ...] = ()
    restart: Restart = field(default_factory=Restart)
    created: float = 0.0
    changed: float = 0.0

    def checked(self) -> Self:
        """The task itself, if it can be.

        Raises:
            errors.CloudTaskInvalid: a field is not what it has to be.
            errors.CodePathInvalid: a file lies elsewhere.
            errors.SelectionInvalid: its criterion cannot be evaluated.
        """
        if not paths.ID.fullmatch(self.id):
            why = f"is {self.id[:110]!r}: up to 100 letters, digits, `_`, `.`, `-`, no leading `.`"
            raise errors.CloudTaskInvalid("task_id", why)
        if not 0 <= self.port <= LAST_PORT:
            raise errors.CloudTaskInvalid("port", f"is {self.port}: 0 to {LAST_PORT}")
        for name, value in self._texts():
            if len(value) > TEXT or "\0" in value:
                raise errors.CloudTaskInvalid(name, f"is over {TEXT} characters, or has a NUL")
        if max(len(self.files), len(self.tags)) > MANY:
            raise errors.CloudTaskInvalid("files_paths", f"or tags are more than {MANY}")
        if ":" in self.username:
            raise errors.CloudTaskInvalid("username", "has a colon, which no login can show")
        for path in self.files:
            paths.within(self.id, path)
        selection.read(self.criterion or "")
        return self

    def _texts(self) -> list[tuple[str, str]]:
        return [
            ("host", self.host),
            ("username", self.username),
            ("password", self.password),
            ("server_arguments", self.server_arguments or ""),
            ("client_arguments", self.client_arguments or ""),
            *(("files_paths", path) for path in self.files),
            *(("tags", tag) for tag in self.tags),
        ]

    def updated(self, fields: Mapping[str, Any]) -> Self:
        """The task with some fields changed, by the names that messages give them.

        Raises as `checked`.
        """
        changed = {FIELDS[name]: value for name, value in fields.items() if name in FIELDS}
        for name in ("files", "tags"):
            if name in changed:
                changed[name] = tuple(changed[name])
        if "restart" in fields:
            changed["restart"] = Restart.parse(fields["restart"])
        return replace(self, **changed).checked()


FIELDS: Final = {
    "host": "host",
    "port": "port",
    "username": "username",
    "password": "password",
    "files_paths": "files",
    "selection_criteria": "criterion",
    "server_arguments": "server_arguments",
    "client_arguments": "client_arguments",
    "tags": "tags",
}
"""What messages call the fields of a task that can be changed."""
_NAMES: Final = {field: name for name, field in FIELDS.items()}


def registered(fields: Mapping[str, Any], *, now: float) -> Task:
    """The task that a message asks for.

    Raises as `Task.checked`.
    """
    task = Task(
        id=fields["task_id"],
        host=fields["host"],
        port=fields["port"],
        username=fields["username"],
        password=fields["password"],
        created=now,
        changed=now,
    )
    return task.updated({name: value for name, value in fields.items() if name != "task_id"})


def told(task: Task) -> dict[str, Any]:
    """The fields of a task under the names that messages give them."""
    values: dict[str, Any] = {"ID": task.id}
    for field_, name in _NAMES.items():
        value = getattr(task, field_)
        values[name] = list(value) if isinstance(value, tuple) else value
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One who asks for tasks, with what it has registered of itself."""

    id: str
    attributes: Mapping[str, Any]
    created: float
    changed: float

    def checked(self) -> Self:
        """The client itself, if it can be.

        Raises:
            errors.ClientInvalid: its name cannot be one, or it says too much.
        """
        if not paths.names_client(self.id):
            raise errors.ClientInvalid("user_id", f"{self.id[:100]!r} is no name of a client")
        if len(json.dumps(self.attributes)) > SAID:
            raise errors.ClientInvalid("attributes", f"are over {SAID:,} characters")
        return self

    def told(self) -> dict[str, Any]:
        """What a criterion sees of it, and what others are told."""
        return {
            "creation_date": date(self.created),
            "last_mod_date": date(self.changed),
            "ID": self.id,
            **{name: self.attributes.get(name) for name in ATTRIBUTES},
        }


ATTRIBUTES: Final = ("data_qnt", "avg_acc_contrib", "avg_disconnection_per_round", "sensors")
SELF_TEST: Final = Client(
    id="xxxx",
    attributes={
        "data_qnt": 323,
        "avg_acc_contrib": 0.12,
        "avg_disconnection_per_round": 0.44,
        "sensors": ["camera", "ecu"],
    },
    created=0.0,
    changed=0.0,
)
"""The client as which the self-test asks."""


def filled(arguments: str, port: int) -> str:
    """Arguments with the port that a service got, where they say `{port}`."""
    return arguments.replace("{port}", str(port))


def date(at: float) -> str:
    """A time as messages have it: local, to the second."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
