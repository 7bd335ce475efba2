"""Operations of calls that are under way or were answered: what has become of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.empty_pb2 import Empty

from ame import errors
from ame.protocol import calls, statuses
from ame.protocol.pb import operations
from ame.protocol.wires import http

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ame.protocol.wires import Caller
    from ame.server.visits.checkins import CheckIns
    from ame.server.visits.uploads import Uploads

START: Final = calls.by_name("StartTaskAssignment")


class Operations:
    """The calls by which a device asks after an operation, or ends it.

    One that was answered at once can be asked after as well, as long as its session lasts.
    """

    def __init__(self, check_ins: CheckIns, uploads: Uploads) -> None:
        self._check_ins = check_ins
        self._uploads = uploads

    async def get_operation(
        self, request: operations.GetOperationRequest, caller: Caller
    ) -> operations.Operation:
        """What has become of an operation. An assignment that was not there yet is tried again.

        What is wrong with it is what the operation ends with.

        Raises:
            errors.OperationUnknown: the server has begun no such operation.
            errors.Unavailable, errors.Damaged: nothing of it can be said now.
        """
        name, known = request.name, calls.operation_named(request.name)
        try:
            if known is None:
                asked = self._check_ins.waiting(name)
                reply = await self._check_ins.start_task_assignment(asked, caller)
                made = http.operation(START, asked, reply)
            else:
                made = operations.Operation(done=True)
                made.response.Pack(await self._ended(*known, caller))
        except (errors.Unavailable, errors.Damaged, errors.OperationUnknown):
            raise
        except errors.Error as error:
            gone = isinstance(error, errors.SessionEnded)
            code = statuses.CANCELLED if gone else statuses.of(error)
            made = operations.Operation(done=True, error={"code": code, "message": str(error)})
        made.name = name
        return made

    async def cancel_operation(
        self,
        request: operations.CancelOperationRequest,
        caller: Caller,  # noqa: ARG002 - every call has one
    ) -> Empty:
        """The device waits no longer: its session is over, and what it was given is free.

        An upload that may begin has nothing to be waited for.
        """
        call, known = calls.operation_named(request.name) or ("", {})
        if not call:
            asked = self._check_ins.waiting(request.name)
            await self._check_ins.give_up(asked.population_name, asked.session_id)
        elif call == START.name:
            await self._check_ins.give_up(known["population_name"], known["session_id"])
        return Empty()

    async def _ended(self, call: str, known: dict[str, str], caller: Caller) -> Message:
        """What an operation that was answered at once has ended with."""
        try:
            if call == START.name:
                session = known["session_id"]
                return await self._check_ins.given(known["population_name"], session, caller)
            return await self._uploads.opened(known["client_token"], caller)
        except (errors.SessionUnknown, errors.AssignmentUnknown, errors.PopulationUnknown):
            raise errors.OperationUnknown from None
