"""The server over HTTP, as an ASGI application: decode, call, encode."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, unquote

from ame import errors
from ame.protocol import calls, statuses
from ame.protocol.pb import task_builder
from ame.protocol.wires import Caller, http
from ame.server.calls import doors, rates
from ame.server.cloud import api
from ame.server.cloud.contract import gateway
from ame.server.operators import builds
from ame.server.operators.api import PREFIX, Api
from ame.server.visits import slices
from ame.server.visits.slices import SLICES
from ame.server.visits.uploads import ARTIFACTS, GRADIENTS, MEDIA

if TYPE_CHECKING:
    from ame.protocol.calls import Call
    from ame.server.app import App

LOG = logging.getLogger("ame.server")
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
BUILDER: Final = "/taskbuilder/"
RESOURCES: Final = "/v1/resources/"
KEYS: Final = "/v1/keys"
WELL: Final = frozenset({"/ready", "/healthz"})
JSON: Final = "application/json"
FEW: Final = 1 << 16
"""Bytes of an upload of which any number may come at once, as of other messages."""
BYTES: Final = "application/octet-stream"
AGAIN: Final = 5
"""Seconds after which one may come again for whom there is no room, or nothing can be kept, now."""
Headers = Sequence[tuple[bytes, bytes]]


class Site:
    """Answers requests over HTTP."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._api = Api(app)
        self._uploading = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): its.decode("latin-1") for name, its in scope["headers"]}
        raw = scope.get("raw_path") or quote(scope["path"]).encode()
        path = raw.partition(b"?")[0].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        extra: Headers = ()
        found = None
        try:
            found = calls.find(scope["method"], path)
            if found is not None:
                status, kind, body = await self._called(scope, receive, *found, query, headers)
            else:
                status, kind, body, extra = await self._answer(scope, receive, path, query, headers)
        except errors.Error as error:
            LOG.info("%s %s refused: %s", scope["method"], _shown(path), error)
            form = "json" if path.startswith(PREFIX) else http.forms(query, headers)[1]
            told = error if _managing(path, found) else doors.outside(error)
            status, kind, body = http.refusal(told, form)
            extra = _again(error)
        except Exception:
            LOG.exception("%s %s failed", scope["method"], _shown(path))
            status, kind, body = 500, "text/plain", b""
        head = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body)), *extra]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        path: str,
        query: str,
        headers: Mapping[str, str],
    ) -> tuple[int, str, bytes, Headers]:
        app, method = self._app, scope["method"]
        limits = app.fleet.settings
        if path in WELL and method == "GET":
            return 200, "text/plain", b"ok", []
        if path == KEYS and method == "GET":
            return 200, JSON, json.dumps({"keys": app.payloads.public()}).encode(), []
        address = self._counted(scope, headers)
        if method == "GET" and path.startswith(SLICES):
            return await self._content(await slices.find(app.fleet, path), query, headers)
        if method == "GET" and path.startswith(RESOURCES):
            return await self._resource(path, query, headers)
        if method in {"POST", "PUT"} and path.startswith((MEDIA, GRADIENTS, ARTIFACTS)):
            return await self._upload(path, headers, receive)
        if app.cloud and method in {"POST", "PUT"} and _uploads(path) and not _few(headers):
            if path == gateway.UPLOAD:
                refused = await app.cloud.gateway.refusal(headers)
                if refused is not None:
                    return refused
            else:
                app.doors.admit_operator(headers)
            with self._room():
                body = await self._long_body(receive)
                return await self._managed(scope, path, query, headers, body, address)
        body = await _body(receive, limits.body_bytes)
        return await self._managed(scope, path, query, headers, body, address)

    async def _managed(
        self,
        scope: Scope,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
        address: str,
    ) -> tuple[int, str, bytes, Headers]:
        """What clients of Flower tasks, and operators, ask."""
        app, method = self._app, scope["method"]
        if app.cloud and gateway.takes(method, path):
            return await app.cloud.gateway.answer(method, path, headers, body)
        if path.startswith(PREFIX):
            app.doors.admit_operator(headers)
            if app.cloud and path.startswith(api.PREFIX):
                kind, shown = await app.cloud.api.answer(method, path, query, body)
                return 200, kind, shown, []
            who = Caller(headers=headers, address=address, base=self._base(scope, headers))
            return 200, JSON, await self._api.answer(method, path, body, who), []
        raise errors.CallUnknown(method, path)

    async def _called(
        self,
        scope: Scope,
        receive: Receive,
        call: Call,
        fields: Mapping[str, str],
        query: str,
        headers: Mapping[str, str],
    ) -> http.Answer:
        """The response to a call of the protocol."""
        app = self._app
        address = self._counted(scope, headers)
        limits = app.fleet.settings
        longest = limits.upload_bytes if call.path.startswith(BUILDER) else limits.body_bytes
        body = b"" if headers.get("content-length") == "0" else await _body(receive, longest)
        asked = http.meant(call, fields, query, headers, body, limit=longest)
        app.doors.admit(call, _with_key(headers, query))
        if app.attestation.asks(call):
            refused = await app.attestation.refused(call, headers)
            if refused is not None:
                number, told = refused
                return http.Answer(number, http.TYPES[asked.form], http.written(told, asked.form))
        caller = Caller(fields, headers, address, self._base(scope, headers))
        reply = await app.service.answer(call, asked.request, caller)
        answer = http.answer(asked, reply)
        if isinstance(reply, task_builder.BuildTaskResponse):
            return answer._replace(status=builds.status(reply, headers))
        return answer

    def _counted(self, scope: Scope, headers: Mapping[str, str]) -> str:
        """Whence a request comes, which is counted.

        Raises:
            errors.CallsTooMany: from there come more than may.
        """
        doors = self._app.doors
        address: str = (scope.get("client") or ("",))[0]
        if doors.proxies:
            address = rates.origin(address, headers.get("x-forwarded-for", ""), doors.proxies)
        doors.rates.count(address, self._app.fleet.clock())
        return address

    def _base(self, scope: Scope, headers: Mapping[str, str]) -> str:
        """Where the server is reached."""
        return self._app.public or f"{scope.get('scheme', 'http')}://{headers.get('host', '')}"

    async def _upload(
        self, path: str, headers: Mapping[str, str], receive: Receive
    ) -> tuple[int, str, bytes, Headers]:
        """Bytes that a device or the task builder hands in; so many at once, and no more.

        They are read only where they are expected. Those that say that they are few do not count.
        """
        self._app.uploads.expect(path)
        if _few(headers):
            return await self._take(path, headers, await _body(receive, FEW))
        with self._room():
            return await self._take(path, headers, await self._long_body(receive))

    @contextmanager
    def _room(self) -> Iterator[None]:
        """For an upload.

        Raises:
            errors.UploadsTooMany: so many are under way as may be.
        """
        most = self._app.fleet.settings.uploads
        if self._uploading >= most:
            raise errors.UploadsTooMany(most)
        self._uploading += 1
        try:
            yield
        finally:
            self._uploading -= 1

    async def _long_body(self, receive: Receive) -> bytes:
        """The body of an upload, which may take its time, but no more.

        Raises as `_body`.
        """
        limits = self._app.fleet.settings
        try:
            async with asyncio.timeout(limits.upload_seconds):
                return await _body(receive, limits.upload_bytes)
        except TimeoutError:
            raise errors.RequestMalformed("an upload that came too slowly") from None

    async def _take(
        self, path: str, headers: Mapping[str, str], content: bytes
    ) -> tuple[int, str, bytes, Headers]:
        if path.startswith(GRADIENTS):
            await self._app.uploads.gradient(unquote(path.removeprefix(GRADIENTS)), content)
            return 200, "text/plain", b"", []
        if headers.get("content-encoding"):
            limit = self._app.fleet.settings.upload_bytes
            encoding = headers["content-encoding"]
            content = await asyncio.to_thread(http.unpacked, content, encoding, limit=limit)
        if path.startswith(MEDIA):
            await self._app.uploads.upload(unquote(path.removeprefix(MEDIA)), content)
        else:
            token = unquote(path.removeprefix(ARTIFACTS))
            await self._app.management.put_artifact(token, content)
        return 200, "text/plain", b"", []

    async def _resource(
        self, path: str, query: str, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes, Headers]:
        """A plan or a checkpoint, to the device that was given its address."""
        app = self._app
        about = app.fleet.tokens.read("resource", unquote(path.removeprefix(RESOURCES)))
        digest, _, until = about.rpartition(".")
        if app.fleet.clock() > float(until):
            raise errors.TokenRefused("resource")
        return await self._content(digest, query, headers)

    async def _content(
        self, digest: str, query: str, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes, Headers]:
        app = self._app
        if "gzip=1" in query:
            return 200, f"{BYTES}+gzip", await app.fleet.packed(digest), []
        if "gzip" in headers.get("accept-encoding", ""):
            return 200, BYTES, await app.fleet.packed(digest), [(b"content-encoding", b"gzip")]
        return 200, BYTES, await app.fleet.blob(digest), []


