"""What a TaskConfig may say, and in which words it is refused."""

from typing import Any

import pytest

from ame import errors
from ame.builder import rules
from ame.protocol.pb import task_builder as pb
from builder import configs

LEARNING = "federated_learning__learning_process__"
LOOKS = "federated_learning__evaluation__"
RELEASE = "policies__model_release_policy__"
DP = "differential_privacy__"
SELECTOR = (
    "checkpoint_selector must be in the format of every_k_round or every_k_hour, where k is a "
    "positive integer."
)
CLIP = (
    "clip_norm is required and must be a positive float when using FIXED_GAUSSIAN or "
    "TREE_AGGREGATION DP Aggregator."
)
INIT = (
    "init_clip_norm must be a positive float or be left empty when using ADAPTIVE_GAUSSIAN or "
    "ADAPTIVE_TREE DP Aggregator."
)
GOAL = "report_goal is required and must be set to an integer strictly greater than zero."


def refused(**changes: Any) -> tuple[str, ...]:
    """What is said of a configuration with these changes."""
    with pytest.raises(errors.ConfigInvalid) as raised:
        rules.settled(configs.made(**changes))
    return raised.value.faults


@pytest.mark.parametrize(
    ("path", "value", "shown", "where", "tail"),
    [
        (
            "population_name",
            "",
            "",
            "task_config",
            "population_name is required and must be set to an non-empty string.",
        ),
        (
            "policies__min_separation_policy__minimum_separation",
            -1,
            "-1",
            "min_separation_policy",
            "minimum_separation must be a nonnegative number.",
        ),
        (
            "policies__data_availability_policy__min_example_count",
            -2,
            "-2",
            "data_availability_policy",
            "min_example_count must be a nonnegative number.",
        ),
        (
            RELEASE + "dp_target_epsilon",
            10.5,
            "10.5",
            "model_release_policy",
            "dp_target_epsilon must be a float number between 0 and 10.000000",
        ),
        (
            RELEASE + "dp_delta",
            0.5,
            "0.5",
            "model_release_policy",
            "dp_delta must be a float number between 0 and 3.333333E-07",
        ),
        (
            RELEASE + "num_max_training_rounds",
            -1,
            "-1",
            "model_release_policy",
            "num_max_training_rounds must be a nonnegative number.",
        ),
        (
            "policies__dataset_policy__batch_size",
            -1,
            "-1",
            "dataset_policy",
            "batch_size must be a nonnegative number.",
        ),
        (
            LEARNING + "client_learning_rate",
            1.5,
            "1.5",
            "learning_process",
            "client_learning_rate must be a probability.",
        ),
        (
            LEARNING + "server_learning_rate",
            -0.5,
            "-0.5",
            "learning_process",
            "server_learning_rate must be a probability.",
        ),
        (LEARNING + "runtime_config__report_goal", 0, "0", "runtime_config", GOAL),
        (
            LEARNING + "runtime_config__over_selection_rate",
            -0.1,
            "-0.1",
            "runtime_config",
            "over_selection_rate must be a nonnegative number.",
        ),
        (LOOKS + "report_goal", -3, "-3", "evaluation", GOAL),
        (
            LOOKS + "over_selection_rate",
            -1.0,
            "-1.0",
            "evaluation",
            "over_selection_rate must be a nonnegative number.",
        ),
        (LOOKS + "checkpoint_selector", "every_round", "every_round", "evaluation", SELECTOR),
        (LOOKS + "checkpoint_selector", "every_0_round", "every_0_round", "evaluation", SELECTOR),
        (
            LOOKS + "evaluation_traffic",
            1.1,
            "1.1",
            "evaluation",
            "evaluation_traffic must be a probability.",
        ),
        (
            LOOKS + "source_training_task_id",
            0,
            "0",
            "evaluation",
            "source_training_task_id is required and must be a positive number.",
        ),
        (
            DP + "noise_multiplier",
            -1.0,
            "-1.0",
            "differential_privacy",
            "noise_multiplier must be a nonnegative number.",
        ),
        (DP + "clip_norm", 0.0, "0.0", "differential_privacy", CLIP),
    ],
)
def test_a_bad_value_is_refused_in_the_words_of_the_rule(
    path: str, value: object, shown: str, where: str, tail: str
) -> None:
    key = path.rpartition("__")[2]

    assert refused(**{path: value}) == (
        f"[Invalid task config]: key `{key}` has a bad value: `{shown}` in `{where}`. {tail}",
    )


