"""A TaskConfig as it is written, and the settings it comes to."""

import pytest

from ame import errors
from ame.builder import config
from ame.builder.config import Aggregator, Algorithm, Mode, Optimizer
from ame.protocol.pb import task_builder as pb
from builder import configs

WRITTEN = """
# every second round
mode: TRAINING_AND_EVAL
population_name: "digits"
policies { model_release_policy { num_max_training_rounds: 1000 } }
federated_learning {
  learning_process {
    client_learning_rate: 0.5
    runtime_config { report_goal: 2 }
    metrics { name: "auc-roc" }
    metrics { name: "auc-rock" }
  }
  evaluation { source_training_task_id: 1 checkpoint_selector: "every_2_round" report_goal: 3 }
}
differential_privacy { clip_norm: 0.25 }
"""


def test_the_text_form_is_read() -> None:
    read = config.read(WRITTEN.encode(), "digits.pbtxt")

    assert read.population_name == "digits"
    assert read.federated_learning.evaluation.report_goal == 3


def test_a_serialized_message_is_read_from_a_file_that_says_so() -> None:
    content = pb.TaskConfig(population_name="digits").SerializeToString()

    assert config.read(content, "digits.binpb").population_name == "digits"


def test_bytes_that_are_no_message_are_refused() -> None:
    with pytest.raises(errors.ConfigUnread, match="no serialized TaskConfig"):
        config.read(b"\xff\xff\xff", "digits.pb")


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("mode: TRAINING_ONLY\n  poplation_name: 'a'", 2, 3, "mean `population_name`"),
        ("mode: TRAINING_ONLLY", 1, 7, "mean `TRAINING_ONLY`"),
        ("policies { zzz: 1 }", 1, 12, "There are: min_separation_policy"),
        ("population_name: 3", 1, 18, "string"),
        ("policies {\n", 1, 10, "}"),
        ("population_name: 'a'\n\xff", 2, 1, ""),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    text: str, line: int, column: int, says: str
) -> None:
    with pytest.raises(errors.ConfigUnread) as raised:
        config.read(text.encode("latin-1"), "a.pbtxt")

    assert says in str(raised.value)
    assert (raised.value.line, raised.value.column) == (line, column)
    assert f"a.pbtxt:{line}:{column}: " in str(raised.value)


def test_settings_are_what_was_written_and_the_defaults() -> None:
    made = config.settings(config.read(WRITTEN.encode(), "digits.pbtxt"))

    assert made.mode is Mode.TRAINING_AND_EVAL
    assert made.learning == config.Learning(
        algorithm=Algorithm.FED_AVG,
        client_optimizer=Optimizer.SGD,
        client_rate=0.5,
        server_optimizer=Optimizer.SGD,
        server_rate=1.0,
        loss="",
    )
    assert made.privacy == config.Privacy(
        kind=Aggregator.FIXED_GAUSSIAN,
        noise=0.0,
        clip=0.25,
        spent=0.0,
        epsilon=10.0,
        delta=1 / 3_000_000,
        rounds=1000,
    )
    assert made.dataset == config.Dataset(batch_size=3, max_batches=-1)
    assert made.training.capacity == 2
    assert made.evaluation.cohort.capacity == 3
    assert (made.evaluation.every, made.evaluation.unit) == (2, "round")
    assert made.evaluation.population == "digits"
    assert (made.metrics, made.rejected_metrics) == (("auc-roc",), ("auc-rock",))
    assert not made.training_places


def test_an_adaptive_aggregator_begins_with_a_norm_of_its_own() -> None:
    said = pb.DifferentialPrivacy(type=pb.DpAggregator.ADAPTIVE_TREE, clip_norm=3.0)

    made = config.settings(pb.TaskConfig(differential_privacy=said))

    assert made.privacy.clip == 0.1


def test_privacy_can_be_left_out() -> None:
    assert config.settings(pb.TaskConfig(), skip_privacy=True).privacy.kind is None


@pytest.mark.parametrize(
    "text", ["every_round", "every_-1_round", "every_1_rounds", "Every_1_hour"]
)
def test_another_selector_means_nothing(text: str) -> None:
    assert config.every(text) is None


def test_a_mark_of_the_order_of_bytes_is_no_fault() -> None:
    made = config.read(b"\xef\xbb\xbf" + configs.VALID.encode(), "t.pbtxt")

    assert made == configs.made()