def _again(error: errors.Error) -> Headers:
    """When one may come again who is refused for now."""
    if isinstance(error, errors.CallsTooMany):
        return ((b"retry-after", b"%d" % math.ceil(1 / error.per_second)),)
    return ((b"retry-after", b"%d" % AGAIN),) if statuses.of(error) == statuses.UNAVAILABLE else ()


def _managing(path: str, found: tuple[Call, Mapping[str, str]] | None) -> bool:
    """Whether a request is one that operators make, or that uploads what they have."""
    called = found is not None and found[0].name in doors.MANAGING
    return called or path.startswith((PREFIX, ARTIFACTS))


def _few(headers: Mapping[str, str]) -> bool:
    """Whether an upload says that its bytes are few."""
    said = headers.get("content-length", "")
    return said.isdecimal() and int(said) <= FEW


def _uploads(path: str) -> bool:
    """Whether the code of Flower tasks may be uploaded there."""
    return path == gateway.UPLOAD or (path.startswith(api.PREFIX) and "/files/" in path)


def _with_key(headers: Mapping[str, str], query: str) -> Mapping[str, str]:
    """The headers, with the key that clients of the builder's service have in the address."""
    if "key=" not in query or "authorization" in headers:
        return headers
    key = parse_qs(query).get("key", [""])[-1]
    return {**headers, "authorization": f"Bearer {key}"} if key else headers


async def _body(receive: Receive, limit: int) -> bytes:
    """The request's body.

    Raises:
        errors.RequestTooLarge: it is longer than the limit; the rest is not read.
    """
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise errors.RequestMalformed("the connection was closed in the middle")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise errors.RequestTooLarge(limit)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _shown(path: str) -> str:
    """A path for the log, without the tokens in it."""
    return "/".join(part if len(part) < 30 else part[:6] + "…" for part in path.split("/"))
