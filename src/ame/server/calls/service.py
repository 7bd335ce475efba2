"""All calls of the protocol, answered."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.protocol import calls, statuses
from ame.server.calls import doors

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ame.protocol.calls import Call
    from ame.protocol.wires import Caller, Pending
    from ame.server.calls.doors import Doors
    from ame.server.operators.builds import Builds
    from ame.server.operators.management import Management
    from ame.server.visits.checkins import CheckIns
    from ame.server.visits.operations import Operations
    from ame.server.visits.personal import PersonalCheckIns
    from ame.server.visits.uploads import Uploads

LOG = logging.getLogger("ame.server")
Answer = Callable[[Any, "Caller"], Awaitable[Any]]


class Service:
    """It promises what `wires.Service` does. Calls that are declared and not built say so."""

    def __init__(
        self,
        *parts: CheckIns | Operations | PersonalCheckIns | Uploads | Management | Builds,
    ) -> None:
        """`parts` answer by methods that are named as the calls are."""
        self._answers: Mapping[str, Answer] = {
            call.name: found
            for call in calls.CALLS
            for part in parts
            if (found := getattr(part, call.verb, None))
        }

    def answer(self, call: Call, request: Message, caller: Caller) -> Awaitable[Message | Pending]:
        """The reply to a call."""
        found = self._answers.get(call.name)
        if found is None:
            raise errors.CallUnserved(call.name)
        return found(request, caller)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A service behind its doors, for a wire that has none. It promises what `wires.Service` does,
    and tells nothing of what went wrong in it.
    """

    service: Service
    doors: Doors
    clock: Callable[[], float]
    base: str
    """By which scheme and host the server is reached over HTTP, where files come from and go."""

    async def answer(self, call: Call, request: Message, caller: Caller) -> Message | Pending:
        """The reply to a call that is let in."""
        try:
            self.doors.rates.count(caller.address, self.clock())
            self.doors.admit(call, caller.headers)
            return await self.service.answer(call, request, caller._replace(base=self.base))
        except errors.Error as error:
            LOG.info("%s refused: %s", call.name, error)
            raise (error if call.name in doors.MANAGING else doors.outside(error)) from None
        except Exception:
            LOG.exception("%s failed", call.name)
            raise errors.CallFailed(statuses.INTERNAL, "") from None
