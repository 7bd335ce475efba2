"""What is read out of a ServerApp's log."""

import pytest

from ame.federation.flower.deployment.said import Hearer, Told

NEW = """\
\x1b[92mINFO \x1b[0m:      Starting FedAvg strategy:
\x1b[92mINFO \x1b[0m:      Initial global evaluation results: {'accuracy': 0.125, 'loss': nan}
\x1b[92mINFO \x1b[0m:      [ROUND 1/3]
\x1b[92mINFO \x1b[0m:      configure_train: Sampled 2 nodes (out of 2)
\x1b[92mINFO \x1b[0m:      aggregate_train: Received 1 results and 1 failures
\x1b[92mINFO \x1b[0m:      \t└──> Aggregated MetricRecord: {'train_loss': 1.5e-07, 'all': [1, 2]}
\x1b[92mINFO \x1b[0m:      aggregate_evaluate: Received 2 results and 0 failures
\x1b[92mINFO \x1b[0m:      \t└──> Aggregated MetricRecord: {'eval_acc': 0.5}
\x1b[92mINFO \x1b[0m:      Global evaluation
\x1b[92mINFO \x1b[0m:      \t└──> MetricRecord: {'accuracy': 0.75}
\x1b[92mINFO \x1b[0m:      \t└──> MetricRecord: None
"""
OLD = """\
INFO :      initial parameters (loss, other metrics): 2.25, {'accuracy': np.float64(0.1)}
INFO :      [ROUND 1]
INFO :      aggregate_fit: received 2 results and 0 failures
INFO :      fit progress: (1, 0.25, {'accuracy': np.float32(0.5), 'said': 'well'}, 1.53)
INFO :      [SUMMARY]
INFO :      \tHistory (loss, distributed):
INFO :      \t\tround 1: 0.75
INFO :      \tHistory (loss, centralized):
INFO :      \t\tround 0: 2.25
INFO :      \t\tround 1: 0.25
INFO :      \tHistory (metrics, distributed, fit):
INFO :      \t{'train': [(1, 0.5),
INFO :      \t           (2, 0.625)],
INFO :      \t 'other': [(1, 3)]}
INFO :      \tHistory (metrics, centralized):
INFO :      \t{'accuracy': [(0, 0.1), (1, 0.5)]}
"""


def told(text: str, width: int = 0) -> list[Told]:
    hearer = Hearer()
    pieces = [text[at : at + width] for at in range(0, len(text), width)] if width else [text]
    return [each for piece in pieces for each in hearer.hear(piece)]


def test_rounds_and_their_metrics_are_told() -> None:
    first, *rest = told(NEW)

    assert first.round == 0
    assert first.metrics == pytest.approx(
        {"central/accuracy": 0.125, "central/loss": float("nan")}, nan_ok=True
    )
    assert [(each.round, each.rounds, each.metrics) for each in rest] == [
        (1, 3, {"sites": 1.0, "lost": 1.0}),
        (1, 3, {"train_loss": 1.5e-07}),
        (1, 3, {"eval_acc": 0.5}),
        (1, 3, {"central/accuracy": 0.75}),
    ]


def test_servers_of_the_older_form_are_understood() -> None:
    assert [(each.round, each.metrics) for each in told(OLD)] == [
        (0, {"central/loss": 2.25, "central/accuracy": 0.1}),
        (1, {"sites": 2.0, "lost": 0.0}),
        (1, {"central/loss": 0.25, "central/accuracy": 0.5}),
        (1, {"loss": 0.75}),
        (1, {"train": 0.5}),
        (2, {"train": 0.625}),
        (1, {"other": 3.0}),
    ]


@pytest.mark.parametrize("text", [NEW, OLD], ids=["new", "old"])
def test_borders_of_pieces_mean_nothing(text: str) -> None:
    assert repr(told(text, 7)) == repr(told(text))


def test_what_an_app_prints_beside_is_passed_over() -> None:
    assert told("{'accuracy': 1.0}\n[ROUND x]\nHistory\nround 1: 3\nMetricRecord {'a': 1}\n") == []
