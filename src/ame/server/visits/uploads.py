"""How devices' results come in: announced, uploaded, checked, and counted once."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from ame import errors
from ame.protocol.pb import aggregations, common, odp_task_assignments, task_assignments
from ame.protocol.wires import http
from ame.server.ledger import assignments, sessions, together
from ame.server.recent import Recent
from ame.server.tasks import TaskStatus, task_number
from ame.server.visits.assignments import AssignmentStatus, End, Result
from ame.server.visits.payloads import SMALL, done

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ame.protocol.wires import Caller
    from ame.server.fleet import Fleet
    from ame.server.ledger.assignments import Assignment
    from ame.server.recipes import Taken
    from ame.storage.databases import Rows

MEDIA: Final = "/upload/v1/media/"
GRADIENTS: Final = "/v1/gradients/"
ARTIFACTS: Final = "/v1/artifacts/"
KINDS: Final = {MEDIA: "upload", GRADIENTS: "gradient", ARTIFACTS: "artifact"}
"""What stands before the token of an upload, and the token's kind."""
GZIPPED: Final = b"\x1f\x8b"
ROW: Final = 1 << 10
"""About how many bytes it takes to remember an assignment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One that was taken in, handed on so that it need not be read again."""

    population: str
    task: int
    round: int
    place: int
    taken: Taken


@dataclass(frozen=True, slots=True, kw_only=True)
class _Came:
    """An assignment of which something came, and what was uploaded."""

    found: Assignment
    content: bytes


