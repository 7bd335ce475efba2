"""What a TaskConfig may say: the rules of the On-Device Personalization task builder, in its words.

Beside them, what it lets through and cannot mean: no rounds, `every_0_round`, a metric's parameter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.builder import config, privacy
from ame.protocol.pb import task_builder as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ame.builder.config import Settings

EPSILON: Final = 10.0
"""The greatest target."""
DELTA: Final = 1 / 3_000_000
"""The greatest probability that a target does not hold."""
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
    faults += () if skip_privacy else _noise(said)
    if faults:
        raise errors.ConfigInvalid(tuple(faults))
    made = config.settings(said, skip_privacy=skip_privacy)
    hidden = privacy.calibrated(made.privacy, made.training.goal)
    if hidden.spent > hidden.epsilon and not skip_accounting:
        beyond = f"{SPENT} Its epsilon is {hidden.spent:.6g}, beyond {hidden.epsilon:g}."
        raise errors.ConfigInvalid((beyond,))
    return replace(made, privacy=hidden)


def _bad(key: str, value: object, where: str, tail: str) -> str:
    return f"{START}key `{key}` has a bad value: `{value}` in `{where}`. {key} {tail}"


def _nonnegative(key: str, value: float, where: str) -> Iterator[str]:
    if not value >= 0:
        yield _bad(key, value, where, "must be a nonnegative number.")


def _probability(key: str, value: float, where: str) -> Iterator[str]:
    if not 0 <= value <= 1:
        yield _bad(key, value, where, "must be a probability.")


def _goal(value: int, where: str) -> Iterator[str]:
    if value <= 0:
        tail = "is required and must be set to an integer strictly greater than zero."
        yield _bad("report_goal", value, where, tail)


def _task(said: pb.TaskConfig) -> Iterator[str]:
    if not said.population_name:
        tail = "is required and must be set to an non-empty string."
        yield _bad("population_name", said.population_name, "task_config", tail)


def _policies(said: pb.TaskConfig) -> Iterator[str]:
    all_ = said.policies
    separation = all_.min_separation_policy.minimum_separation
    yield from _nonnegative("minimum_separation", separation, "min_separation_policy")
    examples = all_.data_availability_policy.min_example_count
    yield from _nonnegative("min_example_count", examples, "data_availability_policy")
    release, where = all_.model_release_policy, "model_release_policy"
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
    yield from _nonnegative("batch_size", all_.dataset_policy.batch_size, "dataset_policy")
    batches = all_.dataset_policy.max_training_batches_per_client
    if batches < -1:
        tail = "must be a positive number, or -1 for all batches."
        yield _bad("max_training_batches_per_client", batches, "dataset_policy", tail)


def _learning(said: pb.TaskConfig) -> Iterator[str]:
    learning, where = said.federated_learning.learning_process, "learning_process"
    yield from _probability("client_learning_rate", learning.client_learning_rate, where)
    yield from _probability("server_learning_rate", learning.server_learning_rate, where)
    yield from _goal(learning.runtime_config.report_goal, "runtime_config")
    over = learning.runtime_config.over_selection_rate
    yield from _nonnegative("over_selection_rate", over, "runtime_config")
    for metric in learning.metrics:
        if metric.parameter:
            tail = f"must be left out: metric `{metric.name}` takes none."
            yield _bad("parameter", metric.parameter, "metrics", tail)


def _evaluation(said: pb.TaskConfig) -> Iterator[str]:
    if said.mode == pb.TaskMode.TRAINING_ONLY:
        return
    looks, where = said.federated_learning.evaluation, "evaluation"
    yield from _goal(looks.report_goal, where)
    yield from _nonnegative("over_selection_rate", looks.over_selection_rate, where)
    meant = config.every(looks.checkpoint_selector)
    if looks.checkpoint_selector and (meant is None or meant[0] == 0):
        tail = (
            "must be in the format of every_k_round or every_k_hour, where k is a positive integer."
        )
        yield _bad("checkpoint_selector", looks.checkpoint_selector, where, tail)
    yield from _probability("evaluation_traffic", looks.evaluation_traffic, where)
    if looks.source_training_task_id <= 0:
        tail = "is required and must be a positive number."
        yield _bad("source_training_task_id", looks.source_training_task_id, where, tail)


def _noise(said: pb.TaskConfig) -> Iterator[str]:
    hides, where = said.differential_privacy, "differential_privacy"
    yield from _nonnegative("noise_multiplier", hides.noise_multiplier, where)
    if hides.type in {pb.DpAggregator.ADAPTIVE_GAUSSIAN, pb.DpAggregator.ADAPTIVE_TREE}:
        if not hides.init_clip_norm >= 0:
            tail = (
                "must be a positive float or be left empty when using ADAPTIVE_GAUSSIAN or "
                "ADAPTIVE_TREE DP Aggregator."
            )
            yield _bad("init_clip_norm", hides.init_clip_norm, where, tail)
    elif not hides.clip_norm > 0:
        tail = (
            "is required and must be a positive float when using FIXED_GAUSSIAN or "
            "TREE_AGGREGATION DP Aggregator."
        )
        yield _bad("clip_norm", hides.clip_norm, where, tail)


_RULES: Final = (_task, _policies, _learning, _evaluation)
