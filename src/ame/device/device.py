"""One device: a visit to the server, from the check-in to the contribution.

Source: the Federated Compute protocol as its client speaks it. Each step is remembered before the
next one is taken.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, cast

from ame import errors
from ame.device import failures, memory
from ame.device.links import retry
from ame.device.plans import Task
from ame.device.slices import Fetcher
from ame.device.visit import Outcome, Visit
from ame.protocol import eligibility, statuses
from ame.protocol.pb import (
    aggregations,
    common,
    eligibility_eval_tasks,
    federated_api,
    task_assignments,
)
from ame.protocol.pb import population_eligibility_spec as spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from ame.device.examples import Examples
    from ame.device.links.link import Link
    from ame.device.links.personal import Personal
    from ame.device.memory import Held, Memory
    from ame.device.plans import Plans
    from ame.device.resources import Resources
    from ame.protocol.pb.code import Code

LOG = logging.getLogger("ame.device")
GZIP: Final = common.ResourceCapabilities(
    supported_compression_formats=[common.RESOURCE_COMPRESSION_FORMAT_GZIP]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """What the server said at the check-in."""

    id: str
    at: common.ForwardingInfo
    accepted: float
    """Seconds until the return of a device that got a task."""
    rejected: float
    """And of one that got none."""
    info: federated_api.TaskEligibilityInfo | None = None
    asked: spec.PopulationEligibilitySpec | None = None

    def indices(self, task: str) -> dict[str, int]:
        """What a contribution to a task is remembered by."""
        if self.asked is None:
            return {}
        policies = (
            self.asked.eligibility_policies[place]
            for each in self.asked.task_info
            if each.task_name == task
            for place in each.eligibility_policy_indices
        )
        return {
            policy.name: policy.min_sep_policy.current_index
            for policy in policies
            if policy.HasField("min_sep_policy")
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of one population."""

    population: str
    link: Link | Personal
    memory: Memory
    examples: Examples
    plans: Plans
    resources: Resources
    version: str = "1"
    """What it tells of its own version."""
    clock: Callable[[], float] = time.time
    draw: Callable[[], float] = random.Random().random  # noqa: S311 - it spreads visits
    drops: Callable[[], bool] = bool
    """Asked before a result is reported: whether the device vanishes now. It never does, but where
    devices are simulated."""

    async def visit(self) -> Visit:
        """Goes on with what was under way, else checks in; whatever comes of it is told.

        What is remembered afterwards: the contribution, and when to come back. Cancelled, it says
        so to the server and gives the session up.
        """
        held = self.memory.kept.held
        if held is not None and held.population != self.population:
            held = None
        try:
            seen = await (self._check_in() if held is None else self._go_on(held))
        except errors.Error as error:
            code = statuses.of(error)
            seen = Visit(outcome=Outcome.FAILED, wait=retry.after(code, self.draw), why=str(error))
            LOG.info("no session: %s", error)
        except asyncio.CancelledError:
            self._forget(0.0)
            raise
        if seen.outcome is not Outcome.CUT_OFF:
            self._forget(seen.wait)
        return seen

    # --- the check-in

    async def _check_in(self) -> Visit:
        begun = await self._begin()
        if isinstance(begun, Visit):
            return begun
        try:
            reply = await self._ask_for_task(begun.id, begun.at, begun.info)
        except errors.Error as error:
            LOG.info("no task: %s", error)
            return Visit(outcome=Outcome.FAILED, wait=begun.rejected, why=str(error))
        if reply.WhichOneof("result") != "task_assignment":
            return self._rejected(reply.rejection_info, begun.rejected)
        given = reply.task_assignment
        held = memory.Held(
            population=self.population,
            assignment=given,
            indices={**begun.indices(given.task_name), **self.link.indices(given.task_name)},
            wait=begun.accepted,
        )
        self._hold(held)
        return await self._go_on(held, at=begun.at)

    async def _ask_for_task(
        self,
        session: str,
        at: common.ForwardingInfo | None,
        info: federated_api.TaskEligibilityInfo | None = None,
    ) -> task_assignments.StartTaskAssignmentResponse:
        request = task_assignments.StartTaskAssignmentRequest(
            population_name=self.population,
            session_id=session,
            client_version=common.ClientVersion(version_code=self.version),
            task_eligibility_info=info,
            resource_capabilities=GZIP,
        )
        reply: task_assignments.StartTaskAssignmentResponse = await self.link.ask(
            "StartTaskAssignment", request, at
        )
        return reply

    async def _begin(self) -> _Session | Visit:
        """A session, with what the device is eligible for."""
        able = eligibility_eval_tasks.EligibilityEvalTaskCapabilities(supports_native_eets=True)
        request = eligibility_eval_tasks.EligibilityEvalTaskRequest(
            population_name=self.population,
            client_version=common.ClientVersion(version_code=self.version),
            resource_capabilities=GZIP,
            eligibility_eval_task_capabilities=able,
        )
        reply = await self.link.ask("RequestEligibilityEvalTask", request)
        session = _Session(
            id=reply.session_id,
            at=reply.task_assignment_forwarding_info,
            accepted=retry.within(reply.retry_window_if_accepted, self.draw),
            rejected=retry.within(reply.retry_window_if_rejected, self.draw),
        )
        match reply.WhichOneof("result"):
            case "rejection_info":
                return self._rejected(reply.rejection_info, session.rejected)
            case "eligibility_eval_task":
                return await self._eligible(session, reply.eligibility_eval_task)
            case _:
                return session

    async def _eligible(
        self, session: _Session, task: eligibility_eval_tasks.EligibilityEvalTask
    ) -> _Session | Visit:
        """What the device finds out about itself; the server hears where it could not."""
        try:
            told = await self._told(task)
            if not task.HasField("population_eligibility_spec"):
                return replace(session, info=told)
            content = await self.resources.content(self.link, task.population_eligibility_spec)
            asked = spec.PopulationEligibilitySpec.FromString(content)
            info = await asyncio.to_thread(
                eligibility.evaluate,
                asked,
                self.memory.kept.past,
                self.examples.count,
                told={each.task_name: each.weight for each in told.task_weights},
                now=self.clock(),
            )
        except errors.Error as error:
            request = eligibility_eval_tasks.ReportEligibilityEvalTaskResultRequest(
                population_name=self.population,
                session_id=session.id,
                status_code=cast("Code", failures.code(error)),
            )
            await self._tell("ReportEligibilityEvalTaskResult", request, session.at)
            return Visit(outcome=Outcome.FAILED, wait=session.rejected, why=str(error))
        return replace(session, info=info, asked=asked)

    async def _told(
        self, task: eligibility_eval_tasks.EligibilityEvalTask
    ) -> federated_api.TaskEligibilityInfo:
        """What the population's own plan says of this device; nothing where it has none."""
        if not task.HasField("plan"):
            return federated_api.TaskEligibilityInfo()
        plan = await self.resources.file(self.link, task.plan)
        checkpoint = Path(os.devnull)
        if task.HasField("init_checkpoint"):
            checkpoint = await self.resources.file(self.link, task.init_checkpoint)
        return await self.plans.eligible(
            Task(plan=plan, checkpoint=checkpoint, examples=self.examples)
        )

    def _rejected(self, info: common.RejectionInfo, otherwise: float) -> Visit:
        own = info.WhichOneof("metadata") == "retry_window"
        return Visit(
            outcome=Outcome.TURNED_AWAY,
            wait=retry.within(info.retry_window, self.draw) if own else otherwise,
            why=common.RejectionReason.Enum.Name(info.reason),
        )

    # --- the task

    async def _go_on(self, held: Held, *, at: common.ForwardingInfo | None = None) -> Visit:
        """From wherever a session stands to its end."""
        name = held.assignment.task_name
        try:
            if held.result is None:
                held = await self._compute(held, at)
            if self.drops():
                return Visit(outcome=Outcome.DROPPED, wait=held.wait, task=name)
            if held.upload is None:
                held = await self._announce(held, at)
            elif await self._counted(held):
                return self._contributed(held)
            await self._hand_in(held)
        except errors.Error as error:
            LOG.info("task %s: %s", name, error)
            ended = Outcome.CUT_OFF if failures.unreached(error) else Outcome.FAILED
            return Visit(outcome=ended, wait=held.wait, task=name, why=str(error))
        return self._contributed(held)

    def _contributed(self, held: Held) -> Visit:
        self.memory.keep(memory.contributed(self.memory.kept, held, now=self.clock()))
        name = held.assignment.task_name
        return Visit(outcome=Outcome.CONTRIBUTED, wait=held.wait, task=name)

    async def _compute(self, held: Held, at: common.ForwardingInfo | None) -> Held:
        """Runs the plan; the server hears where it did not get to its end."""
        given = held.assignment
        try:
            if given.WhichOneof("aggregation_type") != "aggregation_info":
                raise errors.PlanUnsupported(f"{given.WhichOneof('aggregation_type')}")
            plan, checkpoint = await asyncio.gather(
                self.resources.file(self.link, given.plan),
                self.resources.file(self.link, given.init_checkpoint),
            )
            parts = Fetcher(link=self.link, template=given.federated_select_uri_info.uri_template)
            task = Task(plan=plan, checkpoint=checkpoint, examples=self.examples, slices=parts)
            begun = time.perf_counter()
            result = await self.plans.run(task)
            took = time.perf_counter() - begun
        except (errors.Error, asyncio.CancelledError) as error:
            await self._end(
                self._report(given, failures.code(error)), "ReportTaskResult", at, error
            )
        held = replace(held, result=result, took=took)
        self._hold(held)
        return held

    async def _announce(self, held: Held, at: common.ForwardingInfo | None) -> Held:
        """Reports the result, and asks where it is to go; both at once."""
        given = held.assignment
        held, _ = await asyncio.gather(
            self._opened(held, at),
            self._tell("ReportTaskResult", self._report(given, statuses.OK, took=held.took), at),
        )
        self._hold(held)
        return held

    async def _opened(self, held: Held, at: common.ForwardingInfo | None) -> Held:
        """A session that knows where its result goes.

        Where its token is used up, since an answer was lost, the session gets another one.
        """
        try:
            return await self._open(held)
        except errors.CallFailed as error:
            if error.code != statuses.NOT_FOUND:
                raise
            reply = await self._ask_for_task(held.assignment.session_id, at)
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
        upload = await self.link.ask("StartAggregationDataUpload", start, at)
        return replace(held, upload=upload)

    async def _counted(self, held: Held) -> bool:
        """Whether what was uploaded before a crash is there: submitted now, or was then."""
        try:
            await self._submit(held)
        except errors.CallFailed as error:
            if failures.unreached(error):
                raise
            return False
        return True

    async def _hand_in(self, held: Held) -> None:
        """Uploads the result and submits it; the server hears where that failed."""
        if held.upload is None or held.result is None:
            raise errors.PlanInvalid("there is no result to hand in")
        try:
            await self.link.upload(held.result, held.upload.resource)
            await self._submit(held)
        except (errors.Error, asyncio.CancelledError) as error:
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
            await self.link.ask("SubmitAggregationResult", request, at)

    # --- what they share

    def _report(
        self, given: task_assignments.TaskAssignment, status: int, *, took: float = 0.0
    ) -> task_assignments.ReportTaskResultRequest:
        stats = task_assignments.ClientStats()
        stats.computation_execution_duration.FromNanoseconds(int(took * 1e9))
        return task_assignments.ReportTaskResultRequest(
            population_name=self.population,
            session_id=given.session_id,
            aggregation_id=given.aggregation_id,
            task_name=given.task_name,
            computation_status_code=cast("Code", status),
            client_stats=stats if took else None,
        )

    def _forget(self, wait: float) -> None:
        """The session is over; the next one begins after `wait` seconds."""
        kept = self.memory.kept
        self.memory.keep(replace(kept, held=None, returns=self.clock() + wait))

    def _hold(self, held: Held) -> None:
        self.memory.keep(replace(self.memory.kept, held=held))

    async def _end(
        self, message: Message, call: str, at: common.ForwardingInfo | None, error: BaseException
    ) -> NoReturn:
        """Tells the server of an end, and raises what it ended with."""
        if not failures.unreached(error):
            await asyncio.shield(self._tell(call, message, at))
        raise error

    async def _tell(self, call: str, message: Message, at: common.ForwardingInfo | None) -> None:
        """Says something that makes no difference to the device if it is not heard."""
        try:
            await self.link.ask(call, message, at)
        except errors.Error as error:
            LOG.info("%s was not heard: %s", call, error)
