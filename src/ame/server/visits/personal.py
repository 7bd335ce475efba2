"""How devices of the On-Device Personalization dialect come to tasks: in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ame.protocol.pb import common, odp_task_assignments
from ame.server import tokens
from ame.server.ledger.sessions import Shown
from ame.server.visits import shares
from ame.server.visits.assignments import Why, Wish
from ame.server.visits.population import personal

if TYPE_CHECKING:
    from ame.protocol.wires import Caller
    from ame.server.fleet import Fleet
    from ame.server.rounds import Round

AGAIN: Final = "odp-idempotency-key"
"""The header by which a device that had no answer asks again."""


class PersonalCheckIns:
    """The call by which such a device gets a task."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def create_task_assignment(
        self, request: odp_task_assignments.CreateTaskAssignmentRequest, caller: Caller
    ) -> odp_task_assignments.CreateTaskAssignmentResponse:
        """Gives the device one task, or says why there is none. A repeat gets the same."""
        fleet = self._fleet
        population = fleet.population(caller.fields["population_name"])
        fleet.census.add(fleet.clock())
        reply = odp_task_assignments.CreateTaskAssignmentResponse()
        said = caller.headers.get(AGAIN, "")
        visit = visit_of(fleet, population.name, said) if said else tokens.fresh()
        wish = Wish(version=shares.version(request.client_version), personal=True)
        joined = await shares.join(fleet, population, Shown(id=visit), wish, noted=bool(said))
        if isinstance(joined, Why):
            reply.rejection_info.CopyFrom(shares.rejection(fleet, joined))
            return reply
        assignment, joined_round = joined
        gzip = shares.gzips(request.resource_capabilities)
        made = reply.task_assignment
        name = f"personal {shares.share(fleet, population, joined_round, caller)} {gzip}"
        if (told := fleet.told.get(name)) is None:
            await self._describe(made, joined_round, caller, gzip=gzip)
            told = made.SerializeToString()
            fleet.told.put(name, told, len(name) + len(told))
        else:
            made.MergeFromString(told)
        made.assignment_id = assignment.id
        return reply

    async def _describe(
        self,
        made: odp_task_assignments.TaskAssignment,
        joined: Round,
        caller: Caller,
        *,
        gzip: bool,
    ) -> None:
        """All that a device is told of its share but the share's own id."""
        fleet = self._fleet
        kept = await fleet.kept(joined.population, joined.task)
        made.population_name = joined.population
        made.task_id = str(joined.task)
        made.aggregation_id = joined.aggregation
        made.task_name = kept.task.name
        for resource, digest in (
            (made.plan, kept.settings["client_plan"]),
            (made.init_checkpoint, joined.checkpoint),
        ):
            shares.resource(fleet, resource, digest, caller, gzip=False)
            if gzip:
                resource.compression_format = common.RESOURCE_COMPRESSION_FORMAT_GZIP
        asked = personal(kept)
        if asked is not None and asked.eligibility_policies:
            made.eligibility_task_info.CopyFrom(asked)
            for policy in made.eligibility_task_info.eligibility_policies:
                if policy.HasField("min_sep_policy"):
                    policy.min_sep_policy.current_index = joined.number


def visit_of(fleet: Fleet, population: str, said: str) -> str:
    """The visit of a device that says this of itself when it asks; it tells nothing of that."""
    return fleet.tokens.make("visit", f"{population}\0{said}").rpartition(".")[2]
