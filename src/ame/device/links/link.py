"""A server as a device reaches it: calls with their operations, uploads, downloads.

Source: the Federated Compute client's HTTP dialect. Calls go over gRPC as well; files do not.
"""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlsplit

from ame import errors
from ame.protocol import calls, statuses
from ame.protocol.pb import common, operations
from ame.protocol.wires import http

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from ame.device.links.transport import Response, Transport
    from ame.protocol.calls import Call
    from ame.protocol.wires.grpc import Client

Got = TypeVar("Got")
Sleep = Callable[[float], Awaitable[None]]
CALLS: Final = {call.name: call for call in calls.FEDERATED_COMPUTE}
LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
POLL: Final = 0.5
"""Seconds between two looks at an operation that does not say."""
LONGEST: Final = 60.0
TRIES: Final = 3
"""How often a request is sent to a server that is not there."""
PAUSE: Final = 1.0
"""Seconds before the second try; the source says how they grow."""
SMALL: Final = 512
"""Bodies up to this size are sent as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Asks one server, and those that it forwards to."""

    transport: Transport
    server: str
    """Where sessions begin: `https://fleet.example`."""
    key: str = field(default="", repr=False)
    """For `x-goog-api-key`."""
    insecure: bool = False
    """Whether plain HTTP to other machines is allowed."""
    compress: bool = True
    """Whether what is sent is compressed."""
    grpc: Client | None = None
    """Calls go there instead; files still go over HTTP."""
    sleep: Sleep = asyncio.sleep
    draw: Callable[[], float] = random.Random().random  # noqa: S311 - it spreads visits

    def __post_init__(self) -> None:
        self._check(self.server)

    async def ask(
        self, name: str, request: Message, at: common.ForwardingInfo | None = None
    ) -> Any:  # noqa: ANN401 - the reply of the call that is named
        """The reply to a call; where an operation comes back, what it ends with.

        `at` is where the server said that such calls go. Cancelled while it waits, it cancels
        the operation.

        Raises:
            errors.CallFailed: the server refused, or was not reached.
            errors.RequestMalformed: what came back is not the reply.
            errors.AddressUnsafe: it would go to another machine in the open.
        """
        call = CALLS[name]
        reply = await self._call(call, request, at)
        made: Any = reply
        if call.metadata is None or not isinstance(made, operations.Operation):
            return made
        try:
            while (found := http.outcome(call, made)) is None:
                await self.sleep(_interval(call, made))
                asked = operations.GetOperationRequest(name=made.name)
                made = await self._call(CALLS["GetOperation"], asked, at)
        except (asyncio.CancelledError, errors.CallFailed):
            if not made.done:
                await asyncio.shield(self._give_up(made.name, at))
            raise
        return found

    async def upload(self, content: bytes, resource: common.ByteStreamResource) -> None:
        """Sends a result to where it is to go. Raises as `ask` does."""
        name = quote(resource.resource_name, safe=calls.UNRESERVED + "/")
        path = f"/upload/v1/media/{name}?upload_protocol=raw"
        response = await self.send("POST", path, content, resource.data_upload_forwarding_info)
        http.check(response.status, response.body)

    async def download(self, uri: str) -> bytes:
        """What lies at an address; without its compression. Raises as `ask` does."""
        response = await self.send("GET", uri, b"", None)
        http.check(response.status, response.body)
        if not response.type.endswith("+gzip"):
            return response.body
        try:
            return gzip.decompress(response.body)
        except (OSError, EOFError) as error:
            raise errors.RequestMalformed(f"{uri} is no gzip: {error}") from None

    async def _call(
        self, call: Call, request: Message, at: common.ForwardingInfo | None
    ) -> Message:
        over = self.grpc
        if over is not None:
            headers = {"x-goog-api-key": self.key} if self.key else {}
            headers.update(at.extra_request_headers if at else {})
            return await self._tried(lambda: over.send(call, request, headers=headers))
        method, path, body = http.request(call, request)
        if method == "GET":
            body = b""
        response = await self.send(method, path, body, at, kind=http.TYPES["proto"])
        # the reply to a question after an operation is the operation itself
        return http.reply(call, response.status, response.body)

    def indices(self, task: str) -> Mapping[str, int]:  # noqa: ARG002 - of other dialects
        """What a contribution to a task is remembered by, where that came with the task itself."""
        return {}

    async def send(
        self,
        method: str,
        path: str,
        body: bytes,
        at: common.ForwardingInfo | None,
        *,
        kind: str = "",
        packed: bool = False,
    ) -> Response:
        """One request, again where the server says that it is not there at the moment.

        What is `packed` is sent as it is.
        """
        url = path if "://" in path else _joined(at.target_uri_prefix if at else "", path)
        url = url if "://" in url else _joined(self.server, url)
        self._check(url)
        headers: dict[str, str] = {"x-goog-api-key": self.key} if self.key else {}
        if kind and body:
            headers["content-type"] = kind
        if self.compress and not packed and len(body) > SMALL:
            headers["content-encoding"] = "gzip"
            body = await asyncio.to_thread(gzip.compress, body, 1)
        headers.update(at.extra_request_headers if at else {})

        async def once() -> Response:
            response = await self.transport.send(method, url, headers, body)
            if statuses.from_http(response.status) == statuses.UNAVAILABLE:
                http.check(response.status, response.body)
            return response

        return await self._tried(once)

    async def _tried(self, once: Callable[[], Awaitable[Got]]) -> Got:
        """Does it, again where the server is not there at the moment."""
        number = 0
        while True:
            try:
                return await once()
            except errors.CallFailed as error:
                number += 1
                if error.code != statuses.UNAVAILABLE or number == TRIES:
                    raise
            pause = PAUSE * 1.3 ** (number - 1)
            await self.sleep(0.4 * PAUSE + pause * (0.6 + 0.4 * self.draw()))

    async def _give_up(self, operation: str, at: common.ForwardingInfo | None) -> None:
        try:
            asked = operations.CancelOperationRequest(name=operation)
            await self._call(CALLS["CancelOperation"], asked, at)
        except errors.Error:
            return  # it was an offer

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)
        if not safe and not (self.insecure and parts.scheme == "http"):
            raise errors.AddressUnsafe(url)


def _joined(prefix: str, path: str) -> str:
    """The two with exactly one slash between them."""
    return f"{prefix.rstrip('/')}/{path.lstrip('/')}"


def _interval(call: Call, made: operations.Operation) -> float:
    """Seconds until an operation is looked at again, as the server wants it."""
    said = call.metadata() if call.metadata is not None else None
    if not made.name.startswith("operations/"):
        raise errors.CallFailed(statuses.INVALID_ARGUMENT, f"no operation is named {made.name!r}")
    if said is None or not made.metadata.Unpack(said) or not said.DESCRIPTOR.fields_by_name:
        return POLL
    wanted: Mapping[Any, Any] = dict(said.ListFields())
    spans = [value.ToNanoseconds() / 1e9 for value in wanted.values()]
    return min(spans[0], LONGEST) if spans and spans[0] > 0 else POLL
