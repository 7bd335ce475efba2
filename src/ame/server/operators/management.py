"""How operators make, see and end tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from google.protobuf.message import DecodeError

from ame import errors
from ame.protocol.pb import odp_task, plan
from ame.server.ledger import assignments, populations, rounds, sessions, tasks
from ame.server.tasks import DIGITS, TaskStatus, task_number, within
from ame.server.visits import slices
from ame.server.visits.personal import visit_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ame.protocol.wires import Caller
    from ame.server.fleet import Fleet
    from ame.server.ledger.assignments import Assignment
    from ame.server.ledger.tasks import Kept
    from ame.storage.databases import Rows

ARTIFACTS: Final[Mapping[str, str]] = {
    "plan": "server_phase_url",
    "client_plan": "client_only_plan_url",
    "checkpoint": "init_checkpoint_url",
}
"""What is uploaded for a task, and the field of the task that says where."""
OVER_SELECTION: Final = 1.3
LONGEST: Final = 200
"""Characters of a population's name."""
OF_ALL: Final = "all"
"""Stands for a task's number in the address of what is for all tasks of a population."""


class Management:
    """The calls of operators and of the task builder."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def put_population(self, name: str, settings: Mapping[str, Any]) -> None:
        """Makes a population, or changes those of its settings that are named."""
        _check_name(name)
        now = self._fleet.clock()
        await self._fleet.database.do(
            lambda rows: populations.put_population(rows, name, settings, now)
        )
        await self._fleet.refresh()

    async def create_task(
        self, request: odp_task.CreateTaskRequest, caller: Caller
    ) -> odp_task.CreateTaskResponse:
        """Makes a task. It opens when its plan and its checkpoint are at the addresses it gets."""
        proto = odp_task.Task()
        proto.CopyFrom(request.task)
        proto.population_name = caller.fields["population_name"]
        [made] = await self.create_tasks([(proto, {})], caller)
        return odp_task.CreateTaskResponse(task=made)

    async def create_tasks(
        self, asked: Sequence[tuple[odp_task.Task, Mapping[str, bytes]]], caller: Caller
    ) -> list[odp_task.Task]:
        """Makes tasks with what is there of their artifacts: all of them, or none.

        One that has a `correlation_id` is not made again as long as it is created or open: the task
        that is there is the answer.
        """
        kept = []
        for task, artifacts in asked:
            proto = odp_task.Task()
            proto.CopyFrom(task)
            _complete(proto)
            digests = {name: await self._fleet.keep(each) for name, each in artifacts.items()}
            kept.append((proto, digests))
        now = self._fleet.clock()

        def work(rows: Rows) -> list[odp_task.Task]:
            return [_made(rows, proto, settings, now) for proto, settings in kept]

        made = await self._fleet.database.do(work)
        await self._fleet.refresh()
        self._fleet.changed.set()
        for each in made:
            self._address(each, caller)
        return made

    async def get_task_by_id(
        self,
        request: object,  # noqa: ARG002 - all stands in the path
        caller: Caller,
    ) -> odp_task.GetTaskByIdResponse:
        """A task as it is now."""
        return odp_task.GetTaskByIdResponse(task=(await self._kept(caller)).task.told)

    async def cancel_task(
        self,
        request: object,  # noqa: ARG002 - all stands in the path
        caller: Caller,
    ) -> odp_task.GetTaskByIdResponse:
        """Ends a task and its rounds. What devices still hand in is refused."""
        kept = await self._kept(caller)
        now = self._fleet.clock()

        def work(rows: Rows) -> Kept:
            found = tasks.task(rows, kept.task.population, kept.task.id)
            tasks.move_task(rows, found.task, TaskStatus.CANCELED, "canceled", now)
            rounds.cancel_rounds(
                rows, found.task.population, found.task.id, reason="its task was canceled", now=now
            )
            return tasks.task(rows, found.task.population, found.task.id)

        ended = await self._fleet.database.do(work)
        await self._fleet.refresh()
        return odp_task.GetTaskByIdResponse(task=ended.task.told)

    async def pause_task(self, population: str, number: int, *, paused: bool) -> None:
        """A paused task gets no new rounds and no new devices; those that are at it go on."""
        now = self._fleet.clock()

        def work(rows: Rows) -> None:
            kept = tasks.task(rows, population, number)
            if kept.task.status.final:
                to = "paused" if paused else "resumed"
                raise errors.TaskMoveRefused(kept.task.name, kept.task.status.name, to)
            tasks.pause_task(rows, kept.task, paused, now)

        await self._fleet.database.do(work)
        await self._fleet.refresh()
        self._fleet.changed.set()

    async def put_artifact(self, token: str, content: bytes) -> None:
        """Takes a plan or a checkpoint at the address that its task was given.

        Raises:
            errors.TokenRefused: it is none that was given out.
            errors.TaskMoveRefused: the task runs already.
            errors.RequestMalformed: devices could not run a population's plan.
        """
        population, number, name = self._fleet.tokens.read("artifact", token).rsplit("/", 2)
        if name == "slices":
            said = await slices.keep(self._fleet, content)
            await self.set_artifacts(population, int(number), {name: said})
            return
        if (number, name) == (OF_ALL, "plan"):
            _check_graph(content)
        digest = await self._fleet.keep(content)
        if number == OF_ALL:
            await self._put_graph(population, name, digest)
        else:
            await self.set_artifacts(population, int(number), {name: digest})

    async def _put_graph(self, population: str, name: str, digest: str) -> None:
        """Notes a part of that by which devices find out what they are eligible for."""
        now = self._fleet.clock()

        def work(rows: Rows) -> None:
            had = populations.settings(rows, population).get("eligibility", {})
            said = {"eligibility": {**had, name: digest}}
            populations.put_population(rows, population, said, now)

        await self._fleet.database.do(work)
        await self._fleet.refresh()

    async def set_artifacts(self, population: str, number: int, said: Mapping[str, Any]) -> None:
        """Notes what the server is to know of a task: digests of artifacts, its aggregation."""
        now = self._fleet.clock()

        def work(rows: Rows) -> None:
            kept = tasks.task(rows, population, number)
            if kept.task.status is not TaskStatus.CREATED:
                raise errors.TaskMoveRefused(kept.task.name, kept.task.status.name, "another plan")
            tasks.set_settings(rows, kept, said, now)

        await self._fleet.database.do(work)
        self._fleet.changed.set()

    async def explain(self, population: str, token: str) -> dict[str, Any]:
        """What is known of a device's session: what it was given and what became of that, or why
        it was given nothing.

        `token` is the session's, or what a device of the On-Device Personalization dialect said
        in its `odp-idempotency-key`.

        Raises:
            errors.SessionUnknown: there is none.
        """
        try:
            about = self._fleet.tokens.read(f"session:{population}", token)
            number = sessions.Shown.read(about).id
        except errors.TokenRefused:
            number = visit_of(self._fleet, population, token)

        def work(rows: Rows) -> dict[str, Any]:
            known = sessions.session(rows, number)
            if known is None:
                raise errors.SessionUnknown
            return {
                "population": known.population,
                "version": known.version,
                "ended": known.ended,
                "refused": known.refused,
                "at": known.at,
                "assignments": [
                    {
                        "task": had.task,
                        "round": had.round,
                        "status": had.status.name,
                        "reason": had.reason or _unneeded(rows, had),
                        "computed": had.computed,
                    }
                    for had in assignments.assignments_of(rows, number)
                ],
            }

        return await self._fleet.database.read(work)

    async def _kept(self, caller: Caller) -> Kept:
        population, said = caller.fields["population_name"], caller.fields["task_id"]
        known = task_number(said)
        if known is None:
            raise errors.FleetTaskUnknown(population, said)
        return await self._fleet.database.read(lambda rows: tasks.task(rows, population, known))

    def slices_address(self, population: str, number: int, caller: Caller) -> str:
        """Where the slices of a task go, where it has some."""
        return self._artifact(f"{population}/{number}/slices", caller)

    def graph_addresses(self, population: str, caller: Caller) -> dict[str, str]:
        """Where a plan goes by which devices find out what they are eligible for."""
        return {
            name: self._artifact(f"{population}/{OF_ALL}/{name}", caller)
            for name in ("plan", "checkpoint")
        }

    def _artifact(self, about: str, caller: Caller) -> str:
        token = quote(self._fleet.tokens.make("artifact", about), safe="")
        return f"{caller.base}/v1/artifacts/{token}"

    def _address(self, made: odp_task.Task, caller: Caller) -> None:
        """Where the task's artifacts go."""
        for name, field in ARTIFACTS.items():
            about = f"{made.population_name}/{made.task_id}/{name}"
            del getattr(made, field)[:]
            getattr(made, field).append(self._artifact(about, caller))


