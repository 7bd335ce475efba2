"""What operators see and do of Flower tasks over HTTP, as JSON, below `/api/v1/cloud/`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote

from ame import errors, runs
from ame.broker import message
from ame.daemon import paths
from ame.daemon.records import log_path
from ame.daemon.schemas import CLIENT, CREATED, UPDATED, Schema
from ame.server.cloud import code, ledger
from ame.server.cloud.leading.services import PROJECT
from ame.server.cloud.tasks import told

if TYPE_CHECKING:
    from pathlib import Path

    from ame.server.cloud.cloud import Cloud
    from ame.server.cloud.ledger import Service
    from ame.server.cloud.tasks import Task

PREFIX: Final = "/api/v1/cloud/"
JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"
CHUNK: Final = 1 << 20
"""Bytes of a log that are told at once."""
LISTED: Final = 100
"""Runs of a task that are told at once."""
Said = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it was read."""

    at: Mapping[str, str]
    """The parts of its path."""
    query: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> Said:
        """Its body.

        Raises:
            errors.RequestMalformed: it is no JSON object.
        """
        try:
            said = message.arguments_of(self.body) if self.body.strip() else {}
        except errors.MessageUnfit as error:
            raise errors.RequestMalformed(str(error)) from None
        if not isinstance(said, dict):
            raise errors.RequestMalformed("JSON that is no object")
        return said


