"""What is kept of what a child reports of itself."""

from datetime import UTC, datetime

import pytest

from ame import runs
from ame.daemon.records import Seen, heard
from ame.daemon.reports import messages
from ame.daemon.reports.messages import Ended, Info, Measured, Model

WELL = Ended(code=0, at=datetime(2026, 1, 1, tzinfo=UTC))


def test_all_that_was_measured_is_kept_by_name_and_round() -> None:
    _, batch = heard(
        Seen(),
        [
            Model(round="1", acc="0.5"),
            Measured(round="2", values={"central/loss": 0.25, "sites": 2, "bad": float("nan")}),
        ],
    )

    assert batch.values == (("acc", 1, 0.5), ("central/loss", 2, 0.25), ("sites", 2, 2.0))
    assert batch.lines == ("round 1: acc 0.5", "round 2: central/loss 0.25 sites 2 bad nan")


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("Finished", runs.State.SUCCEEDED),
        ("Stopped", runs.State.CANCELLED),
        ("Something", runs.State.SUCCEEDED),
    ],
)
def test_a_child_says_that_others_have_stopped_what_it_was_about(
    said: str, state: runs.State
) -> None:
    seen, _ = heard(Seen(), [Info(text=said), WELL])

    assert seen.outcome[0] is state


def test_what_was_measured_is_written_and_read() -> None:
    measured = Measured(round="3", values={"accuracy": 0.5})

    assert messages.restore(messages.store(measured)) == measured
    assert messages.read('{"type": "metrics", "round": "1", "metrics": {"a": "b"}}') is None
    assert messages.read('{"type": "metrics", "round": "1", "metrics": [1]}') is None
