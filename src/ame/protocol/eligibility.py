"""Which tasks a device may do: policies, evaluated alike by device and server.

Source: `population_eligibility_spec.proto` and what its policies say. A task without policies is
for everyone; one with several asks for all of them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ame.protocol.pb import federated_api, plan
from ame.protocol.pb import population_eligibility_spec as spec

SUPPORTED = 1
"""The newest version of policies that is understood here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a device remembers of the tasks that it contributed to."""

    contributed: Mapping[str, float] = field(default_factory=dict)
    """When it last did, by the task's name, in seconds since the epoch."""
    indices: Mapping[str, int] = field(default_factory=dict)
    """The index that it last contributed at, by the name of a policy of minimum separation."""


Count = Callable[[plan.ExampleSelector], int]
"""How many examples a device has for a selector."""


def evaluate(
    asked: spec.PopulationEligibilitySpec,
    past: Past,
    count: Count,
    *,
    told: Mapping[str, float] | None = None,
    now: float,
) -> federated_api.TaskEligibilityInfo:
    """The weight of each task for this device: 0 where it may not do it, else 1.

    `told` are the weights that the population's own graph gave the tasks: they stand for the
    policies that only a graph can evaluate.
    """
    info = federated_api.TaskEligibilityInfo(version=SUPPORTED)
    for task in asked.task_info:
        policies = [asked.eligibility_policies[i] for i in task.eligibility_policy_indices]
        graphs = [p for p in policies if p.HasField("tf_custom_policy") and not _new(p)]
        own = (told or {}).get(task.task_name, 0.0) if graphs else 1.0
        fits = all(
            meets(policy, task.task_name, past, count, now=now)
            for policy in policies
            if policy not in graphs
        )
        info.task_weights.add(task_name=task.task_name, weight=own if fits else 0.0)
    return info


def fault(policy: spec.EligibilityPolicyEvalSpec) -> str:
    """Why no device could ever meet a policy; empty where one may."""
    kind = policy.WhichOneof("policy_type")
    if kind is None:
        return "it is of no kind that is known"
    if _new(policy):
        return f"its version {policy.min_version} is not understood: {SUPPORTED} is the newest"
    try:
        re.compile(policy.swor_policy.group_regex)
    except re.error as error:
        return f"group_regex is no pattern: {error}"
    return ""


def meets(
    policy: spec.EligibilityPolicyEvalSpec, task: str, past: Past, count: Count, *, now: float
) -> bool:
    """Whether a device meets a policy. One that is not understood here is not met."""
    if _new(policy):
        return False
    kind = policy.WhichOneof("policy_type")
    if kind == "data_availability_policy":
        wanted = policy.data_availability_policy
        return count(wanted.selector) >= wanted.min_example_count
    if kind == "min_sep_policy":
        apart = policy.min_sep_policy
        last = past.indices.get(policy.name)
        return last is None or apart.current_index - last >= apart.minimum_separation
    if kind == "swor_policy":
        period = policy.swor_policy.min_period.ToNanoseconds() / 1e9
        done = _group(policy.swor_policy.group_regex, task, past.contributed)
        return all(now - at >= period for at in done)
    return False


def _new(policy: spec.EligibilityPolicyEvalSpec) -> bool:
    return policy.min_version > SUPPORTED


def _group(pattern: str, task: str, contributed: Mapping[str, float]) -> Iterable[float]:
    """When the device contributed to tasks of the same group as this one.

    The pattern's first group in a task's name tells its group; without a pattern each task is a
    group of its own.
    """
    if not pattern:
        return [contributed[task]] if task in contributed else []
    try:
        grouped = re.compile(pattern)
    except re.error:
        return [float("inf")]
    own = _key(grouped, task)
    return [at for name, at in contributed.items() if _key(grouped, name) == own]


def _key(pattern: re.Pattern[str], task: str) -> str:
    found = pattern.search(task)
    if found is None:
        return task
    return found[1] if pattern.groups else found[0]
