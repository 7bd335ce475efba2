"""The gateway: functions, downloads and uploads over plain HTTP, as clients have always used it."""

from __future__ import annotations

import base64
import binascii
import json
import logging
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from ame import errors
from ame.broker import message
from ame.daemon.schemas import OF_CLIENTS, SCHEMAS
from ame.server.cloud.contract import multipart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ame.daemon.events import Events
    from ame.server.calls.doors import Doors
    from ame.server.cloud.cloud import Cloud
    from ame.server.cloud.contract.functions import Functions

LOG = logging.getLogger("ame.cloud")
DOWNLOAD: Final = "/download/"
UPLOAD: Final = "/upload_files"
JOIN: Final = "/join/"
KEY: Final = 4096
"""Characters that the public key of a SuperNode may have."""
JSON: Final = "application/json"
GATEWAY: Final = "cloud_gateway"
ORIGIN: Final = (b"access-control-allow-origin", b"*")
_PREFLIGHT: Final = [
    ORIGIN,
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (b"access-control-allow-headers", b"Content-Type, Authorization"),
]
_DENIED: Final = {"error": "Unauthorized access. Please provide valid credentials."}
_CHALLENGE: Final = (b"www-authenticate", b'Basic realm="Login Required"')
Answer = tuple[int, str, bytes, list[tuple[bytes, bytes]]]


def takes(method: str, path: str) -> bool:
    """Whether a request is one for the gateway."""
    if method == "GET":
        return path.startswith(DOWNLOAD)
    if method == "POST" and path.startswith(JOIN):
        return True
    single = path.count("/") == 1 and len(path) > 1
    return method in {"POST", "OPTIONS"} and single


class Gateway:
    """Answers those requests."""

    def __init__(self, cloud: Cloud, functions: Functions, doors: Doors, events: Events) -> None:
        self._cloud = cloud
        self._functions = functions
        self._doors = doors
        self._events = events

    async def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """The status, type, body and further headers of the response."""
        if method == "OPTIONS":
            return _json(200, {"message": "CORS preflight response"}, _PREFLIGHT)
        if method == "GET":
            return await self._download(path, headers)
        if path.startswith(JOIN):
            return await self._join(path, headers, body)
        if path == UPLOAD:
            return await self._upload(headers, body)
        return await self._call(unquote(path[1:]), headers, body)

    async def refusal(self, headers: Mapping[str, str]) -> Answer | None:
        """The answer to an upload of one who shows no login by which anything may be uploaded.

        It needs nothing of the body, which is not read then.
        """
        if await self._cloud.has_login(login(headers)):
            return None
        try:
            self._doors.admit_operator(headers)
        except errors.Unauthenticated:
            return _json(401, _DENIED)
        return None

    async def _call(self, name: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if name not in SCHEMAS:
            return _json(404, f"{name[:200]} is an invalid RPC function")
        try:
            self._admit(name, headers)
        except errors.Unauthenticated as error:
            return _json(401, str(error))
        try:
            arguments = message.arguments_of(body)
        except errors.MessageUnfit:
            return _json(400, {"error": "Invalid or missing JSON body"})
        self._events.tell(GATEWAY, "rpc_handler", f"Started redirecting {name} msg")
        answer = await self._functions.answer(name, arguments)
        self._events.tell(GATEWAY, "rpc_handler", f"Finished redirecting {name} msg")
        status = answer["status_code"]
        if status not in {message.OK, message.TOO_MANY}:  # of those a line tells now and then
            LOG.info("%s answered %s: %s", name, status, answer["exception"])
        return _json(status, answer["return" if status == 200 else "exception"])

    def _admit(self, name: str, headers: Mapping[str, str]) -> None:
        if name in OF_CLIENTS:
            self._doors.admit_device(headers)
        else:
            self._doors.admit_operator(headers)

    async def _download(self, path: str, headers: Mapping[str, str]) -> Answer:
        task, _, file = unquote(path.removeprefix(DOWNLOAD)).partition("/")
        try:
            content = await self._cloud.download(task, file, login(headers))
        except errors.Unauthenticated:
            return _json(401, _DENIED, [_CHALLENGE])
        except (errors.NotFound, errors.CodePathInvalid):
            return _json(404, {"error": "File not found"})
        return 200, "application/octet-stream", content, [ORIGIN]

    async def _join(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            key = str(json.loads(body)["public_key"])
        except (ValueError, LookupError, TypeError, RecursionError):
            key = ""
        if not 0 < len(key) <= KEY:
            return _json(400, {"error": "say the SuperNode's `public_key`, as text"})
        try:
            task = unquote(path.removeprefix(JOIN))
            return _json(200, await self._cloud.join(task, login(headers), key))
        except errors.Unauthenticated as error:
            return _json(401, {"error": str(error)}, [_CHALLENGE])
        except (errors.NotFound, errors.Conflict) as error:
            return _json(404, {"error": str(error)})

    async def _upload(self, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            fields = multipart.parts(headers.get("content-type", ""), body)
        except errors.RequestMalformed as error:
            return _json(400, {"error": str(error)})
        said = {part.name: part.content.decode(errors="replace") for part in fields}
        task = said.get("task_id", "")
        if not task:
            return _json(400, {"error": "Task ID is required"})
        if not await self._cloud.may_upload(task, login(headers)):
            try:
                self._doors.admit_operator(headers)
            except errors.Unauthenticated:
                return _json(401, _DENIED)
        files = {
            part.filename: part.content for part in fields if part.name == "files" and part.filename
        }
        if not files:
            return _json(400, {"error": "No files uploaded"})
        try:
            await self._cloud.upload(task, files, use=said.get("use", ""))
        except errors.Invalid as error:
            return _json(400, {"error": str(error)})
        return _json(200, {"message": "Files uploaded successfully", "files": list(files)})


def login(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """The name and password that a request shows, if it does."""
    scheme, _, shown = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(shown, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


def _json(status: int, value: object, more: list[tuple[bytes, bytes]] | None = None) -> Answer:
    extra = list(more or [])
    if ORIGIN not in extra:
        extra.append(ORIGIN)
    return status, JSON, json.dumps(value).encode() + b"\n", extra
