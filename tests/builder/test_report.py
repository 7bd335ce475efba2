"""What a build comes to, for programs and for people."""

from dataclasses import replace

from ame.builder import config, report
from ame.builder.making import Artifacts, Made
from ame.protocol.pb import task_builder as pb
from builder import configs

MADE = Artifacts(
    plan=b"x" * 2000, client_plan=b"x" * 1000, checkpoint=b"x" * 300, least_version="0", sent=234
)


def settings(**changes: object) -> config.Settings:
    said = configs.made()
    said.federated_learning.learning_process.metrics.add(name="auc-roc")
    said.federated_learning.learning_process.metrics.add(name="f1")
    made = config.settings(said)
    return replace(made, privacy=replace(made.privacy, noise=0.25, spent=8.5, **changes))  # type: ignore[arg-type]  # tests name them


def test_a_report_says_what_was_applied() -> None:
    said = report.message(settings())

    assert said.applied_algorithms.learning_algo == pb.LearningAlgo.FED_AVG
    assert said.applied_algorithms.server_optimizer == pb.Optimizer.SGD
    assert said.applied_algorithms.dp_aggregator == pb.DpAggregator.FIXED_GAUSSIAN
    assert said.metric_results.accepted_metrics == "auc-roc"
    assert said.metric_results.rejected_metrics == "f1"
    assert said.dp_hyperparameters.dp_epsilon == 8.5
    assert said.dp_hyperparameters.noise_multiplier == 0.25
    assert said.dp_hyperparameters.num_training_rounds == 1000


def test_without_an_aggregator_a_report_has_no_privacy() -> None:
    said = report.message(settings(kind=None))

    assert said.applied_algorithms.dp_aggregator == pb.DpAggregator.UNKNOWN
    assert not said.dp_hyperparameters.noise_multiplier


def test_people_are_told_what_a_device_downloads_and_how_private_it_is() -> None:
    text = report.text(settings(), Made(training=MADE, evaluation=MADE))

    assert "a device downloads 1,234 B: a plan of 1,000, a model of 234" in text
    assert "FIXED_GAUSSIAN: norm 0.1, noise 0.25; after 1000 rounds epsilon 8.5" in text
    assert "f1 (not measured)" in text
    assert "version of a device: any" in text
    assert "every 1 round, by 20% of the devices" in text


def test_people_are_told_the_same_of_what_another_server_built() -> None:
    own = report.text(settings(), Made(training=MADE)).splitlines()
    said = report.told(report.message(settings())).splitlines()

    assert said[0] == "learning     FED_AVG; devices SGD, server SGD"
    assert said[1:] == own[2:5]
    none = report.told(report.message(settings(kind=None)))
    assert "privacy      none: nothing is clipped" in none


def test_a_name_that_only_a_newer_server_knows_is_its_number() -> None:
    said = report.message(settings())
    said.applied_algorithms.dp_aggregator = 9  # type: ignore[assignment]  # of a newer one
    said.applied_algorithms.learning_algo = 9  # type: ignore[assignment]  # of a newer one

    assert "learning     9;" in report.told(said)
    assert "privacy      9: norm 0.1" in report.told(said)
