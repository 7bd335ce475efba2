"""The tasks that a server is asked to make."""

import pytest

from ame.builder import config, tasks
from ame.builder.config import Places
from builder import configs

LOOKS = "federated_learning__evaluation__"


def test_a_training_has_its_rounds_its_devices_and_its_policies() -> None:
    made = config.settings(configs.made(policies__min_separation_policy__minimum_separation=3))

    task = tasks.training(made, least_version="341812000")

    assert (task.population_name, task.total_iteration) == ("digits", 1000)
    assert (task.min_aggregation_size, task.max_aggregation_size) == (2, 2)
    assert (task.min_client_version, task.max_client_version) == ("341812000", "999999999")
    assert task.info.traffic_weight == 100
    apart, enough = task.info.training_info.eligibility_task_info.eligibility_policies
    assert apart.min_sep_policy.minimum_separation == 3
    assert enough.data_availability_policy.min_example_count == 1


def test_an_evaluation_says_whose_checkpoints_it_looks_at() -> None:
    made = config.settings(configs.made(**{LOOKS + "checkpoint_selector": "every_4_hour"}))

    task = tasks.evaluation(made)

    info = task.info.evaluation_info
    assert task.info.traffic_weight == 25
    assert (info.training_population_name, info.training_task_id) == ("digits", 1)
    assert info.check_point_selector.duration_selector.hours == 4


def test_without_a_selector_every_round_is_evaluated() -> None:
    made = config.settings(configs.made(**{LOOKS + "checkpoint_selector": ""}))

    info = tasks.evaluation(made).info.evaluation_info

    assert info.check_point_selector.iteration_selector.size == 1


@pytest.mark.parametrize(("traffic", "weight"), [(0.0, 0), (0.2, 25), (0.5, 100), (1.0, 10_000)])
def test_traffic_becomes_a_weight(traffic: float, weight: int) -> None:
    assert tasks.weight(traffic) == weight


def test_a_task_has_the_addresses_of_its_artifacts() -> None:
    task = tasks.training(config.settings(configs.made()))

    tasks.placed(task, Places(plan="a", client_plan="b", checkpoint="c"))

    assert list(task.server_phase_url) == ["a"]
    assert list(task.client_only_plan_url) == ["b"]
    assert list(task.init_checkpoint_url) == ["c"]
