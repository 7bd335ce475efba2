"""The functions that are called through queues and through the gateway.

Their names, arguments, values and the words of their errors are a contract with clients that were
written for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from ame import errors
from ame.broker import functions, message
from ame.broker.rates import TOLD, Rates
from ame.daemon.schemas import OF_CLIENTS, SCHEMAS
from ame.server.cloud import ledger
from ame.server.cloud.tasks import date, registered, told

if TYPE_CHECKING:
    from ame.broker import Service
    from ame.daemon.events import Events
    from ame.server.cloud.cloud import Cloud
    from ame.storage.databases import Rows

Arguments = Mapping[str, Any]
LOG = logging.getLogger("ame.cloud")
OFTEN: Final = 100.0
"""Calls a second that one client may make."""
OURS: Final = "service_cloud_ml"
"""As which the events name this service."""
_TOLD: Final[Mapping[str, tuple[str, str, str]]] = {
    "rpc_exec_create_task": ("Started task creation", "Finished task creation", "create_task_time"),
    "rpc_exec_start_server_task": (
        "Started server task initialization",
        "Finished server task initialization",
        "start_task_time",
    ),
    "rpc_exec_stop_server_task": (
        "Started server task finalization",
        "Finished server task finalization",
        "",
    ),
    "rpc_exec_client_requesting_task": (
        "Started responding requested task to client",
        "Finished responding requested task to client",
        "",
    ),
    "rpc_exec_update_task": ("Started updating task", "Finished updating task", ""),
}
"""The events of functions: at their beginning, at their end, and the name of the time between."""


def words(error: errors.Error) -> str:
    """What callers of functions are told of an error."""
    match error:
        case errors.CloudTaskThere():
            return "UNIQUE constraint failed: tasks.ID"
        case errors.CloudTaskUnknown(task=task):
            return f"Task with ID={task} not registered"
        case errors.CloudTaskRuns(task=task):
            return f"Task with ID={task} alredy exists"
        case errors.CloudTaskIdle(task=task):
            return f"Task with ID={task} not found"
        case errors.ClientUnknown(client=client):
            return f"User with ID={client} not registered"
        case errors.CloudTaskInvalid(field="port"):
            return "CHECK constraint failed: port >= 0 AND port <= 65535"
        case errors.CodeMissing(place=place, file=""):
            return f"Directory '{place}' does not exist."
        case _:
            return str(error)


class Functions:
    """What callers may have done, by the name of the function."""

    def __init__(self, cloud: Cloud, events: Events) -> None:
        self._cloud = cloud
        self._events = events
        self._rates = Rates(OFTEN, cloud.clock)
        self._told = Rates(TOLD, cloud.clock)
        self._counting = Lock()
        self._written: Mapping[str, Callable[[Rows, Arguments], object]] = {
            "rpc_exec_create_task": self._create_task,
            "rpc_exec_update_task": self._update_task,
            "rpc_exec_update_user_info": self._update_user_info,
        }
        self._done: Mapping[str, Callable[[Arguments], Awaitable[object]]] = {
            "rpc_exec_start_server_task": self._start_server_task,
            "rpc_exec_stop_server_task": self._stop_server_task,
            "rpc_exec_client_requesting_task": self._client_requesting_task,
            "rpc_exec_get_task_by_id": self._get_task_by_id,
            "rpc_exec_get_user_info": self._get_user_info,
        }
        self._checks = {
            name: functions.function(name, schema, self.do, once=False).check
            for name, schema in SCHEMAS.items()
        }

    def serve(self, service: Service) -> None:
        """Has a service of a broker take calls of all functions.

        Those that only write rows are done once, however often a call of them comes.
        """
        for name, schema in SCHEMAS.items():
            if name in self._written:
                service.once(name, schema, partial(self._told_once, name))
            else:
                service.function(name, schema, partial(self.do, name))

    async def answer(self, name: str, arguments: object) -> dict[str, Any]:
        """The answer to a call that did not come through a queue, as the queue would have it."""
        if name not in SCHEMAS:
            return message.answer_of(message.unknown(name), name)
        if wrong := self._checks[name](arguments):
            return message.answer_of(message.unfit(name, wrong), name)
        assert isinstance(arguments, Mapping)
        try:
            return {"status_code": message.OK, "return": await self.do(name, arguments)}
        except errors.CallsTooMany as error:
            return {"status_code": message.TOO_MANY, "exception": str(error)}
        except errors.Error as error:
            return {"status_code": message.FAILED, "exception": str(error)}

    async def do(self, name: str, arguments: Arguments) -> object:
        """What a function returns for arguments that fit its schema.

        Raises:
            errors.FunctionRaised: it failed.
            errors.CallsTooMany: its client calls too often.
        """
        if name in self._written:
            return await self._cloud.database.do(
                lambda rows: self._told_once(name, rows, arguments)
            )
        self._slow(name, arguments)
        with self._telling(name):
            return await self._done[name](arguments)

    def _slow(self, name: str, arguments: Arguments) -> None:
        """Refuses clients that call too often, by whatever way they come."""
        if name not in OF_CLIENTS:
            return
        client = arguments["user_id"][:100]
        with self._counting:
            if self._rates.allow(client):
                return
            tell = self._told.allow(client)
        if tell:
            LOG.warning("client %s calls %s too often, and is refused", client, name)
        raise errors.CallsTooMany(OFTEN)

    def _told_once(self, name: str, rows: Rows, arguments: Arguments) -> object:
        self._slow(name, arguments)
        with self._telling(name):
            return self._written[name](rows, arguments)

    @contextmanager
    def _telling(self, name: str) -> Iterator[None]:
        """Tells the events of a function, and puts its errors into the words of the contract."""
        began = time.process_time_ns()
        started, finished, timed = _TOLD.get(name, ("", "", ""))
        self._events.tell(OURS, name, started)
        try:
            yield
        except errors.Error as error:
            raise errors.FunctionRaised(words(error)) from error
        self._events.tell(OURS, name, finished)
        if timed:
            self._events.tell(OURS, timed, str(time.process_time_ns() - began))

    def _create_task(self, rows: Rows, said: Arguments) -> None:
        ledger.add_task(rows, registered(said, now=self._cloud.clock()))

    def _update_task(self, rows: Rows, said: Arguments) -> None:
        if said.get("task_id"):
            ledger.change_task(rows, said["task_id"], said, self._cloud.clock())

    def _update_user_info(self, rows: Rows, said: Arguments) -> None:
        fields = {name: value for name, value in said.items() if name != "user_id"}
        ledger.put_client(rows, said["user_id"], fields, self._cloud.clock())

    async def _start_server_task(self, said: Arguments) -> None:
        await self._cloud.services.start(said["task_id"], said.get("arguments") or None)

    async def _stop_server_task(self, said: Arguments) -> None:
        await self._cloud.services.stop(said["task_id"])

    async def _client_requesting_task(self, said: Arguments) -> object:
        client = said["user_id"]
        try:
            return await self._cloud.offers(client)
        except errors.ClientUnknown:
            text = f"Could not retrieve info from user with ID={client}"
            raise errors.FunctionRaised(text) from None

    async def _get_task_by_id(self, said: Arguments) -> object:
        task, service = await self._cloud.task(said["task_id"])
        values = told(task)
        return {
            "creation_date": date(task.created),
            "last_mod_date": date(task.changed),
            "ID": values.pop("ID"),
            "host": values.pop("host"),
            "port": values.pop("port"),
            "running": int(service is not None and not service.stopping),
            **values,
        }

    async def _get_user_info(self, said: Arguments) -> object:
        return (await self._cloud.client(said["user_id"])).told()
