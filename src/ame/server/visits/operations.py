"""Long-running operations: their names hold all that is needed to say what has become of them."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Final

from google.protobuf.empty_pb2 import Empty

from ame import errors
from ame.protocol import calls, statuses
from ame.protocol.pb import operations, task_assignments
from ame.protocol.wires import http

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ame.protocol.wires import Caller
    from ame.server.fleet import Fleet
    from ame.server.visits.checkins import CheckIns
    from ame.server.visits.uploads import Uploads

TASKS: Final = 100
"""As many of its tasks does the name of an operation hold."""
START: Final = calls.by_name("StartTaskAssignment")


def pending(fleet: Fleet, request: task_assignments.StartTaskAssignmentRequest) -> str:
    """The name of an operation that tries again to answer this request.

    A name is a part of an address: of very many tasks that the device may do it holds some.
    """
    asked = task_assignments.StartTaskAssignmentRequest()
    asked.CopyFrom(request)
    weights = asked.task_eligibility_info.task_weights
    if len(weights) > TASKS:
        fit = [each for each in weights if each.weight > 0]
        fit.sort(key=lambda each: (-each.weight, fleet.draw()))
        del weights[:]
        weights.extend(fit[:TASKS])
    packed = urlsafe_b64encode(zlib.compress(asked.SerializeToString())).decode()
    return f"operations/{fleet.tokens.make('operation', packed)}"


class Operations:
    """The calls by which a device asks after an operation, or ends it.

    One that was answered at once can be asked after as well, as long as its session lasts.
    """

    def __init__(self, fleet: Fleet, check_ins: CheckIns, uploads: Uploads) -> None:
        self._fleet = fleet
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
                asked = self._asked(name)
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
            asked = self._asked(request.name)
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

    def _asked(self, name: str) -> task_assignments.StartTaskAssignmentRequest:
        try:
            packed = self._fleet.tokens.read("operation", name.removeprefix("operations/"))
            asked = zlib.decompress(urlsafe_b64decode(packed))
        except (errors.TokenRefused, zlib.error):
            raise errors.OperationUnknown from None
        return task_assignments.StartTaskAssignmentRequest.FromString(asked)