class Uploads:
    """The calls by which a device hands in what it computed."""

    def __init__(
        self,
        fleet: Fleet,
        accepted: Callable[[Contribution], None],
        decrypted: Callable[[bytes], Awaitable[bytes]],
    ) -> None:
        """`accepted` is told of each contribution; `decrypted` yields what a payload encrypts."""
        self._fleet = fleet
        self._accepted = accepted
        self._decrypted = decrypted
        self._came: Recent[_Came] = Recent(fleet.settings.recent_bytes)

    # --- the Federated Compute dialect

    async def report_task_result(
        self,
        request: task_assignments.ReportTaskResultRequest,
        caller: Caller,  # noqa: ARG002 - every call has one
    ) -> task_assignments.ReportTaskResultResponse:
        """Notes how a computation went; anything but OK ends the session and the assignment."""
        shown = self._fleet.session(request.session_id, request.population_name)
        now = self._fleet.clock()
        code = request.computation_status_code
        took = request.client_stats.computation_execution_duration.ToNanoseconds() / 1e9

        due = now + self._fleet.settings.upload_seconds
        population, _, said = request.task_name.rpartition("/")
        task = task_number(said)
        named = population == request.population_name and task is not None and not shown.task

        if not code and (named or not request.task_name):
            asked = together.Completing(
                shown=shown,
                task=int(task or shown.task or 0),
                aggregation=_round(request.aggregation_id),
                due=due,
                took=took,
            )
            if await self._fleet.database.do_together(together.complete, asked):
                return task_assignments.ReportTaskResultResponse()

        def work(rows: Rows) -> None:
            sessions.check_session(rows, shown)
            about = [
                had
                for had in assignments.assignments_of(rows, shown.id)
                if shown.task in {"", str(had.task)}
                and request.task_name in {"", f"{had.population}/{had.task}"}
            ]
            if not about and request.task_name:
                raise errors.AssignmentUnknown
            for had in about:
                if request.aggregation_id:
                    assignments.check_round(rows, had, _round(request.aggregation_id))
                if code:
                    assignments.end_assignment(rows, had, End.reported(code))
                else:
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
        asked = together.Opening(
            number=number, aggregation=_round(request.aggregation_id), opened=int(opened), due=due
        )
        await fleet.database.do_together(together.open_upload, asked)
        return self._place(number, caller)

    async def opened(
        self, client_token: str, caller: Caller
    ) -> aggregations.StartAggregationDataUploadResponse:
        """What a device was told before of where its result is to go.

        Raises:
            errors.AssignmentUnknown: it was told of none.
            errors.ContributionUnneeded: its round is over meanwhile.
        """
        number = self._assignment("client", client_token)

        def look(rows: Rows) -> errors.Error | None:
            assignments.seen(rows, number)
            return assignments.unneeded(rows, number)

        if refused := await self._fleet.database.read(look):
            raise refused
        return self._place(number, caller)

    def expect(self, path: str) -> None:
        """Sees, before anything is read, that a server has given out the path of an upload.

        Raises:
            errors.AssignmentUnknown, errors.TokenRefused: none has.
        """
        for prefix, kind in KINDS.items():
            if path.startswith(prefix):
                token = unquote(path.removeprefix(prefix))
                if kind == "artifact":
                    self._fleet.tokens.read(kind, token)
                else:
                    self._assignment(kind, token)

    async def upload(self, resource_name: str, content: bytes) -> None:
        """Takes the bytes of a result. They count when they are submitted.

        Raises:
            errors.AssignmentUnknown: nothing is to be uploaded there.
            errors.AssignmentEnded, errors.ContributionUnneeded: it is too late.
        """
        number = self._assignment("upload", resource_name)
        content = await self._unpacked(content)
        digest, beside = await self._keep(content)
        found = await self._fleet.database.do_together(
            together.uploaded, together.Uploaded(number=number, digest=digest, content=beside)
        )
        self._put(found, content)

    async def submit_aggregation_result(
        self,
        request: aggregations.SubmitAggregationResultRequest,
        caller: Caller,  # noqa: ARG002 - every call has one
    ) -> aggregations.SubmitAggregationResultResponse:
        """Counts what was uploaded. A repeat changes nothing and succeeds."""
        number = self._assignment("client", request.client_token)
        if self._assignment("upload", request.resource_name) != number:
            raise errors.AssignmentUnknown
        wanted = _round(request.aggregation_id)
        came = self._came.pop(number)
        if came is None or not await self._take(came.found, came.content, wanted):
            found = await self._fleet.database.read(
                lambda rows: assignments.seen(rows, number, wanted)
            )
            if found.status is not AssignmentStatus.UPLOAD_COMPLETED:
                if not found.digest:
                    raise errors.AssignmentEnded("nothing was uploaded")
                await self._take(found, await self._fleet.uploaded(found), wanted)
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
            assignments.check_round(rows, had, _round(request.aggregation_id))
            assignments.end_assignment(rows, had, End.aborted(request.status))

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

        population, task = fields["population_name"], task_number(fields["task_id"])
        if task is None:
            raise errors.AssignmentUnknown
        aggregation = _round(fields["aggregation_id"])

        def work(rows: Rows) -> Assignment:
            had = assignments.seen(rows, number, aggregation)
            if (had.population, had.task) != (population, task):
                raise errors.AssignmentUnknown
            assignments.end_assignment(rows, had, End.result(request.result))
            return had

        if completed:
            asked = together.Completed(
                number=number, population=population, task=task, aggregation=aggregation, due=due
            )
            found = await fleet.database.do_together(together.complete_and_open, asked)
        else:
            found = await fleet.database.do(work)
        self._put(found, b"")
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

        One that cannot be opened ends its assignment, as one does that its task does not ask for.

        Raises:
            errors.PayloadRefused, errors.RequestMalformed: it cannot be opened.
            errors.AssignmentUnknown: the address is none that was given out.
            errors.AssignmentEnded: it is no longer good.
        """
        number, _, until = self._assignment("gradient", token).rpartition(".")
        if self._fleet.clock() > float(until):
            raise errors.AssignmentEnded("the address was good for a while only")
        came = self._came.pop(number)
        if came is not None:
            found = came.found
        else:
            found = await self._fleet.database.read(lambda rows: assignments.seen(rows, number))
        if found.status is not AssignmentStatus.UPLOAD_COMPLETED:
            await self._take(found, await self._opened(found, content))

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

    async def _opened(self, found: Assignment, content: bytes) -> bytes:
        """What was compressed, encrypted, and compressed again, without all that."""
        try:
            packed = await self._decrypted(await self._unpacked(content))
            return await self._unpacked(packed)
        except (errors.Invalid, errors.RequestTooLarge) as error:
            await self._refuse(found, error)
            raise

    async def _refuse(self, found: Assignment, error: errors.Error) -> None:
        """What a device has uploaded is of no use: its place is free for others."""
        end = End.refused(error)
        await self._fleet.database.do(lambda rows: assignments.end_assignment(rows, found, end))

    def _put(self, found: Assignment, content: bytes) -> None:
        """Remembers an assignment that is soon heard of again, with what was uploaded."""
        self._came.put(found.id, _Came(found=found, content=content), ROW + len(content))

    async def _keep(self, content: bytes) -> tuple[str, bytes | None]:
        """The digest of a result; and its bytes, where they are yet to be kept in the database."""
        if len(content) > self._fleet.settings.row_bytes:
            return await self._fleet.keep(content), None
        return hashlib.sha256(content).hexdigest(), content

    async def _take(self, found: Assignment, content: bytes, aggregation: str = "") -> bool:
        """Checks and counts a result; it is kept first, unless it was when it was uploaded.

        False where the device has uploaded something else meanwhile.
        """
        kept = await self._fleet.kept(found.population, found.task)
        if kept.task.status is not TaskStatus.OPEN:
            raise errors.ContributionUnneeded("its task is over")
        try:
            recipe = await self._fleet.recipe(kept)
        except errors.Invalid:  # an earlier version took it
            self._fleet.doubt((found.population, found.task))
            raise errors.ContributionUnneeded("its task cannot go on") from None
        try:
            taken = await done(content, recipe.take)
        except errors.Invalid as error:
            await self._refuse(found, error)
            raise
        digest, beside = (found.digest, None) if found.digest else await self._keep(content)
        asked = together.Accepting(
            number=found.id,
            aggregation=aggregation,
            digest=digest,
            weight=taken.weight,
            content=beside,
        )
        place = await self._fleet.database.do_together(together.accept, asked)
        if place is None:
            return False
        self._accepted(
            Contribution(
                population=found.population,
                task=found.task,
                round=found.round,
                place=place,
                taken=taken,
            )
        )
        return True

    def _place(
        self, number: str, caller: Caller
    ) -> aggregations.StartAggregationDataUploadResponse:
        """Where the result of an assignment is to go."""
        tokens = self._fleet.tokens
        reply = aggregations.StartAggregationDataUploadResponse(
            client_token=tokens.make("client", number)
        )
        reply.aggregation_protocol_forwarding_info.target_uri_prefix = caller.base
        reply.resource.data_upload_forwarding_info.target_uri_prefix = caller.base
        reply.resource.resource_name = tokens.make("upload", number)
        return reply

    def _assignment(self, kind: str, token: str) -> str:
        try:
            return self._fleet.tokens.read(kind, token)
        except errors.TokenRefused:
            raise errors.AssignmentUnknown from None


def _round(said: str) -> str:
    """A round by the id that a device names, which every database can look for."""
    if "\0" in said:
        raise errors.AssignmentUnknown
    return said
