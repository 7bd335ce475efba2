"""Policies."""

from typing import Any

import pytest

from ame.protocol import eligibility
from ame.protocol.eligibility import Past
from ame.protocol.pb import population_eligibility_spec as spec

NOW = 1000.0


def met(policy: dict[str, Any], past: Past | None = None, *, examples: int = 5) -> bool:
    asked = spec.PopulationEligibilitySpec(
        task_info=[{"task_name": "p/1", "eligibility_policy_indices": [0]}],
        eligibility_policies=[{"name": "policy", **policy}],
    )
    info = eligibility.evaluate(asked, past or Past(), lambda _: examples, now=NOW)
    [weight] = info.task_weights
    assert weight.task_name == "p/1"
    assert weight.weight in {0.0, 1.0}
    return weight.weight == 1.0


@pytest.mark.parametrize(("examples", "fits"), [(4, False), (5, True)])
def test_data_must_be_available(examples: int, fits: bool) -> None:
    policy = {"data_availability_policy": {"min_example_count": 5}}

    assert met(policy, examples=examples) is fits


@pytest.mark.parametrize(("last", "fits"), [(None, True), (7, True), (8, False)])
def test_contributions_must_be_so_many_rounds_apart(last: int | None, fits: bool) -> None:
    policy = {"min_sep_policy": {"current_index": 10, "minimum_separation": 3}}

    assert met(policy, Past(indices={} if last is None else {"policy": last})) is fits


@pytest.mark.parametrize(("ago", "fits"), [(59, False), (60, True)])
def test_no_task_of_a_group_is_done_again_within_the_period(ago: float, fits: bool) -> None:
    policy = {"swor_policy": {"min_period": {"seconds": 60}, "group_regex": "^([^/]+)/"}}

    assert met(policy, Past(contributed={"p/2": NOW - ago})) is fits
    assert met(policy, Past(contributed={"q/1": NOW}))


def test_without_a_pattern_each_task_is_a_group() -> None:
    policy = {"swor_policy": {"min_period": {"seconds": 60}}}

    assert met(policy, Past(contributed={"p/2": NOW}))
    assert not met(policy, Past(contributed={"p/1": NOW}))


@pytest.mark.parametrize(
    "policy",
    [
        {"tf_custom_policy": {"arguments": b"x"}},
        {"min_version": 2, "data_availability_policy": {}},
        {},
        {"swor_policy": {"min_period": {"seconds": 60}, "group_regex": "("}},
    ],
)
def test_a_policy_that_is_not_understood_is_not_met(policy: dict[str, Any]) -> None:
    assert not met(policy, Past(contributed={"p/1": 0.0}))


def test_a_task_without_policies_is_for_everyone_and_one_with_two_asks_for_both() -> None:
    asked = spec.PopulationEligibilitySpec(
        task_info=[
            {"task_name": "free"},
            {"task_name": "both", "eligibility_policy_indices": [0, 1]},
        ],
        eligibility_policies=[
            {"name": "a", "data_availability_policy": {"min_example_count": 1}},
            {"name": "b", "data_availability_policy": {"min_example_count": 9}},
        ],
    )

    info = eligibility.evaluate(asked, Past(), lambda _: 5, now=NOW)

    assert {each.task_name: each.weight for each in info.task_weights} == {"free": 1, "both": 0}


def test_what_a_graph_says_stands_for_the_policies_that_need_one() -> None:
    asked = spec.PopulationEligibilitySpec(
        task_info=[
            {"task_name": "a", "eligibility_policy_indices": [0]},
            {"task_name": "b", "eligibility_policy_indices": [0, 1]},
            {"task_name": "c", "eligibility_policy_indices": [0]},
            {"task_name": "free"},
        ],
        eligibility_policies=[
            {"name": "graph", "tf_custom_policy": {}},
            {"name": "data", "data_availability_policy": {"min_example_count": 9}},
        ],
    )

    told = {"a": 0.5, "b": 1.0}
    info = eligibility.evaluate(asked, Past(), lambda _: 5, told=told, now=NOW)

    weights = {each.task_name: each.weight for each in info.task_weights}
    assert weights == {"a": 0.5, "b": 0, "c": 0, "free": 1}


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ({}, "no kind"),
        ({"min_version": 9, "swor_policy": {}}, "version 9"),
        ({"swor_policy": {"group_regex": "("}}, "no pattern"),
        ({"tf_custom_policy": {}}, ""),
    ],
)
def test_a_policy_that_no_device_can_meet_is_told_apart(policy: dict[str, Any], why: str) -> None:
    fault = eligibility.fault(spec.EligibilityPolicyEvalSpec(**policy))

    assert why in fault
    assert bool(why) is bool(fault)
