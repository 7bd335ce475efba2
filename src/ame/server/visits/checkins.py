"""How devices come to tasks: eligibility, assignments, and the reasons for none."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from google.protobuf.empty_pb2 import Empty

from ame import errors
from ame.protocol import calls
from ame.protocol.pb import (
    common,
    eligibility_eval_tasks,
    odp_task_assignments,
    operations,
    task_assignments,
)
from ame.protocol.wires import Pending, http
from ame.server import tokens
from ame.server.ledger import assignments, rounds, sessions
from ame.server.visits.assignments import AssignmentStatus, Why, Wish

if TYPE_CHECKING:
    from ame.protocol.wires import Caller
    from ame.server.fleet import Fleet
    from ame.server.ledger.assignments import Assignment
    from ame.server.rounds import Round
    from ame.server.visits.openings import Opening
    from ame.server.visits.population import Population
    from ame.storage.databases import Rows

DRAWS: Final = 4
"""How many tasks are tried whose rounds turn out to be full."""
REASONS: Final = {
    Why.FULL: "NO_TASK_AVAILABLE",
    Why.NOT_OPEN: "NO_TASK_AVAILABLE",
    Why.NOT_ELIGIBLE: "NO_TASK_AVAILABLE",
    Why.SILENT: "NO_TASK_AVAILABLE",
    Why.VERSION: "CLIENT_VERSION_MISMATCH",
    Why.NO_TASK: "NO_ACTIVE_TASK_EXISTS",
}
SOON: Final = frozenset({Why.FULL, Why.NOT_OPEN, Why.NOT_ELIGIBLE, Why.SILENT})
WORTH_WAITING: Final = frozenset({Why.FULL, Why.NOT_OPEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """A session's wish for a share of a round, as the work of one transaction."""

    session: str
    population: str
    version: str
    only: str
    """The one task that it is about; empty where any will do."""
    chosen: Opening | Why
    made: str
    due: float
    now: float

    def take(self, rows: Rows) -> tuple[Assignment, Round] | None:
        """The share that the session has or gets; none where it gets none."""
        known = sessions.session(rows, self.session)
        if known is not None and known.ended:
            raise errors.SessionEnded
        for had in assignments.assignments_of(rows, self.session) if known else ():
            if self.only in {"", f"{had.population}/{had.task}"}:
                return had, rounds.round_numbered(rows, had.population, had.task, had.round)
        sessions.put_session(
            rows,
            self.session,
            self.population,
            version=self.version,
            refused=str(self.chosen) if isinstance(self.chosen, Why) else "",
            now=self.now,
        )
        if isinstance(self.chosen, Why):
            return None
        return assignments.join(
            rows,
            self.chosen.aggregation,
            assignment=self.made,
            session=self.session,
            due=self.due,
            now=self.now,
        )


