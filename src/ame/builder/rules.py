"""What a TaskConfig may say: the rules of the On-Device Personalization task builder, in its words.

Beside them, what it lets through and cannot mean: no rounds, `every_0_round`, a metric's parameter,
numbers that no task can hold, enums that have no name.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.builder import config, privacy
from ame.protocol.pb import task_builder as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

    from ame.builder.config import Settings

EPSILON: Final = 10.0
"""The greatest target."""
DELTA: Final = 1 / 3_000_000
"""The greatest probability that a target does not hold."""
ROUNDS: Final = 10_000_000
"""The most rounds."""
LARGEST: Final = (1 << 63) - 1
"""Of whole numbers in messages."""
LONGEST: Final = 3e38
"""The greatest norm that a device can hold."""
START: Final = "[Invalid task config]: "
SPENT: Final = (
    f"{START}differential_privacy setup is not private enough to pass DP accounting check."
)


def settled(
    said: pb.TaskConfig, *, skip_privacy: bool = False, skip_accounting: bool = False
) -> Settings:
    """What a configuration comes to, with its noise, which is calibrated where none is given.

    `skip_privacy`: nothing is clipped and no noise is added. `skip_accounting`: the noise need not
    keep within the target.

    Raises:
        errors.ConfigInvalid: it says what cannot be meant; all of that at once.
    """
    faults = [fault for rule in _RULES for fault in rule(said)]
    if not skip_privacy:
        faults += _noise(said)
        if not skip_accounting and said.differential_privacy.noise_multiplier and _is_known(said):
            faults += _spent(config.settings(said))
    if faults:
        raise errors.ConfigInvalid(tuple(faults))
    made = config.settings(said, skip_privacy=skip_privacy)
    try:
        return replace(made, privacy=privacy.calibrated(made.privacy, made.training.goal))
    except errors.AggregationInvalid:
        tail = "is so small that no noise keeps within it."
        target = made.privacy.epsilon
        fault = _bad("dp_target_epsilon", target, "model_release_policy", tail)
        raise errors.ConfigInvalid((fault,)) from None


def _is_known(said: pb.TaskConfig) -> bool:
    """Whether all is valid that the privacy of the rounds follows from."""
    goal = said.federated_learning.learning_process.runtime_config.report_goal
    privacy_ = *_release(said), *_multiplier(said), *_enums(said, "task_config")
    return not (*privacy_, *_goal(goal, ""))


def _spent(made: Settings) -> Iterator[str]:
    hidden = made.privacy
    spent = privacy.epsilon(hidden, made.training.goal)
    if spent > hidden.epsilon:
        yield f"{SPENT} Its epsilon is {spent:.6g}, beyond {hidden.epsilon:g}."


def _bad(key: str, value: object, where: str, tail: str) -> str:
    return f"{START}key `{key}` has a bad value: `{value}` in `{where}`. {key} {tail}"


def _enums(said: Message, where: str) -> Iterator[str]:
    """Numbers of enums that have no name, in a message and all that are in it."""
    for field, value in said.ListFields():
        if field.enum_type and value not in field.enum_type.values_by_number:
            names = ", ".join(each.name for each in field.enum_type.values)
            yield _bad(field.name, value, where, f"must be one of {names}.")
        elif field.message_type:
            for each in value if field.is_repeated else [value]:
                yield from _enums(each, field.name)


def _nonnegative(key: str, value: float, where: str) -> Iterator[str]:
    if not 0 <= value < math.inf:
        yield _bad(key, value, where, "must be a nonnegative number.")


def _probability(key: str, value: float, where: str) -> Iterator[str]:
    if not 0 <= value <= 1:
        yield _bad(key, value, where, "must be a probability.")


def _over_selection(rate: float, goal: int, where: str) -> Iterator[str]:
    yield from _nonnegative("over_selection_rate", rate, where)
    if math.isfinite(rate) and goal * (1 + (rate or 0.3)) >= LARGEST:
        tail = "is too great: so many devices cannot be counted."
        yield _bad("over_selection_rate", rate, where, tail)


def _goal(value: int, where: str) -> Iterator[str]:
    if value <= 0:
        tail = "is required and must be set to an integer strictly greater than zero."
        yield _bad("report_goal", value, where, tail)


def _task(said: pb.TaskConfig) -> Iterator[str]:
    if not said.population_name:
        tail = "is required and must be set to an non-empty string."
        yield _bad("population_name", said.population_name, "task_config", tail)


def _named(said: pb.TaskConfig) -> Iterator[str]:
    yield from _enums(said, "task_config")


def _policies(said: pb.TaskConfig) -> Iterator[str]:
    all_ = said.policies
    separation = all_.min_separation_policy.minimum_separation
    yield from _nonnegative("minimum_separation", separation, "min_separation_policy")
    examples = all_.data_availability_policy.min_example_count
    yield from _nonnegative("min_example_count", examples, "data_availability_policy")
    yield from _release(said)
    yield from _nonnegative("batch_size", all_.dataset_policy.batch_size, "dataset_policy")
    batches = all_.dataset_policy.max_training_batches_per_client
    if batches < -1:
        tail = "must be a positive number, or -1 for all batches."
        yield _bad("max_training_batches_per_client", batches, "dataset_policy", tail)


def _release(said: pb.TaskConfig) -> Iterator[str]:
    release, where = said.policies.model_release_policy, "model_release_policy"
    if not 0 <= release.dp_target_epsilon <= EPSILON:
        tail = f"must be a float number between 0 and {EPSILON:.6f}"
        yield _bad("dp_target_epsilon", release.dp_target_epsilon, where, tail)
    if not 0 <= release.dp_delta <= DELTA:
        tail = f"must be a float number between 0 and {DELTA:.6E}"
        yield _bad("dp_delta", release.dp_delta, where, tail)
    rounds = release.num_max_training_rounds
    yield from _nonnegative("num_max_training_rounds", rounds, where)
    if rounds == 0:
        tail = "is required and must be set to an integer strictly greater than zero."
        yield _bad("num_max_training_rounds", rounds, where, tail)
    if rounds > ROUNDS:
        yield _bad("num_max_training_rounds", rounds, where, f"must be at most {ROUNDS}.")


def _learning(said: pb.TaskConfig) -> Iterator[str]:
    learning, where = said.federated_learning.learning_process, "learning_process"
    yield from _probability("client_learning_rate", learning.client_learning_rate, where)
    yield from _probability("server_learning_rate", learning.server_learning_rate, where)
    goal, over = learning.runtime_config.report_goal, learning.runtime_config.over_selection_rate
    yield from _goal(goal, "runtime_config")
    yield from _over_selection(over, goal, "runtime_config")
    for metric in learning.metrics:
        if metric.parameter:
            tail = f"must be left out: metric `{metric.name}` takes none."
            yield _bad("parameter", metric.parameter, "metrics", tail)


def _evaluation(said: pb.TaskConfig) -> Iterator[str]:
    if said.mode == pb.TaskMode.TRAINING_ONLY:
        return
    looks, where = said.federated_learning.evaluation, "evaluation"
    yield from _goal(looks.report_goal, where)
    yield from _over_selection(looks.over_selection_rate, looks.report_goal, where)
    meant = config.every(looks.checkpoint_selector)
    if looks.checkpoint_selector and (meant is None or not 0 < meant[0] <= LARGEST):
        tail = (
            "must be in the format of every_k_round or every_k_hour, where k is a positive integer."
        )
        yield _bad("checkpoint_selector", looks.checkpoint_selector, where, tail)
    yield from _probability("evaluation_traffic", looks.evaluation_traffic, where)
    if looks.source_training_task_id <= 0:
        tail = "is required and must be a positive number."
        yield _bad("source_training_task_id", looks.source_training_task_id, where, tail)


def _multiplier(said: pb.TaskConfig) -> Iterator[str]:
    given = said.differential_privacy.noise_multiplier
    yield from _nonnegative("noise_multiplier", given, "differential_privacy")


def _noise(said: pb.TaskConfig) -> Iterator[str]:
    hides, where = said.differential_privacy, "differential_privacy"
    yield from _multiplier(said)
    if hides.type in {pb.DpAggregator.ADAPTIVE_GAUSSIAN, pb.DpAggregator.ADAPTIVE_TREE}:
        if not 0 <= hides.init_clip_norm < LONGEST:
            tail = (
                "must be a positive float or be left empty when using ADAPTIVE_GAUSSIAN or "
                "ADAPTIVE_TREE DP Aggregator."
            )
            yield _bad("init_clip_norm", hides.init_clip_norm, where, tail)
    elif not 0 < hides.clip_norm < LONGEST:
        tail = (
            "is required and must be a positive float when using FIXED_GAUSSIAN or "
            "TREE_AGGREGATION DP Aggregator."
        )
        yield _bad("clip_norm", hides.clip_norm, where, tail)


_RULES: Final = (_task, _policies, _learning, _evaluation, _named)
