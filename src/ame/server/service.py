"""All calls of the protocol, answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.protocol import calls

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ame.protocol.calls import Call
    from ame.protocol.wires import Caller, Pending
    from ame.server.checkins import CheckIns
    from ame.server.management import Management
    from ame.server.uploads import Uploads

Answer = Callable[[Any, "Caller"], Awaitable[Any]]


class Service:
    """It promises what `wires.Service` does. Calls that are declared and not built say so."""

    def __init__(self, check_ins: CheckIns, uploads: Uploads, management: Management) -> None:
        self._answers: Mapping[str, Answer] = {
            call.name: found
            for call in calls.CALLS
            for part in (check_ins, uploads, management)
            if (found := getattr(part, call.verb, None))
        }

    async def answer(self, call: Call, request: Message, caller: Caller) -> Message | Pending:
        """The reply to a call."""
        found = self._answers.get(call.name)
        if found is None:
            raise errors.CallUnserved(call.name)
        reply: Message | Pending = await found(request, caller)
        return reply
