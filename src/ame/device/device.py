"""One device: a visit to the server, from the check-in to the end of what it was given.

Source: the Federated Compute protocol as its client speaks it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from ame import errors
from ame.device import failures, memory
from ame.device.links import retry
from ame.device.plans import Task
from ame.device.session import Session
from ame.device.visit import Outcome, Visit, together
from ame.protocol import eligibility, statuses
from ame.protocol.pb import (
    common,
    eligibility_eval_tasks,
    federated_api,
    task_assignments,
)
from ame.protocol.pb import population_eligibility_spec as spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from ame.device.examples import Examples
    from ame.device.links.link import Link
    from ame.device.links.personal import Personal
    from ame.device.memory import Held, Memory
    from ame.device.plans import Plans
    from ame.device.resources import Resources
    from ame.protocol.pb.code import Code

MULTIPLE: Final = spec.PopulationEligibilitySpec.TaskInfo.TASK_ASSIGNMENT_MODE_MULTIPLE
LOG = logging.getLogger("ame.device")
GZIP: Final = common.ResourceCapabilities(
    supported_compression_formats=[common.RESOURCE_COMPRESSION_FORMAT_GZIP]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """What the server said at the check-in."""

    id: str
    at: common.ForwardingInfo
    accepted: float
    """Seconds until the return of a device that got a task."""
    rejected: float
    """And of one that got none."""
    info: federated_api.TaskEligibilityInfo | None = None
    asked: spec.PopulationEligibilitySpec | None = None

    @property
    def able(self) -> bool:
        """Whether the device may do any task, as far as it was asked."""
        return self.asked is None or any(self.eligible(several=each) for each in (True, False))

    def eligible(self, *, several: bool) -> list[str]:
        """The tasks that the device may do: those that are done beside others, or those that are
        done alone.
        """
        if self.info is None or self.asked is None:
            return []
        may = {each.task_name for each in self.info.task_weights if each.weight > 0}
        known = [each for each in self.asked.task_info if each.task_name in may]
        return [e.task_name for e in known if (e.task_assignment_mode == MULTIPLE) is several]

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
            seen = await (self._check_in() if held is None else self._go_on(held, None))
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
        await self._leave()
        begun = await self._begin()
        if isinstance(begun, Visit):
            return begun
        return replace(await self._do(begun), session=begun.id)

    async def _do(self, begun: _Begun) -> Visit:
        """What comes of a session."""
        self.memory.keep(replace(self.memory.kept, left=begun.id))
        try:
            given, refused = await self._given(begun)
        except asyncio.CancelledError:
            with suppress(errors.Error):
                await asyncio.shield(self._leave())
            raise
        except errors.Error as error:
            LOG.info("no task: %s", error)
            if not failures.unreached(error):
                self._heard()
            return Visit(outcome=Outcome.FAILED, wait=begun.rejected, why=str(error))
        held: Held | None = None
        for each in reversed(given):
            held = memory.Held(
                population=self.population,
                assignment=each,
                indices={**begun.indices(each.task_name), **self.link.indices(each.task_name)},
                wait=begun.accepted,
                waiting=(replace(held, waiting=()), *held.waiting) if held else (),
            )
        if held is None:
            self._heard()
            return replace(self._rejected(refused, begun.rejected), able=begun.able)
        self.memory.keep(replace(self.memory.kept, held=held, left=""))
        return await self._go_on(held, begun.at)

    async def _leave(self) -> None:
        """Gives up the session whose answer was lost: others may have what it was given."""
        if left := self.memory.kept.left:
            request = task_assignments.ReportTaskResultRequest(
                population_name=self.population,
                session_id=left,
                computation_status_code=cast("Code", statuses.CANCELLED),
            )
            try:
                await self.link.ask("ReportTaskResult", request)
            except errors.Error as error:
                if failures.unreached(error):
                    raise
                LOG.info("a session could not be given up: %s", error)
            self._heard()

    def _heard(self) -> None:
        """No session waits for an answer."""
        self.memory.keep(replace(self.memory.kept, left=""))

    async def _given(
        self, begun: _Begun
    ) -> tuple[list[task_assignments.TaskAssignment], common.RejectionInfo]:
        """The tasks of this visit: those that are done beside others, then one more.

        With them, why there is not the one. It is not asked for where none could be had.
        """
        several, alone = begun.eligible(several=True), begun.eligible(several=False)
        given: list[task_assignments.TaskAssignment] = []
        if several:
            asked = task_assignments.PerformMultipleTaskAssignmentsRequest(
                population_name=self.population,
                session_id=begun.id,
                client_version=common.ClientVersion(version_code=self.version),
                resource_capabilities=GZIP,
                task_names=several,
            )
            found = await self.link.ask("PerformMultipleTaskAssignments", asked, begun.at)
            given.extend(found.task_assignments)
            if not alone:
                return given, common.RejectionInfo(reason="NO_TASK_AVAILABLE")
        try:
            reply = await self.ask_for_task(begun.id, begun.at, begun.info)
        except errors.Error as error:
            if not given:
                raise
            LOG.info("no other task: %s", error)
            return given, common.RejectionInfo()
        if reply.WhichOneof("result") == "task_assignment":
            given.append(reply.task_assignment)
        return given, reply.rejection_info

    async def _go_on(self, held: Held, at: common.ForwardingInfo | None) -> Visit:
        """From wherever a session stands to its end, and then through those that wait."""
        session, now = Session(device=self, at=at), held
        seen = []
        try:
            while True:
                seen.append(await session.go_on(now))
                if seen[-1].outcome in {Outcome.CUT_OFF, Outcome.DROPPED} or now.next is None:
                    return together(seen)
                now = now.next
                self.memory.keep(replace(self.memory.kept, held=now))
        except asyncio.CancelledError:
            for each in now.waiting:
                await asyncio.shield(session.give_back(each))
            raise

    async def ask_for_task(
        self,
        session: str,
        at: common.ForwardingInfo | None,
        info: federated_api.TaskEligibilityInfo | None = None,
    ) -> task_assignments.StartTaskAssignmentResponse:
        """What the session is given; the same again where it was given something before."""
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

    async def _begin(self) -> _Begun | Visit:
        """A session, with what the device is eligible for."""
        able = eligibility_eval_tasks.EligibilityEvalTaskCapabilities(
            supports_multiple_task_assignment=True, supports_native_eets=True
        )
        request = eligibility_eval_tasks.EligibilityEvalTaskRequest(
            population_name=self.population,
            client_version=common.ClientVersion(version_code=self.version),
            resource_capabilities=GZIP,
            eligibility_eval_task_capabilities=able,
        )
        reply = await self.link.ask("RequestEligibilityEvalTask", request)
        session = _Begun(
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
        self, session: _Begun, task: eligibility_eval_tasks.EligibilityEvalTask
    ) -> _Begun | Visit:
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
            own = Session(device=self, at=session.at)
            await own.tell("ReportEligibilityEvalTaskResult", request)
            failed = Visit(outcome=Outcome.FAILED, wait=session.rejected, why=str(error))
            return replace(failed, session=session.id)
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

    def _forget(self, wait: float) -> None:
        """The session is over; the next one begins after `wait` seconds."""
        kept = self.memory.kept
        self.memory.keep(replace(kept, held=None, returns=self.clock() + wait))