class Api:
    """The routes, and what each of them does."""

    def __init__(self, cloud: Cloud, store: runs.Store, home: Path) -> None:
        self._cloud = cloud
        self._store = store
        self._home = home

    async def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[str, bytes]:
        """The type and the body of the reply to a request; the path is still percent-encoded.

        Raises:
            errors.CallUnknown: there is no such route.
            errors.RequestMalformed: the body does not fit.
            errors.Error: it cannot be done.
        """
        rest = path.removeprefix(PREFIX)
        for known, pattern, do in ROUTES:
            found = pattern.fullmatch(rest) if known == method else None
            if found:
                at = {name: unquote(value) for name, value in found.groupdict().items() if value}
                last = {name: values[-1] for name, values in parse_qs(query).items()}
                reply = await do(self, Asked(at=at, query=last, body=body))
                if isinstance(reply, bytes):
                    return BYTES, reply
                return JSON, json.dumps(reply, default=str).encode()
        raise errors.CallUnknown(method, path)

    async def tasks(self, asked: Asked) -> object:
        """All tasks, in the order of their ids; `after` goes on behind one."""
        after = asked.query.get("after", "")
        found, running = await self._cloud.database.read(
            lambda rows: (ledger.tasks(rows, after=after), ledger.services(rows))
        )
        by_task = {each.task: each for each in running}
        return await asyncio.to_thread(
            lambda: [self._task(task, by_task.get(task.id)) for task in found]
        )

    async def create(self, asked: Asked) -> object:
        """Registers a task."""
        said = asked.said
        _check(said, CREATED)
        return await self._shown((await self._cloud.create(said)).id)

    async def task(self, asked: Asked) -> object:
        """One task, with the state of its newest run."""
        return await self._shown(asked.at["task"])

    async def update(self, asked: Asked) -> object:
        """Changes some fields of a task."""
        said = asked.said
        _check(said, UPDATED)
        return await self._shown((await self._cloud.update(asked.at["task"], said)).id)

    async def remove(self, asked: Asked) -> object:
        """Forgets a task; with `stop`, ends its service first."""
        task = asked.at["task"]
        if asked.query.get("stop"):
            with suppress(errors.CloudTaskIdle):
                await self._cloud.services.stop(task)
        await self._cloud.remove(task)
        return {}

    async def start(self, asked: Asked) -> object:
        """Starts a task's service."""
        said = asked.said
        task, arguments = asked.at["task"], said.get("arguments")
        use = said.get("use") or code.USES[0]
        if not isinstance(arguments, str | None) or not isinstance(use, str):
            raise errors.RequestMalformed("arguments and use are texts")
        begun = await self._cloud.services.start(task, arguments, use)
        return {**await self._shown(task), "run": begun.run, "port": begun.port}

    async def stop(self, asked: Asked) -> object:
        """Ends a task's service, and returns when it has ended."""
        await self._cloud.services.stop(asked.at["task"])
        return await self._shown(asked.at["task"])

    async def history(self, asked: Asked) -> object:
        """The runs of a task, newest first: its history."""
        await self._cloud.task(asked.at["task"])
        where = runs.Filter(project=PROJECT, task=asked.at["task"])
        page = await asyncio.to_thread(self._store.page, where, limit=LISTED)
        return [_run(run) for run in page.runs]

    async def metrics(self, asked: Asked) -> object:
        """What a run has measured, in the order of its rounds."""
        run = await self._run_of(asked)
        found = await asyncio.to_thread(self._store.metrics, run.name)
        return [
            {"name": each.name, "round": each.iteration, "value": each.value, "at": each.at}
            for each in found
        ]

    async def logs(self, asked: Asked) -> object:
        """A part of a run's log, from a byte of one of its attempts on, and where the next is."""
        run = await self._run_of(asked)
        attempts = await asyncio.to_thread(self._store.attempts, run.name)
        newest = max((each.number for each in attempts), default=1)
        attempt = _number(asked, "attempt") or newest
        if attempt > newest:
            raise errors.RequestMalformed(f"attempt={attempt}: run `{run.name}` has {newest}")
        spec = json.loads(run.spec)
        gone = spec.get("gone", 0) if attempt == spec.get("attempt") else 0
        after = max(_number(asked, "after"), gone)
        path = log_path(self._home, run.name, attempt)
        content = await asyncio.to_thread(_read, path, after - gone)
        next_ = (attempt, after + len(content))
        if attempt < newest and not content:
            next_ = (attempt + 1, 0)
        return {
            "run": run.name,
            "attempt": next_[0],
            "text": content.decode(errors="replace"),
            "next": next_[1],
            "over": run.state.final and attempt == newest and len(content) < CHUNK,
        }

    async def files(self, asked: Asked) -> object:
        """The versions of a task's code with their files, the newest first."""
        task = asked.at["task"]
        found = await self._cloud.database.read(lambda rows: ledger.versions(rows, task))
        if not found:  # it may be uploaded before it is registered
            await self._cloud.task(task)
        return [
            {"version": each.number, "made": each.made, "files": dict(each.files)} for each in found
        ]

    async def file(self, asked: Asked) -> object:
        """The content of a file, of the newest version or the one that is asked for."""
        task, number = asked.at["task"], _number(asked, "version")
        path = paths.within(task, asked.at["path"])
        version = await self._cloud.database.read(lambda rows: ledger.newest(rows, task, number))
        if version is None or path not in version.files:
            raise errors.CodeFileUnknown(task, path)
        return await asyncio.to_thread(self._cloud.blobs.read, version.files[path])

    async def put_file(self, asked: Asked) -> object:
        """Adds a file to a task's code, or replaces it."""
        files = {asked.at["path"]: asked.body}
        use = asked.query.get("use", "")
        version = await self._cloud.upload(asked.at["task"], files, use=use)
        return {"version": version.number, "files": dict(version.files)}

    async def users(self, asked: Asked) -> object:
        """The clients that have registered, in the order of their ids."""
        after = asked.query.get("after", "")
        found = await self._cloud.database.read(lambda rows: ledger.clients(rows, after=after))
        return [client.told() for client in found]

    async def user(self, asked: Asked) -> object:
        """One client, and the running tasks that are for it."""
        client = await self._cloud.client(asked.at["user"])
        offers = await self._cloud.offers(client.id)
        return {**client.told(), "tasks": [each["ID"] for each in offers]}

    async def put_user(self, asked: Asked) -> object:
        """Registers a client, or changes what is given of it."""
        said = asked.said
        _check(said, CLIENT, errors.ClientInvalid)
        return (await self._cloud.put_client(asked.at["user"], said)).told()

    async def remove_user(self, asked: Asked) -> object:
        """Forgets a client."""
        user = asked.at["user"]
        await self._cloud.database.do(lambda rows: ledger.remove_client(rows, user))
        return {}

    async def _shown(self, id_: str) -> Said:
        task, service = await self._cloud.task(id_)
        return await asyncio.to_thread(self._task, task, service)

    def _task(self, task: Task, service: Service | None) -> Said:
        where = runs.Filter(project=PROJECT, task=task.id)
        newest = next(iter(self._store.page(where, limit=1).runs), None)
        state, run, reason = runs.State.PENDING, None, "never started"
        if newest:
            state, run, reason = newest.state, newest.name, newest.reason
        if service and service.run != run:
            run, reason = service.run, "led by another manager"
            state = runs.State.RUNNING if service.ref else runs.State.PENDING
        elif service and state.final:  # its port is about to be free
            state = runs.State.RUNNING
        values = {name: value for name, value in told(task).items() if name != "password"}
        return {
            **values,
            "restart": str(task.restart),
            "created": task.created,
            "changed": task.changed,
            "state": str(state),
            "reason": reason,
            "run": run,
            "service": service
            and {
                "run": service.run,
                "port": service.port,
                "version": service.version,
                "use": service.purpose,
                "attempt": service.attempt,
                "stopping": service.stopping,
            },
        }

    async def _run_of(self, asked: Asked) -> runs.Run:
        """The run that is asked for, or the newest of the task.

        Raises:
            errors.CloudTaskFresh: the task has none.
            errors.RunNotFound: it has none of this name.
        """
        task, name = asked.at["task"], asked.query.get("run", "")
        await self._cloud.task(task)
        where = runs.Filter(project=PROJECT, task=task)
        page = await asyncio.to_thread(self._store.page, where, limit=LISTED)
        for run in page.runs:
            if name in {"", run.name}:
                return run
        raise errors.RunNotFound(name) if name else errors.CloudTaskFresh(task)


