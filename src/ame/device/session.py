"""A device's session, from its assignment to its contribution.

Each step is remembered before the next one is taken.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn, cast

from ame import errors
from ame.device import failures, memory
from ame.device.plans import Task
from ame.device.plans.slices import Fetcher
from ame.device.visit import Outcome, Visit
from ame.protocol import statuses
from ame.protocol.pb import aggregations, task_assignments

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ame.device.device import Device
    from ame.device.memory import Held
    from ame.protocol.pb import common
    from ame.protocol.pb.code import Code

LOG = logging.getLogger("ame.device")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a device does about a task that it was given."""

    device: Device
    at: common.ForwardingInfo | None = None
    """Where calls of the session go, as the check-in said; after a crash that is not known."""

    async def go_on(self, held: Held) -> Visit:
        """From wherever a session stands to its end."""
        name = held.assignment.task_name
        try:
            if held.result is None:
                held = await self._compute(held)
            if self.device.drops():
                return Visit(outcome=Outcome.DROPPED, wait=held.wait, task=name)
            if held.upload is None:
                held = await self._announce(held)
            elif await self._counted(held):
                return self._contributed(held)
            await self._hand_in(held)
        except errors.Error as error:
            LOG.info("task %s: %s", name, error)
            return Visit(outcome=_ended(error), wait=held.wait, task=name, why=str(error))
        return self._contributed(held)

    async def give_back(self, held: Held) -> None:
        """A session that was not begun is given up; the server is told."""
        await self.tell("ReportTaskResult", self._report(held.assignment, statuses.CANCELLED))

    async def tell(self, call: str, message: Message) -> None:
        """Says something that makes no difference to the device if it is not heard."""
        await self._told(call, message, self.at)

    def _contributed(self, held: Held) -> Visit:
        own = self.device
        own.memory.keep(memory.contributed(own.memory.kept, held, now=own.clock()))
        name = held.assignment.task_name
        return Visit(outcome=Outcome.CONTRIBUTED, wait=held.wait, task=name)

    async def _compute(self, held: Held) -> Held:
        """Runs the plan; the server hears where it did not get to its end."""
        own, given = self.device, held.assignment
        try:
            if given.WhichOneof("aggregation_type") != "aggregation_info":
                raise errors.PlanUnsupported(f"{given.WhichOneof('aggregation_type')}")
            plan, checkpoint = await asyncio.gather(
                own.resources.file(own.link, given.plan),
                own.resources.file(own.link, given.init_checkpoint),
            )
            parts = Fetcher(link=own.link, template=given.federated_select_uri_info.uri_template)
            task = Task(plan=plan, checkpoint=checkpoint, examples=own.examples, slices=parts)
            begun = time.perf_counter()
            result = await own.plans.run(task)
            took = time.perf_counter() - begun
        except (errors.Error, asyncio.CancelledError) as error:
            await self._end(
                self._report(given, failures.code(error)), "ReportTaskResult", self.at, error
            )
        held = replace(held, result=result, took=took)
        self._hold(held)
        return held

    async def _announce(self, held: Held) -> Held:
        """Reports the result, and asks where it is to go; both at once."""
        given = held.assignment
        held, _ = await asyncio.gather(
            self._opened(held),
            self.tell("ReportTaskResult", self._report(given, statuses.OK, took=held.took)),
        )
        self._hold(held)
        return held

    async def _opened(self, held: Held) -> Held:
        """A session that knows where its result goes.

        Where its token is used up, since an answer was lost, the session gets another one.
        """
        try:
            return await self._open(held)
        except errors.CallFailed as error:
            if error.code != statuses.NOT_FOUND:
                raise
            reply = await self.device.ask_for_task(held.assignment.session_id, self.at)
            given = reply.task_assignment
            if given.aggregation_id != held.assignment.aggregation_id:
                raise
        return await self._open(replace(held, assignment=given))

    async def _open(self, held: Held) -> Held:
        given = held.assignment
        start = aggregations.StartAggregationDataUploadRequest(
            aggregation_id=given.aggregation_id, authorization_token=given.authorization_token
        )
        at = given.aggregation_data_forwarding_info
        upload = await self.device.link.ask("StartAggregationDataUpload", start, at)
        return replace(held, upload=upload)

    async def _counted(self, held: Held) -> bool:
        """Whether what was uploaded before a crash is there: submitted now, or was then."""
        try:
            await self._submit(held)
        except errors.CallFailed as error:
            if failures.unreached(error) or failures.unneeded(error):
                raise
            return False
        return True

    async def _hand_in(self, held: Held) -> None:
        """Uploads the result and submits it; the server hears where that failed."""
        if held.upload is None or held.result is None:
            raise errors.PlanInvalid("there is no result to hand in")
        try:
            await self.device.link.upload(held.result, held.upload.resource)
            await self._submit(held)
        except (errors.Error, asyncio.CancelledError) as error:
            if failures.unneeded(error):
                raise
            abort = aggregations.AbortAggregationRequest(
                aggregation_id=held.assignment.aggregation_id,
                client_token=held.upload.client_token,
            )
            abort.status.code = failures.code(error)
            abort.status.message = str(error)
            at = held.upload.aggregation_protocol_forwarding_info
            await self._end(abort, "AbortAggregation", at, error)

    async def _submit(self, held: Held) -> None:
        """Has the server count what was uploaded; again and again it counts once."""
        if held.upload is not None:
            request = aggregations.SubmitAggregationResultRequest(
                aggregation_id=held.assignment.aggregation_id,
                client_token=held.upload.client_token,
                resource_name=held.upload.resource.resource_name,
            )
            at = held.upload.aggregation_protocol_forwarding_info
            await self.device.link.ask("SubmitAggregationResult", request, at)

    # --- what they share

    def _report(
        self, given: task_assignments.TaskAssignment, status: int, *, took: float = 0.0
    ) -> task_assignments.ReportTaskResultRequest:
        stats = task_assignments.ClientStats()
        stats.computation_execution_duration.FromNanoseconds(int(took * 1e9))
        return task_assignments.ReportTaskResultRequest(
            population_name=self.device.population,
            session_id=given.session_id,
            aggregation_id=given.aggregation_id,
            task_name=given.task_name,
            computation_status_code=cast("Code", status),
            client_stats=stats if took else None,
        )

    def _hold(self, held: Held) -> None:
        kept = self.device.memory.kept
        self.device.memory.keep(replace(kept, held=held))

    async def _end(
        self, message: Message, call: str, at: common.ForwardingInfo | None, error: BaseException
    ) -> NoReturn:
        """Tells the server of an end, and raises what it ended with."""
        if not failures.unreached(error):
            await asyncio.shield(self._told(call, message, at))
        raise error

    async def _told(self, call: str, message: Message, at: common.ForwardingInfo | None) -> None:
        """Says something that makes no difference to the device if it is not heard."""
        try:
            await self.device.link.ask(call, message, at)
        except errors.Error as error:
            LOG.info("%s was not heard: %s", call, error)


def _ended(error: errors.Error) -> Outcome:
    """What came of a visit that ended so."""
    if failures.unreached(error):
        return Outcome.CUT_OFF
    return Outcome.UNNEEDED if failures.unneeded(error) else Outcome.FAILED
