"""Calls over gRPC: handlers for a server, and a client's stub, both made from the declarations."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import grpc
from google.protobuf.message import Message
from grpc import aio

from ame import errors
from ame.protocol import calls, statuses
from ame.protocol.calls import Call
from ame.protocol.pb import operations
from ame.protocol.wires import http
from ame.protocol.wires.serving import Caller, Pending, Service

LOG = logging.getLogger("ame.server")
USUAL: Final = 0.5
"""Seconds between looks at what no interval is named for."""
Answers = Callable[[bytes, "Context"], Awaitable[Message]]


class Context(Protocol):
    """What gRPC tells of a call; its own type is generic over messages that we do not name."""

    def invocation_metadata(self) -> Any: ...  # noqa: ANN401, D102 - gRPC's own
    def peer(self) -> str: ...  # noqa: D102 - gRPC's own
    async def abort(self, code: grpc.StatusCode, details: str) -> Any: ...  # noqa: ANN401, D102


def handlers(service: Service, *, operations_answered: bool = False) -> list[Any]:
    """What a `grpc.aio` server is to be given, to serve every service of the protocol.

    A call that HTTP answers with an operation is answered with its reply, as in the services'
    declarations; with the operation where `operations_answered`. A reply that is not there yet
    is waited for where no operation can say so.
    """
    return [
        grpc.method_handlers_generic_handler(
            name,
            {
                call.name: grpc.unary_unary_rpc_method_handler(
                    _answers(service, call, operations_answered),
                    response_serializer=lambda message: message.SerializeToString(),
                )
                for call in served
            },
        )
        for name, served in calls.services()
    ]


def _answers(service: Service, call: Call, wrapped: bool) -> Answers:
    async def answer(body: bytes, context: Context) -> Message:
        caller = Caller(
            headers=dict(context.invocation_metadata() or ()),
            address=context.peer().partition(":")[2].rpartition(":")[0],
        )
        request = await _request(call, body, context)
        try:
            reply = await service.answer(call, request, caller)
            while isinstance(reply, Pending) and not wrapped:
                await asyncio.sleep(_interval(reply))
                reply = await service.answer(call, request, caller)
        except errors.Error as error:
            await context.abort(_code(statuses.of(error)), str(error))
            raise  # abort has raised already
        if call.metadata is not None and wrapped:
            return http.operation(call, request, reply)
        if isinstance(reply, Pending):
            return http.operation(call, request, reply)
        return reply

    return answer


async def _request(call: Call, body: bytes, context: Context) -> Message:
    try:
        return http.parsed(call.request, body, "proto")
    except errors.RequestMalformed as error:
        LOG.info("%s refused: %s", call.name, error)
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        raise  # abort has raised already


def _interval(pending: Pending) -> float:
    """Seconds after which it is worth while to look again."""
    interval: Any = getattr(pending.metadata, "polling_interval", None)
    return interval.ToMilliseconds() / 1000 if interval is not None else USUAL


def _code(number: int) -> grpc.StatusCode:
    return next(code for code in grpc.StatusCode if code.value[0] == number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client's side of a channel."""

    channel: aio.Channel
    operations_answered: bool = False
    """Whether the server answers with operations where HTTP does."""

    async def send(
        self, call: Call, request: Message, *, headers: Mapping[str, str] | None = None
    ) -> Message:
        """The reply to a call; an operation where the server answers with one.

        Raises:
            errors.CallFailed: the server refused it, or was not reached.
        """
        wrapped = self.operations_answered and call.metadata is not None
        made = operations.Operation if wrapped else call.reply
        ask: Any = self.channel.unary_unary(
            f"/{call.service}/{call.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=made.FromString,
        )
        try:
            reply = await ask(request, metadata=tuple((headers or {}).items()))
        except aio.AioRpcError as error:
            raise errors.CallFailed(error.code().value[0], error.details() or "") from None
        if not isinstance(reply, Message):
            raise errors.RequestMalformed("a reply that is no message")
        return reply
