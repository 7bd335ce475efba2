"""How devices' results come in: announced, uploaded, checked, and counted once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.protocol import statuses
from ame.protocol.pb import aggregations, common, odp_task_assignments, task_assignments
from ame.protocol.wires import http
from ame.server.ledger import assignments, sessions
from ame.server.tasks import TaskStatus
from ame.server.visits.assignments import AssignmentStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from ame.protocol.wires import Caller
    from ame.server.fleet import Fleet
    from ame.server.ledger.assignments import Assignment
    from ame.server.recipes import Taken
    from ame.server.visits.checkins import CheckIns
    from ame.storage.databases import Rows

GZIPPED: Final = b"\x1f\x8b"
SMALL: Final = 1 << 14
"""Bytes of an upload that is sooner read than handed to another thread."""
Result = odp_task_assignments.ReportResultRequest
ENDED: Final = {
    Result.FAILED: AssignmentStatus.LOCAL_FAILED,
    Result.NOT_ELIGIBLE: AssignmentStatus.LOCAL_NOT_ELIGIBLE,
    Result.FAILED_EXAMPLE_GENERATION: AssignmentStatus.LOCAL_FAILED_EXAMPLE_GENERATION,
    Result.FAILED_MODEL_COMPUTATION: AssignmentStatus.LOCAL_FAILED_MODEL_COMPUTATION,
    Result.FAILED_OPS_ERROR: AssignmentStatus.LOCAL_FAILED_OPS_ERROR,
}

FAILED: Final = {
    statuses.CANCELLED: AssignmentStatus.CANCELED,
    statuses.FAILED_PRECONDITION: AssignmentStatus.LOCAL_FAILED_EXAMPLE_GENERATION,
}
"""What becomes of an assignment whose computation ended so; by any other code it has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One that was taken in, handed on so that it need not be read again."""

    population: str
    task: int
    round: int
    place: int
    taken: Taken


class Uploads:
    """The calls by which a device hands in what it computed."""

    def __init__(
        self,
        fleet: Fleet,
        check_ins: CheckIns,
        accepted: Callable[[Contribution], None],
        opened: Callable[[bytes], bytes],
    ) -> None:
        """`accepted` is told of each contribution; `opened` yields what a payload encrypts."""
        self._fleet = fleet
        self._check_ins = check_ins
        self._accepted = accepted
        self._opened = opened

    # --- the Federated Compute dialect

    async def report_task_result(
        self,
        request: task_assignments.ReportTaskResultRequest,
        caller: Caller,  # noqa: ARG002 - every call has one
    ) -> task_assignments.ReportTaskResultResponse:
        """Notes how a computation went; anything but OK ends the session and the assignment."""
        shown = self._check_ins.session(request.session_id, request.population_name)
        now = self._fleet.clock()
        code = request.computation_status_code
        took = request.client_stats.computation_execution_duration.ToNanoseconds() / 1e9

        def work(rows: Rows) -> None:
            sessions.check_session(rows, shown)
            for had in assignments.assignments_of(rows, shown.id):
                if shown.task not in {"", str(had.task)}:
                    continue
                if request.task_name not in {"", f"{had.population}/{had.task}"}:
                    continue
                if request.aggregation_id:
                    assignments.check_round(rows, had, request.aggregation_id)
                if code:
                    ended = FAILED.get(code, AssignmentStatus.LOCAL_FAILED)
                    assignments.end_assignment(rows, had, ended)
                else:
                    due = now + self._fleet.settings.upload_seconds
                    assignments.completed_locally(rows, had, due, took)
            if code:
                sessions.end_session(rows, shown.own, request.population_name, now=now)

        await self._fleet.database.do(work)
        return task_assignments.ReportTaskResultResponse()

    async def start_aggregation_data_upload(
        self, request: aggregations.StartAggregationDataUploadRequest, caller: Caller
    ) -> aggregations.StartAggregationDataUploadResponse:
        """Says where the device's result is to go. Its token is used up by this.

        Where the answer is lost, the session that has the assignment is told another token when
        it asks for the assignment again; as long as nothing was uploaded.
        """
        fleet = self._fleet
        about = self._assignment("authorization", request.authorization_token)
        number, _, opened = about.rpartition(".")
        due = fleet.clock() + fleet.settings.upload_seconds

        def work(rows: Rows) -> None:
            let = assignments.open_upload(rows, number, opened=int(opened), due=due)
            assignments.check_round(rows, let, request.aggregation_id)

        await fleet.database.do(work)
        reply = aggregations.StartAggregationDataUploadResponse(
            client_token=fleet.tokens.make("client", number)
        )
        reply.aggregation_protocol_forwarding_info.target_uri_prefix = caller.base
        reply.resource.data_upload_forwarding_info.target_uri_prefix = caller.base
        reply.resource.resource_name = fleet.tokens.make("upload", number)
        return reply

    async def upload(self, resource_name: str, content: bytes) -> None:
        """Takes the bytes of a result. They count when they are submitted.

        Raises:
            errors.AssignmentUnknown: nothing is to be uploaded there.
            errors.AssignmentEnded: it is too late.
        """
        number = self._assignment("upload", resource_name)
        digest = await self._fleet.keep(await self._unpacked(content))
        await self._fleet.database.do(lambda rows: assignments.uploaded(rows, number, digest))

    async def submit_aggregation_result(
        self,
        request: aggregations.SubmitAggregationResultRequest,
        caller: Caller,  # noqa: ARG002 - every call has one
    ) -> aggregations.SubmitAggregationResultResponse:
        """Counts what was uploaded. A repeat changes nothing and succeeds."""
        number = self._assignment("client", request.client_token)
        if self._assignment("upload", request.resource_name) != number:
            raise errors.AssignmentUnknown
        found = await self._fleet.database.read(
            lambda rows: assignments.seen(rows, number, request.aggregation_id)
        )
        if found.status is not AssignmentStatus.UPLOAD_COMPLETED:
            if not found.digest:
                raise errors.AssignmentEnded("nothing was uploaded")
            await self._take(found, await self._fleet.blob(found.digest), found.digest)
        return aggregations.SubmitAggregationResultResponse()

    async def abort_aggregation(
        self,
        request: aggregations.AbortAggregationRequest,
        caller: Caller,  # noqa: ARG002 - every call has one
    ) -> aggregations.AbortAggregationResponse:
        """The device gives up."""
        number = self._assignment("client", request.client_token)

        def work(rows: Rows) -> None:
            had = assignments.assignment(rows, number)
            assignments.check_round(rows, had, request.aggregation_id)
            assignments.end_assignment(rows, had, AssignmentStatus.LOCAL_FAILED)

        await self._fleet.database.do(work)
        return aggregations.AbortAggregationResponse()

    # --- the On-Device Personalization dialect

    async def report_result(
        self, request: odp_task_assignments.ReportResultRequest, caller: Caller
    ) -> odp_task_assignments.ReportResultResponse:
        """Notes how a computation went, and says where its result is to go."""
        fleet, fields = self._fleet, caller.fields
        number, now = fields["assignment_id"], self._fleet.clock()
        due = now + fleet.settings.upload_seconds
        completed = request.result == Result.COMPLETED

        def work(rows: Rows) -> None:
            had = assignments.assignment(rows, number)
            assignments.check_round(rows, had, fields["aggregation_id"])
            if (had.population, str(had.task)) != (fields["population_name"], fields["task_id"]):
                raise errors.AssignmentUnknown
            if completed:
                assignments.completed_locally(rows, had, due)
                had = assignments.assignment(rows, number)
                if had.status is not AssignmentStatus.LOCAL_COMPLETED:
                    raise errors.AssignmentUnknown
                assignments.open_again(rows, number)
            else:
                ended = ENDED.get(request.result, AssignmentStatus.LOCAL_FAILED)
                assignments.end_assignment(rows, had, ended)

        await fleet.database.do(work)
        reply = odp_task_assignments.ReportResultResponse()
        if completed:
            until = int(now + fleet.settings.url_seconds)
            token = fleet.tokens.make("gradient", f"{number}.{until}")
            reply.upload_instruction.upload_location = f"{caller.base}/v1/gradients/{token}"
            headers = reply.upload_instruction.extra_request_headers
            headers["content-type"] = "application/octet-stream"
            headers["content-encoding"] = "gzip"
            reply.upload_instruction.compression_format = common.RESOURCE_COMPRESSION_FORMAT_GZIP
        return reply

    async def gradient(self, token: str, content: bytes) -> None:
        """Takes the bytes of a result at its signed address, and counts it at once.

        Raises:
            errors.AssignmentUnknown: the address is none that was given out.
            errors.AssignmentEnded: it is no longer good.
        """
        number, _, until = self._assignment("gradient", token).rpartition(".")
        if self._fleet.clock() > float(until):
            raise errors.AssignmentEnded("the address was good for a while only")
        found = await self._fleet.database.read(lambda rows: assignments.seen(rows, number))
        if found.status is not AssignmentStatus.UPLOAD_COMPLETED:
            plain = await asyncio.to_thread(self._opened, await self._unpacked(content))
            await self._take(found, await self._unpacked(plain))

    # --- what they share

    async def _unpacked(self, content: bytes) -> bytes:
        """What was compressed, without it."""
        if content[:2] != GZIPPED:
            return content
        limit = self._fleet.settings.upload_bytes
        if len(content) <= SMALL:
            with suppress(errors.RequestTooLarge):
                return http.unpacked(content, "gzip", limit=min(limit, 16 * SMALL))
        return await asyncio.to_thread(http.unpacked, content, "gzip", limit=limit)

    async def _take(self, found: Assignment, content: bytes, digest: str = "") -> None:
        """Checks and counts a result; it is kept first, unless it is kept under its digest."""
        kept = await self._fleet.kept(found.population, found.task)
        if kept.task.status is not TaskStatus.OPEN:
            raise errors.AssignmentEnded("its task is not open")
        recipe = await self._fleet.recipe(kept)
        try:
            small = len(content) <= SMALL
            taken = recipe.take(content) if small else await asyncio.to_thread(recipe.take, content)
        except errors.Invalid:
            await self._fleet.database.do(
                lambda rows: assignments.end_assignment(rows, found, AssignmentStatus.REMOTE_FAILED)
            )
            raise
        kept_as = digest or await self._fleet.keep(content)
        place = await self._fleet.database.do(
            lambda rows: assignments.accept(rows, found.id, digest=kept_as, weight=taken.weight)
        )
        self._accepted(
            Contribution(
                population=found.population,
                task=found.task,
                round=found.round,
                place=place,
                taken=taken,
            )
        )

    def _assignment(self, kind: str, token: str) -> str:
        try:
            return self._fleet.tokens.read(kind, token)
        except errors.TokenRefused:
            raise errors.AssignmentUnknown from None
