"""A population as one server last saw it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from google.protobuf import json_format

from ame.protocol.pb import _pool, odp_task, population_eligibility_spec
from ame.server.tasks import TaskStatus
from ame.server.visits.assignments import Why
from ame.server.visits.openings import Openings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ame.server.ledger.tasks import Kept
    from ame.server.rounds import Round
    from ame.server.visits.assignments import Wish
    from ame.server.visits.openings import Opening

Spec = population_eligibility_spec.PopulationEligibilitySpec
Policy = population_eligibility_spec.EligibilityPolicyEvalSpec
Mode = Literal["TASK_ASSIGNMENT_MODE_SINGLE", "TASK_ASSIGNMENT_MODE_MULTIPLE"]
SINGLE: Final = "TASK_ASSIGNMENT_MODE_SINGLE"
MULTIPLE: Final = "TASK_ASSIGNMENT_MODE_MULTIPLE"
MODES: Final[tuple[Mode, ...]] = (SINGLE, MULTIPLE)
PERSONAL: Final = "personal"
"""The tasks for devices of the On-Device Personalization dialect."""
GRAPH: Final = Policy(name="graph", tf_custom_policy={})
"""Of a population whose own graph decides too."""


class Population:
    """Its open tasks with their rounds that collect. What has changed is put in, task by task."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.revision: int | None = None
        """The one that it was seen at; none before it was seen."""
        self.settings: Mapping[str, Any] = {}
        self.tasks: dict[int, Kept] = {}
        """Those that are open, also while they are paused."""
        self._openings = {mode: Openings() for mode in (*MODES, PERSONAL)}
        self._rounds: dict[int, Sequence[Round]] = {}
        self._collecting: dict[str, Round] = {}
        self._asking: set[int] = set()
        self.beside: set[int] = set()
        """The tasks that a device does beside others in one visit, some of which may be over."""
        self._specs: dict[bool, Spec] = {}

    def put(self, settings: Mapping[str, Any]) -> None:
        """Its settings as they are now."""
        self.settings = settings
        self._specs.clear()

    @property
    def asks(self) -> bool:
        """Whether devices are to say what they are eligible for."""
        return bool(self._asking or self.graph)

    @property
    def graph(self) -> Mapping[str, str]:
        """The digests of the plan, and its checkpoint, by which devices find out more."""
        found: Mapping[str, str] = self.settings.get("eligibility", {})
        return found if "plan" in found else {}

    def see(self, kept: Kept, collecting: Sequence[Round]) -> None:
        """A task as it is now, with its rounds that collect."""
        task = kept.task
        self._specs.clear()
        self._asking.discard(task.id)
        for each in self._rounds.get(task.id, ()):
            self._collecting.pop(each.aggregation, None)
        if task.status is not TaskStatus.OPEN:
            self.tasks.pop(task.id, None)
            self._rounds.pop(task.id, None)
            for openings in self._openings.values():
                openings.drop(task)
            return
        self.tasks[task.id] = kept
        self._rounds[task.id] = collecting
        self._collecting |= {each.aggregation: each for each in collecting}
        aggregations = [] if task.paused else [each.aggregation for each in collecting]
        self._openings[mode(kept)].put(task, aggregations)
        if mode(kept) == SINGLE and personal(kept) is not None:
            self._openings[PERSONAL].put(task, aggregations)
        asked = task.proto.info.training_info.eligibility_task_info.eligibility_policies
        if asked or kept.settings.get("policies"):
            self._asking.add(task.id)
        if mode(kept) == MULTIPLE:
            self.beside.add(task.id)

    def choose(
        self, wish: Wish, draw: Callable[[], float], *, now: float, only: str = ""
    ) -> Opening | Why:
        """A task for a device, or why there is none; see `Openings.choose`.

        Tasks of which a device does several in a visit are given to those that name them alone:
        `only` is the one task that is asked for.
        """
        if self.settings.get("paused"):
            return Why.PAUSED
        if wish.personal:
            return self._choose_personal(wish, draw, now=now)
        several = self._openings[MULTIPLE]
        openings = several if only and only in several else self._openings[SINGLE]
        return openings.choose(wish, draw, now=now)

    def _choose_personal(
        self, wish: Wish, draw: Callable[[], float], *, now: float
    ) -> Opening | Why:
        """The same for a device that is not asked beforehand which tasks it may do."""
        chosen: Opening | Why = Why.NO_TASK
        if not self.graph:
            chosen = self._openings[PERSONAL].choose(wish, draw, now=now)
        if chosen is not Why.NO_TASK:
            return chosen
        others = self._openings[SINGLE].choose(wish, draw, now=now)
        return Why.NO_TASK if others is Why.NO_TASK else Why.SILENT

    def collecting(self, aggregation: str) -> Round:
        """The round of an opening, with its counts as they were when it was seen."""
        return self._collecting[aggregation]

    def shut(self, aggregation: str, *, until: float) -> None:
        """Notes that a round takes nobody for a while."""
        for openings in self._openings.values():
            openings.shut(aggregation, until=until)

    def spec(self, *, several: bool) -> Spec:
        """The policies of its tasks, each once, with the tasks that it is for.

        Where a device does not take `several` at a time, it hears of none that want it to.
        """
        if several not in self._specs:
            self._specs[several] = self._made(several)
        return self._specs[several]

    def _made(self, several: bool) -> Spec:
        made = Spec()
        known: dict[bytes, int] = {}
        for kept in self.tasks.values():
            if mode(kept) == MULTIPLE and not several:
                continue
            info = made.task_info.add(task_name=kept.task.name, task_assignment_mode=mode(kept))
            last = max((each.number for each in self._rounds[kept.task.id]), default=0)
            for new in (*policies(kept), *([GRAPH] if self.graph else ())):
                if new.HasField("min_sep_policy"):
                    new.min_sep_policy.current_index = last
                new.name = new.name or f"{kept.task.name}/{new.WhichOneof('policy_type')}"
                key = new.SerializeToString(deterministic=True)
                if key not in known:
                    known[key] = len(made.eligibility_policies)
                    made.eligibility_policies.append(new)
                info.eligibility_policy_indices.append(known[key])
        return made


