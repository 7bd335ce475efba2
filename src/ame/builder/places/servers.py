"""The servers that the builder speaks to: one that keeps tasks, or another builder."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote, urlsplit

from google.protobuf.message import DecodeError, Message

from ame import errors
from ame.protocol import calls
from ame.protocol.pb import odp_task, task_builder
from ame.protocol.pb import status as rpc
from ame.protocol.wires import http

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.builder.places import Files

SECONDS: Final = 60.0
BUILDING: Final = 900.0
"""Seconds that another builder may take."""
M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server over HTTP."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    """An api key, which goes into the address."""

    def create(self, task: odp_task.Task) -> odp_task.Task:
        """The task as it was made, with the addresses that its artifacts go to.

        Raises:
            errors.ServerUnreachable: it cannot be reached.
            errors.ServerDenies: it wants another token.
            errors.ServerFaulty: it refuses, or its answer cannot be read.
        """
        asked = odp_task.CreateTaskRequest(task=task)
        fields = {"population_name": task.population_name}
        return self._ask("CreateTask", asked, odp_task.CreateTaskResponse, fields).task

    def cancel(self, task: odp_task.Task) -> None:
        """Ends a task. Raises as `create` does."""
        fields = {"population_name": task.population_name, "task_id": str(task.task_id)}
        request = calls.by_name("CancelTask").request()
        self._ask("CancelTask", request, odp_task.GetTaskByIdResponse, fields)

    def upload(self, place: str, content: bytes, files: Files) -> None:
        """Puts an artifact where the server said that it goes.

        Raises:
            errors.PlaceMissing, errors.PlaceDenied, errors.PlaceUnusable: it cannot be put there.
        """
        if urlsplit(place).scheme not in {"http", "https"}:
            files.put({place: content})
            return
        try:
            self._send("PUT", place, content, {})
        except errors.ServerDenies as error:
            raise errors.PlaceDenied("upload artifact to:", place, str(error)) from None
        except (errors.ServerFaulty, errors.ServerUnreachable) as error:
            raise errors.PlaceUnusable("upload artifact to:", place, str(error)) from None

    def build(
        self, request: task_builder.BuildTaskRequest, *, artifacts_only: bool
    ) -> task_builder.BuildTaskResponse:
        """What another builder makes of a request. Raises as `create` does."""
        name = "BuildArtifacts" if artifacts_only else "BuildTaskGroup"
        return self._ask(name, request, task_builder.BuildTaskResponse, {}, seconds=BUILDING)

    def _ask(
        self,
        name: str,
        message: Message,
        reply: type[M],
        fields: Mapping[str, str],
        *,
        seconds: float = SECONDS,
    ) -> M:
        method, path, body = http.request(calls.by_name(name), message, fields=fields)
        url = self.url.rstrip("/") + path + (f"&key={quote(self.key)}" if self.key else "")
        kinds = {"content-type": http.TYPES["proto"], "accept": http.TYPES["proto"]}
        content = self._send(method, url, body, {**kinds, **self.headers}, seconds=seconds)
        try:
            return reply.FromString(content)
        except DecodeError:
            raise errors.ServerFaulty(
                self.url, 200, "Server returned unreadable response."
            ) from None

    def _send(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        seconds: float = SECONDS,
    ) -> bytes:
        asked = urllib.request.Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310 - a person named the server
        try:
            with urllib.request.urlopen(asked, timeout=seconds) as response:  # noqa: S310 - the same
                content: bytes = response.read()
                return content
        except urllib.error.HTTPError as error:
            said = _said(error.read())
            if isinstance(said, task_builder.BuildTaskResponse):
                return said.SerializeToString()
            why = f"{error.code}: {error.reason}" + (f": {said}" if said else "")
            if error.code in {401, 403}:
                raise errors.ServerDenies(self.url, why) from None
            raise errors.ServerFaulty(self.url, error.code, why) from None
        except (urllib.error.URLError, OSError, ValueError) as error:
            why = str(getattr(error, "reason", error))
            raise errors.ServerUnreachable(self.url, why) from None


def _said(body: bytes) -> str | task_builder.BuildTaskResponse:
    """What the body of a refusal says: another builder's answer, or the message of a status."""
    try:
        built = task_builder.BuildTaskResponse.FromString(body)
        if built.WhichOneof("result") == "error_info" and built.error_info.error_message:
            return built
    except DecodeError:
        pass
    try:
        return rpc.Status.FromString(body).message
    except (DecodeError, UnicodeDecodeError):
        return ""
