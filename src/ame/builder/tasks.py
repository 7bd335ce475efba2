"""The tasks of a configuration, as a server is asked to make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ame.protocol.pb import odp_task

if TYPE_CHECKING:
    from ame.builder.config import Cohort, Evaluation, Places, Settings

TRAINING_WEIGHT: Final = 100
ALL_WEIGHT: Final = 10_000
"""Of an evaluation that all devices are to do."""
NEWEST: Final = "999999999"


def training(made: Settings, *, least_version: str = "0") -> odp_task.Task:
    """The task that trains; `least_version` is the oldest client that can run its plan."""
    task = _task(made, made.training, least_version)
    task.info.traffic_weight = TRAINING_WEIGHT
    policies = task.info.training_info.eligibility_task_info.eligibility_policies
    policies.add().min_sep_policy.minimum_separation = made.min_separation
    policies.add().data_availability_policy.min_example_count = made.min_examples
    return task


def evaluation(made: Settings, *, least_version: str = "0") -> odp_task.Task:
    """The task that evaluates checkpoints of another."""
    looks = made.evaluation
    task = _task(made, looks.cohort, least_version)
    task.info.traffic_weight = weight(looks.traffic)
    info = task.info.evaluation_info
    info.training_population_name, info.training_task_id = looks.population, looks.task
    _select(info.check_point_selector, looks)
    return task


def placed(task: odp_task.Task, places: Places) -> odp_task.Task:
    """The task with the addresses of its artifacts; changes it."""
    task.server_phase_url[:] = [places.plan]
    task.client_only_plan_url[:] = [places.client_plan]
    task.init_checkpoint_url[:] = [places.checkpoint]
    return task


def weight(traffic: float) -> int:
    """The weight that beside that of a training gives a share of the devices."""
    return ALL_WEIGHT if traffic == 1 else int(traffic * TRAINING_WEIGHT / (1 - traffic))


def _task(made: Settings, cohort: Cohort, least_version: str) -> odp_task.Task:
    return odp_task.Task(
        population_name=made.population,
        total_iteration=made.privacy.rounds,
        min_aggregation_size=cohort.goal,
        max_aggregation_size=cohort.capacity,
        min_client_version=least_version,
        max_client_version=NEWEST,
    )


def _select(selector: odp_task.CheckPointSelector, looks: Evaluation) -> None:
    if looks.unit == "hour":
        selector.duration_selector.hours = looks.every
    else:
        selector.iteration_selector.size = looks.every