def mode(kept: Kept) -> Mode:
    """How devices are given a task: as the only one of a visit, or beside others."""
    return MULTIPLE if kept.settings.get("mode") == MULTIPLE else SINGLE


def personal(kept: Kept) -> odp_task.EligibilityTaskInfo | None:
    """What a task asks of its devices in the On-Device Personalization dialect.

    None where that cannot be said in it: it knows neither sampling without replacement nor
    collections of examples.
    """
    made = odp_task.EligibilityTaskInfo()
    for policy in policies(kept):
        new = made.eligibility_policies.add(id=policy.name)
        kind = "" if policy.min_version > 1 else policy.WhichOneof("policy_type")
        if kind == "min_sep_policy":
            new.min_sep_policy.minimum_separation = policy.min_sep_policy.minimum_separation
        elif kind == "data_availability_policy" and not policy.data_availability_policy.HasField(
            "selector"
        ):
            least = policy.data_availability_policy.min_example_count
            new.data_availability_policy.min_example_count = least
        else:
            return None
    return made


def policies(kept: Kept) -> Iterator[Policy]:
    """What a task asks of its devices, each a new value."""
    for said in kept.settings.get("policies", ()):
        yield json_format.ParseDict(said, Policy(), descriptor_pool=_pool.POOL)
    for policy in kept.task.proto.info.training_info.eligibility_task_info.eligibility_policies:
        new = Policy(name=policy.id)
        if policy.HasField("min_sep_policy"):
            new.min_sep_policy.minimum_separation = policy.min_sep_policy.minimum_separation
        else:
            least = policy.data_availability_policy.min_example_count
            new.data_availability_policy.min_example_count = least
        yield new
