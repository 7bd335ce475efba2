"""What operators and clients ask of Flower tasks."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from ame import errors
from ame.daemon import paths
from ame.server.cloud import code, ledger, selection
from ame.server.cloud.tasks import SELF_TEST, Client, Task, filled, registered, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ame.server.cloud.code import Version
    from ame.server.cloud.leading.services import Services
    from ame.server.cloud.ledger import Service
    from ame.server.fleet import Contents
    from ame.server.tokens import Tokens
    from ame.storage.databases import Database, Rows

OFFERED: Final = ("ID", "host", "port", "tags", "client_arguments", "username", "password")
"""What a client is told of a task, beside the paths of its files."""
MOST_OFFERED: Final = 100
"""Tasks that a client is told of at once."""
GOOD_FOR: Final = 86400.0
"""Seconds for which a client may download what it was offered."""
_DOWNLOAD: Final = "download"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """All Flower tasks of a server."""

    database: Database
    blobs: Contents
    tokens: Tokens
    services: Services
    clock: Callable[[], float]
    self_test: bool = False
    """Whether the client as which the self-test asks is known."""

    async def create(self, fields: Mapping[str, Any]) -> Task:
        """Registers a task.

        Raises:
            errors.CloudTaskThere: one of this id is registered.
            errors.CloudTaskInvalid, errors.SelectionInvalid: it cannot be like that.
        """
        task = registered(fields, now=self.clock())
        await self.database.do(lambda rows: ledger.add_task(rows, task))
        return task

    async def update(self, id_: str, fields: Mapping[str, Any]) -> Task:
        """Changes some fields of a task; its service, if it runs, goes on as it was started.

        Raises:
            errors.CloudTaskUnknown: there is none.
            errors.CloudTaskInvalid, errors.SelectionInvalid: it cannot be like that.
        """
        now = self.clock()
        return await self.database.do(lambda rows: ledger.change_task(rows, id_, fields, now))

    async def remove(self, id_: str) -> None:
        """Forgets a task and its code; its runs stay in the list of runs.

        Raises:
            errors.CloudTaskUnknown: there is none.
            errors.CloudTaskRuns: its service runs.
        """
        await self.database.do(lambda rows: ledger.remove_task(rows, id_))

    async def task(self, id_: str) -> tuple[Task, Service | None]:
        """A task, and its service where that is wanted to run.

        Raises:
            errors.CloudTaskUnknown: there is none.
        """
        return await self.database.read(
            lambda rows: (ledger.task(rows, id_), ledger.service(rows, id_))
        )

    async def offers(self, client_id: str) -> list[dict[str, Any]]:
        """The running tasks that are for a client, in the order in which they were started.

        Each has a password of the client's own, with which it can download the code for a day.

        Raises:
            errors.ClientUnknown: it has not registered.
        """
        tested = self.self_test and client_id == SELF_TEST.id

        def read(rows: Rows) -> tuple[Client, list[tuple[Task, Service]]]:
            client = SELF_TEST if tested else ledger.client(rows, client_id)
            return client, ledger.offered(rows)

        client, running = await self.database.read(read)
        attributes = client.told()
        chosen = [each for each in running if self._selects(each[0], attributes)]
        return [self._offer(*each, None if tested else client) for each in chosen[:MOST_OFFERED]]

    def _selects(self, task: Task, attributes: Mapping[str, Any]) -> bool:
        try:
            return selection.read(task.criterion or "").selects(attributes)
        except errors.SelectionInvalid:  # kept by one that knew more of the language
            return False

    def _offer(self, task: Task, service: Service, client: Client | None) -> dict[str, Any]:
        values = told(task)
        offer = {name: values[name] for name in OFFERED}
        offer["port"] = service.port
        if task.client_arguments is not None:
            offer["client_arguments"] = filled(task.client_arguments, service.port)
        if client is not None:
            until = int(self.clock() + GOOD_FOR)
            offer["password"] = self.tokens.make(_DOWNLOAD, f"{until}.{task.id}/{quote(client.id)}")
        if service.joins:
            return {**offer, "files_paths": [], "joins": service.joins}
        return {**offer, "files_paths": list(task.files)}

    async def join(self, id_: str, login: tuple[str, str] | None, key: str) -> dict[str, Any]:
        """Where a client that was offered a task finds its SuperLink; its SuperNode is let in.

        Raises:
            errors.CloudTaskUnknown, errors.CloudTaskIdle: there is none, or it does not run.
            errors.Unauthenticated: the client was not offered it.
        """
        task, running = await self.task(id_)
        client = self._offered_to(task, login)
        if not client:
            raise errors.Unauthenticated("the login for this task is missing or wrong")
        if running is None or running.joins != ledger.SUPERLINK:
            raise errors.CloudTaskIdle(id_)
        launcher = self.services.launcher
        return await asyncio.to_thread(launcher.join, running, task.host, client, key)

    async def download(self, id_: str, given: str, login: tuple[str, str] | None) -> bytes:
        """A file of a task's code, for a client that was offered it, or one who has its password.

        A client gets what the task names for clients; of a service that runs, the version that
        this one runs with.

        Raises:
            errors.CloudTaskUnknown, errors.CodeFileUnknown: there is none.
            errors.CodePathInvalid: the path leads elsewhere.
            errors.Unauthenticated: the login is missing or wrong.
        """
        task, running = await self.task(id_)
        path = paths.within(id_, given)
        whole = self._is_login(task, login)
        if not whole and not self._offered_to(task, login):
            raise errors.Unauthenticated("the login for this task is missing or wrong")
        if not whole and path not in code.named(id_, task.files):
            raise errors.CodeFileUnknown(id_, given)
        if running is not None and running.version == 0:
            return await asyncio.to_thread(self.services.launcher.in_place, id_, path)
        number, use = (running.version, running.purpose) if running else (0, code.USES[0])
        version = await self.database.read(lambda rows: ledger.newest(rows, id_, number))
        digest = version.laid(use).get(path) if version else None
        if digest is not None:
            return await asyncio.to_thread(self.blobs.read, digest)
        if version is None:
            return await asyncio.to_thread(self.services.launcher.in_place, id_, path)
        raise errors.CodeFileUnknown(id_, given)

    def _is_login(self, task: Task, login: tuple[str, str] | None) -> bool:
        return login is not None and login[0] == task.username and _same(login[1], task.password)

    def _offered_to(self, task: Task, login: tuple[str, str] | None) -> str:
        """The client to whom the task was offered with this login; empty if to none."""
        if login is None or login[0] != task.username:
            return ""
        try:
            about = self.tokens.read(_DOWNLOAD, login[1])
        except errors.TokenRefused:
            return ""
        until, _, named = about.partition(".")
        offered, _, client = named.partition("/")
        return unquote(client) if offered == task.id and float(until) >= self.clock() else ""

    async def has_login(self, login: tuple[str, str] | None) -> bool:
        """Whether this is the login of any task."""
        if login is None:
            return False
        name, shown = login
        known = await self.database.read(lambda rows: ledger.passwords(rows, name))
        return any(_same(shown, each) for each in known)

    async def may_upload(self, id_: str, login: tuple[str, str] | None) -> bool:
        """Whether this is the login of a task that is registered."""
        try:
            task, _ = await self.task(id_)
        except errors.CloudTaskUnknown:
            return False
        return self._is_login(task, login)

    async def upload(self, id_: str, files: Mapping[str, bytes], *, use: str = "") -> Version:
        """Adds files to a task's code, or replaces them; gives the version that comes of it.

        A task may be uploaded before it is registered.

        Raises:
            errors.CloudTaskInvalid: the id, the use or the number of files cannot be.
            errors.CodePathInvalid: a path leads out of the task's folder.
        """
        if use not in {"", *code.USES}:
            raise errors.CloudTaskInvalid("use", f"is {use[:40]!r}: one of {', '.join(code.USES)}")
        below = f"{use}/" if use not in {"", code.USES[0]} else ""
        named = {below + paths.within(id_, path): content for path, content in files.items()}
        registered({"task_id": id_, "host": "", "port": 0, "username": "", "password": ""}, now=0)
        digests = {
            path: await asyncio.to_thread(self.blobs.put_bytes, content)
            for path, content in named.items()
        }
        now = self.clock()

        def keep(rows: Rows) -> Version:
            version = code.merged(id_, ledger.newest(rows, id_), digests, now=now)
            ledger.add_version(rows, version)
            return version

        return await self.database.do(keep)

    async def put_client(self, id_: str, fields: Mapping[str, Any]) -> Client:
        """Registers a client, or changes what is given of it."""
        now = self.clock()
        return await self.database.do(lambda rows: ledger.put_client(rows, id_, fields, now))

    async def client(self, id_: str) -> Client:
        """A client.

        Raises:
            errors.ClientUnknown: it has not registered.
        """
        return await self.database.read(lambda rows: ledger.client(rows, id_))


def _same(shown: str, password: str) -> bool:
    """Whether it is this password; how long that takes tells nothing of it."""
    return hmac.compare_digest(shown.encode(), password.encode())