class CheckIns:
    """The calls by which a device gets tasks."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    # --- the Federated Compute dialect

    async def request_eligibility_eval_task(
        self, request: eligibility_eval_tasks.EligibilityEvalTaskRequest, caller: Caller
    ) -> eligibility_eval_tasks.EligibilityEvalTaskResponse:
        """Begins a session, and says what the device is to find out about itself."""
        fleet = self._fleet
        population = fleet.population(request.population_name)
        now = fleet.clock()
        fleet.census.add(now)
        reply = eligibility_eval_tasks.EligibilityEvalTaskResponse(
            session_id=fleet.tokens.make(
                f"session:{population.name}", f"{tokens.fresh()}.{now:.0f}"
            ),
            retry_window_if_accepted=fleet.window(soon=True),
            retry_window_if_rejected=fleet.window(soon=bool(population.tasks)),
        )
        reply.task_assignment_forwarding_info.target_uri_prefix = caller.base
        if population.asks:
            task = reply.eligibility_eval_task
            task.execution_id = tokens.fresh()
            spec = population.spec().SerializeToString()
            task.population_eligibility_spec.inline_resource.data = spec
        else:
            reply.no_eligibility_eval_configured.SetInParent()
        return reply

    async def report_eligibility_eval_task_result(
        self,
        request: eligibility_eval_tasks.ReportEligibilityEvalTaskResultRequest,
        caller: Caller,  # noqa: ARG002 - every call has one
    ) -> eligibility_eval_tasks.ReportEligibilityEvalTaskResultResponse:
        """Notes how the evaluation went; anything but OK ends the session."""
        number = self.session(request.session_id, request.population_name)
        if request.status_code:
            now = self._fleet.clock()
            await self._fleet.database.do(
                lambda rows: sessions.end_session(rows, number, request.population_name, now=now)
            )
        return eligibility_eval_tasks.ReportEligibilityEvalTaskResultResponse()

    async def start_task_assignment(
        self, request: task_assignments.StartTaskAssignmentRequest, caller: Caller
    ) -> task_assignments.StartTaskAssignmentResponse | Pending:
        """Gives the device one task, or says why there is none. A repeat gets the same."""
        population = self._fleet.population(request.population_name)
        number = self.session(request.session_id, population.name)
        reply = task_assignments.StartTaskAssignmentResponse()
        eligible = None
        if request.HasField("task_eligibility_info"):
            eligible = {
                each.task_name: each.weight for each in request.task_eligibility_info.task_weights
            }
        wish = Wish(version=request.client_version.version_code, eligible=eligible)
        refused = Why.SILENT if eligible is None and population.asks else None
        joined = await self._join(population, number, wish, refused=refused)
        if isinstance(joined, Why) and joined in WORTH_WAITING and self._patient(number):
            return self._pending(request)
        if isinstance(joined, Why):
            self._reject(reply.rejection_info, joined)
        else:
            gzip = _gzip(request.resource_capabilities)
            made = reply.task_assignment
            await self._describe(made, *joined, request.session_id, caller, gzip)
        return reply

    async def get_operation(
        self, request: operations.GetOperationRequest, caller: Caller
    ) -> operations.Operation:
        """What has become of an assignment that was not there yet: it is tried again.

        Raises:
            errors.OperationUnknown: the server has begun no such operation.
        """
        asked = self._asked(request.name)
        reply = await self.start_task_assignment(asked, caller)
        made = http.operation(calls.by_name("StartTaskAssignment"), reply)
        made.name = request.name
        return made

    async def cancel_operation(
        self,
        request: operations.CancelOperationRequest,
        caller: Caller,  # noqa: ARG002 - every call has one
    ) -> Empty:
        """The device waits no longer: its session is over, and what it was given is free."""
        asked = self._asked(request.name)
        number = self.session(asked.session_id, asked.population_name)
        now = self._fleet.clock()

        def work(rows: Rows) -> None:
            for had in assignments.assignments_of(rows, number):
                assignments.end_assignment(rows, had, AssignmentStatus.CANCELED)
            sessions.end_session(rows, number, asked.population_name, now=now)

        await self._fleet.database.do(work)
        return Empty()

    async def perform_multiple_task_assignments(
        self, request: task_assignments.PerformMultipleTaskAssignmentsRequest, caller: Caller
    ) -> task_assignments.PerformMultipleTaskAssignmentsResponse:
        """Gives the device all the tasks that it names; what cannot be had is left out."""
        population = self._fleet.population(request.population_name)
        number = self.session(request.session_id, population.name)
        reply = task_assignments.PerformMultipleTaskAssignmentsResponse()
        for name in dict.fromkeys(request.task_names):
            wish = Wish(version=request.client_version.version_code, eligible={name: 1.0})
            joined = await self._join(population, number, wish, only=name)
            if not isinstance(joined, Why):
                gzip = _gzip(request.resource_capabilities)
                made = reply.task_assignments.add()
                await self._describe(made, *joined, request.session_id, caller, gzip)
        return reply

    # --- the On-Device Personalization dialect

    async def create_task_assignment(
        self, request: odp_task_assignments.CreateTaskAssignmentRequest, caller: Caller
    ) -> odp_task_assignments.CreateTaskAssignmentResponse:
        """Gives the device one task, or says why there is none, in one call."""
        fleet = self._fleet
        population = fleet.population(caller.fields["population_name"])
        fleet.census.add(fleet.clock())
        reply = odp_task_assignments.CreateTaskAssignmentResponse()
        wish = Wish(version=request.client_version.version_code)
        joined = await self._join(population, tokens.fresh(), wish)
        if isinstance(joined, Why):
            self._reject(reply.rejection_info, joined)
            return reply
        assignment, joined_round = joined
        kept = await fleet.kept(population.name, assignment.task)
        made = reply.task_assignment
        made.population_name = population.name
        made.task_id = str(assignment.task)
        made.aggregation_id = joined_round.aggregation
        made.assignment_id = assignment.id
        made.task_name = kept.task.name
        for resource, digest in (
            (made.plan, kept.settings["client_plan"]),
            (made.init_checkpoint, joined_round.checkpoint),
        ):
            self._resource(resource, digest, caller, gzip=False)
            if _gzip(request.resource_capabilities):
                resource.compression_format = common.RESOURCE_COMPRESSION_FORMAT_GZIP
        policies = kept.task.proto.info.training_info.eligibility_task_info
        if policies.eligibility_policies:
            made.eligibility_task_info.CopyFrom(policies)
            for policy in made.eligibility_task_info.eligibility_policies:
                if policy.HasField("min_sep_policy"):
                    policy.min_sep_policy.current_index = joined_round.number
        return reply

    # --- what they share

    def session(self, token: str, population: str) -> str:
        """The id of a session that this server began for the population.

        Raises:
            errors.SessionUnknown: it did not.
            errors.SessionEnded: it has lasted too long.
        """
        try:
            about = self._fleet.tokens.read(f"session:{population}", token)
        except errors.TokenRefused:
            raise errors.SessionUnknown from None
        age = self._fleet.clock() - float(about.rpartition(".")[2])
        if age > self._fleet.settings.session_seconds:
            raise errors.SessionEnded
        return about

    def _patient(self, session: str) -> bool:
        """Whether a session is young enough to wait for a task."""
        age = self._fleet.clock() - float(session.rpartition(".")[2])
        return age < self._fleet.settings.patience_seconds

    def _pending(self, request: task_assignments.StartTaskAssignmentRequest) -> Pending:
        """An operation whose name holds all that is needed to try again."""
        packed = urlsafe_b64encode(request.SerializeToString()).decode()
        metadata = task_assignments.StartTaskAssignmentMetadata()
        metadata.polling_interval.FromMilliseconds(int(self._fleet.settings.polling_seconds * 1000))
        name = self._fleet.tokens.make("operation", packed)
        return Pending(operation=f"operations/{name}", metadata=metadata)

    def _asked(self, operation: str) -> task_assignments.StartTaskAssignmentRequest:
        try:
            packed = self._fleet.tokens.read("operation", operation.removeprefix("operations/"))
        except errors.TokenRefused:
            raise errors.OperationUnknown from None
        return task_assignments.StartTaskAssignmentRequest.FromString(urlsafe_b64decode(packed))

    async def _join(
        self,
        population: Population,
        session: str,
        wish: Wish,
        *,
        only: str = "",
        refused: Why | None = None,
    ) -> tuple[Assignment, Round] | Why:
        """A share of a round for a session; the same one again for a session that has one.

        Where it is `refused`, it gets none that it does not have.
        """
        fleet = self._fleet
        for _ in range(DRAWS):
            now = fleet.clock()
            chosen = refused or population.choose(wish, fleet.draw, now=now)
            share = _Share(
                session=session,
                population=population.name,
                version=wish.version,
                only=only,
                chosen=chosen,
                made=tokens.fresh(),
                due=now + fleet.settings.compute_seconds,
                now=now,
            )
            joined = await fleet.database.do(share.take)
            if joined is not None:
                return joined
            if isinstance(chosen, Why):
                return chosen
            until = now + fleet.settings.full_seconds
            population.openings.shut(chosen.aggregation, until=until)
        now = fleet.clock()
        await fleet.database.do(
            lambda rows: sessions.put_session(
                rows,
                session,
                population.name,
                version=wish.version,
                refused=str(Why.FULL),
                now=now,
            )
        )
        return Why.FULL

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
        kept = await fleet.kept(assignment.population, assignment.task)
        made.aggregation_data_forwarding_info.target_uri_prefix = caller.base
        made.aggregation_info.SetInParent()
        made.session_id = session
        made.aggregation_id = joined.aggregation
        token = f"{assignment.id}.{assignment.opened}"
        made.authorization_token = fleet.tokens.make("authorization", token)
        made.task_name = kept.task.name
        self._resource(made.plan, kept.settings["client_plan"], caller, gzip=gzip)
        self._resource(made.init_checkpoint, joined.checkpoint, caller, gzip=gzip)
        if caller.base.startswith("https://"):
            template = f"{caller.base}/v1/slices/{{served_at_id}}/{{key_base10}}"
            made.federated_select_uri_info.uri_template = template

    def _resource(self, made: common.Resource, digest: str, caller: Caller, *, gzip: bool) -> None:
        """Where the device gets a plan or a checkpoint."""
        until = int(self._fleet.clock() + self._fleet.settings.url_seconds)
        token = self._fleet.tokens.make("resource", f"{digest}.{until}")
        made.uri = f"{caller.base}/v1/resources/{token}{'?gzip=1' if gzip else ''}"
        made.client_cache_id = digest
        made.max_age.FromSeconds(int(self._fleet.settings.cache_seconds))

    def _reject(self, made: common.RejectionInfo, why: Why) -> None:
        window = self._fleet.window(soon=why in SOON)
        made.MergeFrom(common.RejectionInfo(reason=REASONS[why], retry_window=window))


def _gzip(able: common.ResourceCapabilities) -> bool:
    return common.RESOURCE_COMPRESSION_FORMAT_GZIP in able.supported_compression_formats
