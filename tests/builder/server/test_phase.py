"""The MapReduce form, beside what another builder made of the same model."""

import numpy as np
import pytest

from ame.builder.server import plan
from ame.protocol.tensors import checkpoint
from builder.server import built
from parts import sample

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]
TRAINING = built.rounds(built.settings())
EVALUATION = built.rounds(built.settings(), evaluates=True)
QUIET = built.changed(sample.checkpoint(), stddev=0)
"""The sample's state, of which no noise is made."""


def test_the_first_checkpoint_is_the_sample_s_to_the_byte() -> None:
    assert plan.checkpoint(TRAINING) == sample.checkpoint()


def test_the_first_checkpoint_of_an_evaluation_is_the_sample_s_to_the_byte() -> None:
    assert plan.checkpoint(EVALUATION) == sample.checkpoint(evaluates=True)


def test_clients_are_sent_what_the_sample_s_plan_sends() -> None:
    ours, theirs = built.made(TRAINING), sample.plan()
    assert built.opened(ours, QUIET).start(QUIET) == built.opened(theirs, QUIET).start(QUIET)


def test_a_round_without_noise_comes_to_what_the_sample_s_plan_makes_of_it() -> None:
    updates = built.updates(TRAINING.process, 3)
    ours = built.folded(built.opened(built.made(TRAINING), QUIET), QUIET, updates)
    theirs = built.folded(built.opened(sample.plan(), QUIET), QUIET, updates)
    assert ours.metrics == theirs.metrics
    assert ours.metrics.keys() == {
        "server/client_work/train/loss",
        "server/finalizer/update_non_finite",
    }
    assert ours.state == theirs.state


def test_an_evaluation_comes_to_what_the_sample_s_plan_makes_of_it() -> None:
    updates = built.updates(EVALUATION.process, 3)
    plans = built.made(EVALUATION), sample.plan(evaluates=True)
    ours, theirs = (built.opened(each, QUIET) for each in plans)
    assert ours.start(QUIET) == theirs.start(QUIET)
    made = built.folded(ours, QUIET, updates)
    assert made == built.folded(theirs, QUIET, updates)
    assert made.metrics.keys() == {"server/eval/loss"}


@pytest.mark.parametrize("evaluates", [False, True])
def test_the_server_s_phase_names_what_the_sample_s_names(evaluates: bool) -> None:
    ours = built.made(EVALUATION if evaluates else TRAINING)
    theirs = sample.plan(evaluates=evaluates)
    assert ours.server_savepoint == theirs.server_savepoint
    mine, other = ours.phase[0].server_phase, theirs.phase[0].server_phase
    assert [each.stat_name for each in mine.metrics] == [each.stat_name for each in other.metrics]
    assert {each.name for each, _ in mine.ListFields()} == {
        each.name for each, _ in other.ListFields()
    }
    for name in ("read_update", "write_client_init", "write_intermediate_update"):
        assert getattr(mine, name).saver_def == getattr(other, name).saver_def


def test_an_update_that_is_not_finite_moves_nothing() -> None:
    updates = built.updates(TRAINING.process, 2)
    state = built.changed(QUIET, denominator=0)
    made = built.folded(built.opened(built.made(TRAINING), state), state, updates)
    assert made.metrics["server/finalizer/update_non_finite"] == 1
    before, after = checkpoint.read(state), checkpoint.read(made.state)
    for name in before:
        if "weights" in name or "finalizer" in name:
            assert np.array_equal(before[name], after[name]), name
    assert not after["server/aggregator/is_init_state"]


def test_the_noise_is_of_the_deviation_that_the_state_says() -> None:
    still = [
        {**each, "update/1/0": np.zeros((784, 256), np.float32)}
        for each in built.updates(TRAINING.process, 2)
    ]
    state = plan.checkpoint(TRAINING)
    recipe = built.opened(built.made(TRAINING), state)
    moved = []
    for _ in range(2):
        after = checkpoint.read(built.folded(recipe, state, still).state)
        name = "server/global_model_weights/trainable/0"
        moved.append(after[name] - checkpoint.read(state)[name])
    count, deviation = moved[0].size, 0.1 * built.NOISE / 2
    for each in moved:
        assert abs(each.mean()) < 5 * deviation / np.sqrt(count)
        assert each.std() == pytest.approx(deviation, rel=5 / np.sqrt(2 * count))
    mixed = np.corrcoef(moved[0].ravel(), moved[1].ravel())[0, 1]
    assert abs(mixed) < 5 / np.sqrt(count)
