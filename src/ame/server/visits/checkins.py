"""How devices come to tasks: eligibility, assignments, and the reasons for none."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.protocol.pb import eligibility_eval_tasks, task_assignments
from ame.protocol.wires import Pending
from ame.server import tokens
from ame.server.ledger import assignments, sessions
from ame.server.visits import shares, slices
from ame.server.visits.assignments import AssignmentStatus, End, Why, Wish

if TYPE_CHECKING:
    from ame.protocol.wires import Caller
    from ame.server.fleet import Fleet
    from ame.server.ledger.assignments import Assignment
    from ame.server.ledger.sessions import Shown
    from ame.server.rounds import Round
    from ame.server.visits.population import Population
    from ame.storage.databases import Rows

TOLD: Final = 0.1
"""Seconds for which all that begin a session are told the same."""
OPERATIONS: Final = "operations/"
TASKS: Final = 100
"""As many of its tasks does the name of an operation hold."""
WORTH_WAITING: Final = frozenset({Why.FULL, Why.NOT_OPEN})
WAITS_NO_LONGER: Final = End(AssignmentStatus.CANCELED, "the device canceled its operation")


class CheckIns:
    """The calls of the Federated Compute dialect by which a device gets tasks."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def request_eligibility_eval_task(
        self, request: eligibility_eval_tasks.EligibilityEvalTaskRequest, caller: Caller
    ) -> eligibility_eval_tasks.EligibilityEvalTaskResponse:
        """Begins a session, and says what the device is to find out about itself."""
        fleet = self._fleet
        population = fleet.population(request.population_name)
        now = fleet.clock()
        fleet.census.add(now)
        reply = self._begun(population, caller)
        about = f"{tokens.fresh()}.{now:.0f}"
        reply.session_id = fleet.tokens.make(f"session:{population.name}", about)
        able = request.eligibility_eval_task_capabilities
        several = able.supports_multiple_task_assignment
        if population.asks or (several and population.beside):
            task = reply.eligibility_eval_task
            task.execution_id = tokens.fresh()
            spec = population.spec(several=several).SerializeToString()
            task.population_eligibility_spec.inline_resource.data = spec
            gzip = shares.gzips(request.resource_capabilities)
            for name, resource in (("plan", task.plan), ("checkpoint", task.init_checkpoint)):
                if name in population.graph:
                    shares.resource(fleet, resource, population.graph[name], caller, gzip=gzip)
        else:
            reply.no_eligibility_eval_configured.SetInParent()
        return reply

    def _begun(
        self, population: Population, caller: Caller
    ) -> eligibility_eval_tasks.EligibilityEvalTaskResponse:
        """What all are told that begin a session now."""
        fleet, reply = self._fleet, eligibility_eval_tasks.EligibilityEvalTaskResponse()
        busy = bool(population.tasks)
        name = f"begun {busy} {fleet.clock() // TOLD} {caller.base}"
        if (told := fleet.told.get(name)) is not None:
            reply.MergeFromString(told)
            return reply
        reply.retry_window_if_accepted.CopyFrom(fleet.window(soon=True))
        reply.retry_window_if_rejected.CopyFrom(fleet.window(soon=busy))
        reply.task_assignment_forwarding_info.target_uri_prefix = caller.base
        told = reply.SerializeToString()
        fleet.told.put(name, told, len(name) + len(told))
        return reply

    async def report_eligibility_eval_task_result(
        self,
        request: eligibility_eval_tasks.ReportEligibilityEvalTaskResultRequest,
        caller: Caller,  # noqa: ARG002 - every call has one
    ) -> eligibility_eval_tasks.ReportEligibilityEvalTaskResultResponse:
        """Notes how the evaluation went; anything but OK ends the session."""
        shown = self._fleet.session(request.session_id, request.population_name)
        now = self._fleet.clock()

        def work(rows: Rows) -> None:
            sessions.check_session(rows, shown)
            if request.status_code:
                sessions.end_session(rows, shown.own, request.population_name, now=now)

        await self._fleet.database.do(work)
        return eligibility_eval_tasks.ReportEligibilityEvalTaskResultResponse()

    async def start_task_assignment(
        self, request: task_assignments.StartTaskAssignmentRequest, caller: Caller
    ) -> task_assignments.StartTaskAssignmentResponse | Pending:
        """Gives the device one task, or says why there is none. A repeat gets the same."""
        population = self._fleet.population(request.population_name)
        shown = self._fleet.session(request.session_id, population.name)
        eligible = None
        if request.HasField("task_eligibility_info"):
            eligible = {
                each.task_name: each.weight for each in request.task_eligibility_info.task_weights
            }
        wish = Wish(version=shares.version(request.client_version), eligible=eligible)
        refused = Why.SILENT if eligible is None and population.asks else None
        only = _only(population, shown)
        joined = await shares.join(self._fleet, population, shown, wish, only=only, refused=refused)
        if isinstance(joined, Why) and joined in WORTH_WAITING and self._patient(shown):
            return self._pending(request)
        gzip = shares.gzips(request.resource_capabilities)
        return await self._reply(joined, request.session_id, caller, gzip)

    def waiting(self, operation: str) -> task_assignments.StartTaskAssignmentRequest:
        """What a device asked for that waits for a task.

        Raises:
            errors.OperationUnknown: this server has begun no such operation.
        """
        try:
            packed = self._fleet.tokens.read("operation", operation.removeprefix(OPERATIONS))
            asked = zlib.decompress(urlsafe_b64decode(packed))
        except (errors.TokenRefused, zlib.error):
            raise errors.OperationUnknown from None
        return task_assignments.StartTaskAssignmentRequest.FromString(asked)

    async def given(
        self, population: str, session: str, caller: Caller
    ) -> task_assignments.StartTaskAssignmentResponse:
        """What a session was given before, or why it was given nothing.

        Raises:
            errors.SessionUnknown: it has asked for no task.
            errors.SessionEnded: it is over.
        """
        known = self._fleet.population(population)
        shown = self._fleet.session(session, population)
        seen = await self._fleet.database.read(lambda rows: sessions.session(rows, shown.id))
        if seen is None:
            raise errors.SessionUnknown
        wish, refused = Wish(version=seen.version), Why(seen.refused or Why.NO_TASK)
        only = _only(known, shown)
        joined = await shares.join(self._fleet, known, shown, wish, only=only, refused=refused)
        return await self._reply(joined, session, caller, gzip=False)

    async def give_up(self, population: str, session: str) -> None:
        """A session is over, and what it was given is free."""
        shown = self._fleet.session(session, population)
        now = self._fleet.clock()

        def work(rows: Rows) -> None:
            for had in assignments.assignments_of(rows, shown.id):
                assignments.end_assignment(rows, had, WAITS_NO_LONGER)
            sessions.end_session(rows, shown.own, population, now=now)

        await self._fleet.database.do(work)

    async def perform_multiple_task_assignments(
        self, request: task_assignments.PerformMultipleTaskAssignmentsRequest, caller: Caller
    ) -> task_assignments.PerformMultipleTaskAssignmentsResponse:
        """Gives the device all the tasks that it names; what cannot be had is left out.

        Each has a session of its own from then on: one that fails ends none of the others.
        """
        population = self._fleet.population(request.population_name)
        shown = self._fleet.session(request.session_id, population.name)
        reply = task_assignments.PerformMultipleTaskAssignmentsResponse()
        for name in dict.fromkeys(request.task_names):
            wish = Wish(version=shares.version(request.client_version), eligible={name: 1.0})
            joined = await shares.join(self._fleet, population, shown, wish, only=name)
            if not isinstance(joined, Why):
                gzip = shares.gzips(request.resource_capabilities)
                made = reply.task_assignments.add()
                about = shown.of(joined[0].task)
                session = self._fleet.tokens.make(f"session:{population.name}", about)
                await self._describe(made, *joined, session, caller, gzip)
        return reply

    # --- what they share

    def _patient(self, shown: Shown) -> bool:
        """Whether a session is young enough to wait for a task."""
        return self._fleet.clock() - shown.begun < self._fleet.settings.patience_seconds

    def _pending(self, request: task_assignments.StartTaskAssignmentRequest) -> Pending:
        metadata = task_assignments.StartTaskAssignmentMetadata()
        metadata.polling_interval.FromMilliseconds(int(self._fleet.settings.polling_seconds * 1000))
        return Pending(operation=self._operation(request), metadata=metadata)

    def _operation(self, request: task_assignments.StartTaskAssignmentRequest) -> str:
        """The name of an operation that tries again to answer this request; `waiting` reads it.

        A name is a part of an address: of very many tasks that the device may do it holds some.
        """
        asked = task_assignments.StartTaskAssignmentRequest()
        asked.CopyFrom(request)
        weights = asked.task_eligibility_info.task_weights
        if len(weights) > TASKS:
            fit = [each for each in weights if each.weight > 0]
            fit.sort(key=lambda each: (-each.weight, self._fleet.draw()))
            del weights[:]
            weights.extend(fit[:TASKS])
        packed = urlsafe_b64encode(zlib.compress(asked.SerializeToString())).decode()
        return f"{OPERATIONS}{self._fleet.tokens.make('operation', packed)}"

    async def _reply(
        self, joined: tuple[Assignment, Round] | Why, session: str, caller: Caller, gzip: bool
    ) -> task_assignments.StartTaskAssignmentResponse:
        reply = task_assignments.StartTaskAssignmentResponse()
        if isinstance(joined, Why):
            reply.rejection_info.CopyFrom(shares.rejection(self._fleet, joined))
        else:
            await self._describe(reply.task_assignment, *joined, session, caller, gzip)
        return reply

    async def _describe(
        self,
        made: task_assignments.TaskAssignment,
        assignment: Assignment,
        joined: Round,
        session: str,
        caller: Caller,
        gzip: bool,
    ) -> None:
        fleet = self._fleet
        population = fleet.population(joined.population)
        name = f"assignment {shares.share(fleet, population, joined, caller)} {gzip}"
        if (told := fleet.told.get(name)) is None:
            kept = await fleet.kept(assignment.population, assignment.task)
            made.aggregation_data_forwarding_info.target_uri_prefix = caller.base
            made.aggregation_info.SetInParent()
            made.aggregation_id = joined.aggregation
            made.task_name = kept.task.name
            shares.resource(fleet, made.plan, kept.settings["client_plan"], caller, gzip=gzip)
            shares.resource(fleet, made.init_checkpoint, joined.checkpoint, caller, gzip=gzip)
            if template := slices.template(fleet, kept, caller.base):
                made.federated_select_uri_info.uri_template = template
            told = made.SerializeToString()
            fleet.told.put(name, told, len(name) + len(told))
        else:
            made.MergeFromString(told)
        made.session_id = session
        token = f"{assignment.id}.{assignment.opened}"
        made.authorization_token = fleet.tokens.make("authorization", token)


def _only(population: Population, shown: Shown) -> str:
    """The one task that a session is about; empty where any will do."""
    return f"{population.name}/{shown.task}" if shown.task else ""