def test_the_first_norm_of_an_adaptive_aggregator_is_not_negative() -> None:
    adaptive = {DP + "type": pb.DpAggregator.ADAPTIVE_TREE, DP + "clip_norm": 0.0}

    (said,) = refused(**adaptive, **{DP + "init_clip_norm": -1.0})

    assert said.endswith(INIT)


def test_all_faults_are_reported_together_and_in_order() -> None:
    said = refused(
        **{
            DP + "clip_norm": 0.0,
            "population_name": "",
            LEARNING + "client_learning_rate": 2.0,
            LOOKS + "report_goal": 0,
        }
    )

    assert [each.split("`")[1] for each in said] == [
        "population_name",
        "client_learning_rate",
        "report_goal",
        "clip_norm",
    ]


def test_no_number_is_refused_like_a_bad_one() -> None:
    said = refused(
        **{DP + "clip_norm": float("nan"), LEARNING + "client_learning_rate": float("nan")}
    )

    assert len(said) == 2


@pytest.mark.parametrize("mode", ["TRAINING_AND_EVAL", "EVAL_ONLY", "UNKNOWN"])
def test_an_evaluation_is_checked_wherever_there_may_be_one(mode: str) -> None:
    number = pb.TaskMode.Enum.Value(mode)

    assert refused(**{"mode": number, LOOKS + "report_goal": 0})


def test_what_only_trains_needs_no_evaluation() -> None:
    made = configs.made(
        **{
            "mode": pb.TaskMode.TRAINING_ONLY,
            LOOKS + "report_goal": 0,
            DP + "noise_multiplier": 9.0,
        }
    )

    assert not rules.settled(made).mode.evaluates


def test_rounds_and_parameters_that_mean_nothing_are_refused() -> None:
    made = configs.made(**{RELEASE + "num_max_training_rounds": 0})
    made.federated_learning.learning_process.metrics.add(name="auc-roc", parameter="0.5")

    with pytest.raises(errors.ConfigInvalid) as raised:
        rules.settled(made)

    rounds, parameter = raised.value.faults
    assert "num_max_training_rounds is required" in rounds
    assert "metric `auc-roc` takes none" in parameter


def test_too_little_noise_is_refused_unless_that_is_asked_for() -> None:
    changes = {DP + "noise_multiplier": 0.2}

    (said,) = refused(**changes)

    assert said.startswith(rules.SPENT)
    loose = rules.settled(configs.made(**changes), skip_accounting=True)
    assert loose.privacy.spent > 10


def test_without_an_aggregator_no_norm_is_asked_for() -> None:
    made = configs.made(**{DP + "clip_norm": 0.0})

    assert rules.settled(made, skip_privacy=True).privacy.kind is None


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("mode", 77, "mode must be one of UNKNOWN, TRAINING_ONLY"),
        (DP + "type", 9, "type must be one of UNKNOWN, FIXED_GAUSSIAN"),
        (LEARNING + "client_optimizer", 5, "client_optimizer must be one of UNKNOWN, SGD, ADAM"),
        (LEARNING + "runtime_config__over_selection_rate", float("inf"), "nonnegative"),
        (LEARNING + "runtime_config__over_selection_rate", 1e300, "too great"),
        (LOOKS + "over_selection_rate", 1e300, "too great"),
        (LOOKS + "checkpoint_selector", f"every_{10**20}_round", SELECTOR),
        (RELEASE + "num_max_training_rounds", 10**12, "must be at most 10000000"),
        (DP + "noise_multiplier", float("inf"), "nonnegative"),
        (DP + "clip_norm", 1e39, CLIP),
    ],
)
def test_what_no_task_can_hold_is_refused(path: str, value: Any, why: str) -> None:
    (said,) = refused(**{path: value})

    assert why in said


def test_too_little_noise_is_reported_with_all_else() -> None:
    population, spent = refused(**{"population_name": "", DP + "noise_multiplier": 0.2})

    assert "population_name" in population
    assert spent.startswith(rules.SPENT)


def test_a_target_that_no_noise_keeps_within_is_refused() -> None:
    (said,) = refused(
        **{RELEASE + "dp_target_epsilon": 1e-6, DP + "type": pb.DpAggregator.TREE_AGGREGATION}
    )

    assert "dp_target_epsilon is so small that no noise keeps within it" in said