def _routes() -> tuple[tuple[str, re.Pattern[str], Answer], ...]:
    task, user = r"tasks/(?P<task>[^/]+)", r"users/(?P<user>[^/]+)"
    known: tuple[tuple[str, str, Answer], ...] = (
        ("GET", "tasks", Api.tasks),
        ("POST", "tasks", Api.create),
        ("GET", task, Api.task),
        ("PATCH", task, Api.update),
        ("DELETE", task, Api.remove),
        ("POST", task + "/start", Api.start),
        ("POST", task + "/stop", Api.stop),
        ("GET", task + "/runs", Api.history),
        ("GET", task + "/metrics", Api.metrics),
        ("GET", task + "/logs", Api.logs),
        ("GET", task + "/files", Api.files),
        ("GET", task + "/files/(?P<path>.+)", Api.file),
        ("PUT", task + "/files/(?P<path>.+)", Api.put_file),
        ("GET", "users", Api.users),
        ("GET", user, Api.user),
        ("PUT", user, Api.put_user),
        ("DELETE", user, Api.remove_user),
    )
    return tuple((method, re.compile(path), do) for method, path, do in known)


Answer = Callable[[Api, Asked], Awaitable[object]]
ROUTES: Final = _routes()


def _check(
    said: Said,
    schema: Schema,
    invalid: Callable[[str, str], errors.Error] = errors.CloudTaskInvalid,
) -> None:
    """Refuses what does not fit, with an error that names the field."""
    from jsonschema import Draft7Validator
    from jsonschema.exceptions import best_match

    wrong = best_match(Draft7Validator(schema).iter_errors(said))
    if wrong is not None:
        raise invalid(".".join(map(str, wrong.path)) or "body", wrong.message)


def _number(asked: Asked, name: str) -> int:
    text = asked.query.get(name, "0")
    if not text.isdecimal() or len(text) > 15:
        raise errors.RequestMalformed(f"{name}={text[:40]} is no number")
    return int(text)


def _read(path: Path, after: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(after)
            return file.read(CHUNK)
    except FileNotFoundError:
        return b""


def _run(run: runs.Run) -> Said:
    return {
        "name": run.name,
        "state": str(run.state),
        "reason": run.reason,
        "created": run.created,
        "started": run.started,
        "ended": run.ended,
        "arguments": list(run.arguments),
        **{
            name: value
            for name, value in json.loads(run.spec).items()
            if name in {"version", "use", "port", "attempt"}
        },
    }