def _unneeded(rows: Rows, had: Assignment) -> str:
    """Why nothing can come of an assignment any more of which its device has not heard so."""
    found = assignments.unneeded(rows, had.id) if had.status.active else None
    return found.why if found else ""


def _made(
    rows: Rows, proto: odp_task.Task, settings: Mapping[str, Any], now: float
) -> odp_task.Task:
    """The task, which may be there already."""
    population = proto.population_name
    if not populations.known(rows, population):
        populations.put_population(rows, population, {}, now)
    if proto.correlation_id:
        for there in tasks.running(rows, population):
            if there.task.proto.correlation_id == proto.correlation_id:
                if settings and there.task.status is TaskStatus.CREATED:
                    tasks.set_settings(rows, there, settings, now)
                return there.task.told
    return tasks.create_task(rows, proto, settings, now).told


def _check_name(population: str) -> None:
    """Sees that a population can be listed, and stand in the path of a request.

    Raises:
        errors.PopulationInvalid: it cannot.
    """
    if not population or len(population) > LONGEST or not population.isprintable():
        raise errors.PopulationInvalid(population[:LONGEST], LONGEST)


def _check_graph(content: bytes) -> None:
    """Sees that devices can find out by a plan which tasks they may do.

    Raises:
        errors.RequestMalformed: they cannot.
    """
    try:
        phase = plan.ClientOnlyPlan.FromString(content).phase
    except DecodeError:
        raise errors.RequestMalformed("no ClientOnlyPlan") from None
    if not phase.HasField("federated_compute_eligibility"):
        why = "a plan without a FederatedComputeEligibilityIORouter, which says nothing of tasks"
        raise errors.RequestMalformed(why)


