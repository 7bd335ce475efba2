"""Models are loaded by a child, within limits; what it says is wrong is said here."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ame import errors
from ame.builder import config
from ame.builder.making import Bounds, Options, make, parent
from ame.protocol.pb import task_builder as pb
from builder import configs
from parts import sample

SAID = configs.made(mode=pb.TaskMode.TRAINING_ONLY)
SETTINGS = config.settings(SAID)
NOISY = replace(SETTINGS, privacy=replace(SETTINGS.privacy, noise=0.25))


@pytest.mark.slow
def test_artifacts_are_those_of_the_settings() -> None:
    made = make(sample.MODEL, SAID, NOISY, Options(graph=True))

    from ame.protocol.pb import plan
    from ame.protocol.tensors import checkpoint

    assert made.evaluation is None
    assert made.training is not None
    client = plan.ClientOnlyPlan.FromString(made.training.client_plan)
    assert client.graph
    assert client.tflite_graph
    assert made.training.least_version == "341912000"
    assert made.training.sent == (784 * 256 + 256 + 256 * 2 + 2) * 4 + 4
    state = checkpoint.read(made.training.checkpoint)
    assert state["server/aggregator/dp_event/noise_multiplier"] == pytest.approx(0.25)


@pytest.mark.slow
def test_a_child_that_takes_more_memory_than_it_may_is_ended() -> None:
    with pytest.raises(errors.ArtifactsFailed, match="50000000 bytes of memory"):
        make(sample.MODEL, SAID, NOISY, Options(), bounds=Bounds(memory=50_000_000))


def test_a_child_that_takes_too_long_is_ended() -> None:
    with pytest.raises(errors.ArtifactsFailed, match=r"more than 0\.2 s"):
        make(sample.MODEL, SAID, NOISY, Options(), bounds=Bounds(seconds=0.2))


def test_a_build_can_be_given_up() -> None:
    ending = threading.Event()
    ending.set()

    with pytest.raises(errors.ArtifactsFailed, match="given up"):
        make(sample.MODEL, SAID, NOISY, Options(), ending=ending)


def test_a_child_has_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AME_OPERATOR_TOKEN", "secret")

    assert "secret" not in parent._variables(tmp_path).values()


@pytest.mark.parametrize(
    "error",
    [
        errors.OpsUnsupported(("Erf", "Fft")),
        errors.ModelInvalid("m", "it has no loss"),
        errors.GraphRefused("too large"),
        errors.ConfigInvalid(("one", "two")),
    ],
)
def test_errors_of_a_child_are_those_that_it_raised(error: errors.Error) -> None:
    import json

    said = json.loads(json.dumps(parent.written(error)))

    again = parent._raised(said["error"], said["attributes"])

    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_a_child_raises_nothing_else() -> None:
    assert isinstance(parent._raised("sys", {}), errors.ArtifactsFailed)
