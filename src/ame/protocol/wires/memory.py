"""Calls within one process: the service itself, behind the bytes that would have travelled."""

from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.message import Message

from ame import errors
from ame.protocol import statuses
from ame.protocol.calls import Call
from ame.protocol.wires.serving import Caller, Pending, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client that is in the server's process."""

    service: Service

    async def send(
        self,
        call: Call,
        request: Message,
        *,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Message | Pending:
        """The reply to a call.

        Raises:
            errors.CallFailed: the server refused it, as a client elsewhere would see it.
        """
        sent = call.request.FromString(request.SerializeToString())
        caller = Caller(headers=headers or {}, fields=fields or {})
        try:
            reply = await self.service.answer(call, sent, caller)
        except errors.Error as error:
            raise errors.CallFailed(statuses.of(error), str(error)) from None
        if isinstance(reply, Pending):
            return reply
        return type(reply).FromString(reply.SerializeToString())