def _complete(proto: odp_task.Task) -> None:
    """Fills in what was left out.

    Raises:
        errors.TaskInvalid, errors.PopulationInvalid: what was said cannot be.
    """
    _check_name(proto.population_name)
    if proto.min_aggregation_size <= 0:
        raise errors.TaskInvalid("min_aggregation_size", "must be greater than 0")
    if proto.total_iteration <= 0:
        raise errors.TaskInvalid("total_iteration", "must be greater than 0")
    for field in ("min_aggregation_size", "total_iteration", "max_aggregation_size"):
        if getattr(proto, field) >= 10**DIGITS:
            raise errors.TaskInvalid(field, f"must have {DIGITS} digits at most")
    if not proto.max_aggregation_size:
        proto.max_aggregation_size = int(proto.min_aggregation_size * OVER_SELECTION)
    if proto.max_aggregation_size < proto.min_aggregation_size:
        raise errors.TaskInvalid("max_aggregation_size", "must be min_aggregation_size or more")
    least, most = proto.min_client_version, proto.max_client_version
    if most and not within(least, "", most):
        why = f"must be min_client_version, {least}, or later: no device could do it"
        raise errors.TaskInvalid("max_client_version", why)
    ends = proto.do_not_create_iteration_after.ToNanoseconds()
    if proto.HasField("do_not_create_iteration_after") and (
        ends <= proto.start_task_no_earlier_than.ToNanoseconds()
    ):
        why = "must be later than start_task_no_earlier_than: no round could begin"
        raise errors.TaskInvalid("do_not_create_iteration_after", why)
    if proto.info.WhichOneof("info") is None:
        proto.info.traffic_weight = proto.info.traffic_weight or 1
        proto.info.training_info.SetInParent()
