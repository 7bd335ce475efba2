"""Plans of every aggregator and optimizer, in both forms."""

from dataclasses import replace

import numpy as np
import pytest

from ame import errors
from ame.builder import config
from ame.builder.server import learning, plan
from ame.protocol.tensors import checkpoint
from builder import demands
from builder.server import built

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]
WEIGHTS = (np.ones((3, 4), np.float32), np.zeros(4, np.float32))
KINDS = (None, *config.Aggregator)


PAIRS = [
    (kind, algorithm, list(config.Optimizer)[(number + turn) % 2])
    for number, kind in enumerate(KINDS)
    for turn, algorithm in enumerate(config.Algorithm)
]
"""Each kind with each algorithm and each optimizer, and these with one another."""


def settings(
    kind: config.Aggregator | None,
    algorithm: config.Algorithm = config.Algorithm.FED_AVG,
    optimizer: config.Optimizer = config.Optimizer.SGD,
    *,
    noise: float = 0.0,
    metrics: tuple[str, ...] = (),
) -> config.Settings:
    said = built.settings(kind=kind, noise=noise, clip=1.0)
    moves = replace(said.learning, algorithm=algorithm, server_optimizer=optimizer)
    return replace(said, learning=moves, metrics=metrics)


@pytest.mark.parametrize(("kind", "algorithm", "optimizer"), PAIRS)
def test_both_forms_are_whole_and_come_to_the_same(
    kind: config.Aggregator | None, algorithm: config.Algorithm, optimizer: config.Optimizer
) -> None:
    rounds = built.rounds(settings(kind, algorithm, optimizer, metrics=("mean",)), WEIGHTS)
    states = []
    for daf in (False, True):
        made = built.made(rounds, daf=daf)
        demands.met(made, rounds.process)
        state = plan.checkpoint(rounds)
        recipe = built.opened(made, state)
        for seed in range(2):
            sent = checkpoint.read(recipe.start(state))
            assert sent.keys() == {each.name for each in rounds.process.sent.all}
            after = built.folded(recipe, state, built.updates(rounds.process, 2, seed))
            assert after.metrics.keys() == {f"server/{name}" for name in rounds.stats()}
            state = after.state
        states.append((checkpoint.read(state), after.metrics))
    (first, told), (second, said) = states
    assert said == pytest.approx(told)
    slots = {f"server/{slot.name}" for slot in rounds.slots()}
    assert second.keys() == slots
    assert first.keys() == slots | {f"metrics/{name}" for name in rounds.stats()}
    for name in slots:
        assert first[name].dtype == second[name].dtype
        if first[name].dtype == object:
            assert first[name] == second[name]
        else:
            assert np.allclose(first[name], second[name], atol=1e-6), name


@pytest.mark.parametrize("daf", [False, True])
def test_an_evaluation_is_whole_in_both_forms_and_leaves_the_state(daf: bool) -> None:
    said = settings(config.Aggregator.ADAPTIVE_TREE, metrics=("auc-pr",))
    trained, evaluation = (built.rounds(said, WEIGHTS, evaluates=each) for each in (False, True))
    made = built.made(evaluation, daf=daf)
    demands.met(made, evaluation.process)
    state = plan.checkpoint(trained)
    after = built.folded(built.opened(made, state), state, built.updates(evaluation.process, 2))
    assert after.metrics.keys() == {"server/eval/loss", "server/eval/auc-pr"}
    before, now = checkpoint.read(state), checkpoint.read(after.state)
    assert all(np.array_equal(before[name], now[name]) for name in before)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_checkpoint_of_an_evaluation_names_what_that_of_the_training_names(
    kind: config.Aggregator | None,
) -> None:
    first, blank = (
        checkpoint.read(plan.checkpoint(built.rounds(settings(kind), WEIGHTS, evaluates=each)))
        for each in (False, True)
    )
    assert {name: each.dtype for name, each in first.items()} == {
        name: each.dtype for name, each in blank.items()
    }
    assert not any(each.any() for each in blank.values())


@pytest.mark.parametrize("daf", [False, True])
def test_weights_that_are_not_trained_are_sent_and_stay(daf: bool) -> None:
    still = np.full(2, 7, np.int64)
    rounds = learning.of(settings(None), WEIGHTS, [still], evaluates=False, seed=1)
    state = plan.checkpoint(rounds)
    recipe = built.opened(built.made(rounds, daf=daf), state)
    sent = checkpoint.read(recipe.start(state))
    assert sent["client/0/non_trainable/0"].tolist() == [7, 7]
    after = checkpoint.read(built.folded(recipe, state, built.updates(rounds.process, 2)).state)
    assert after["server/global_model_weights/non_trainable/0"].tolist() == [7, 7]


@pytest.mark.parametrize("algorithm", config.Algorithm)
def test_without_privacy_the_weights_move_by_the_mean(algorithm: config.Algorithm) -> None:
    rounds = built.rounds(settings(None, algorithm), WEIGHTS)
    updates = built.updates(rounds.process, 3)
    dtype = np.float32 if algorithm is config.Algorithm.FED_SGD else np.int32
    for number, each in enumerate(updates):
        each["update/2"] = np.array(number + 1, dtype)
    state = plan.checkpoint(rounds)
    after = built.folded(built.opened(built.made(rounds), state), state, updates)
    moved = checkpoint.read(after.state)["server/global_model_weights/trainable/0"]
    mean = sum(each["update/1/0"] for each in updates) / 6
    assert np.allclose(moved, 1 - mean)


def test_a_seed_that_was_set_makes_no_noise_that_can_be_foretold() -> None:
    import tensorflow as tf  # type: ignore[import-untyped]  # it has no types

    tf.random.set_seed(1)
    rounds = built.rounds(settings(config.Aggregator.FIXED_GAUSSIAN, noise=1.0), WEIGHTS)
    for daf in (False, True):
        made = built.made(rounds, daf=daf)
        content = (made.server_graph_result_bytes if daf else made.server_graph_bytes).value
        nodes = tf.compat.v1.GraphDef.FromString(content).node
        drawn = [node for node in nodes if node.op == "RandomStandardNormal"]
        assert len(drawn) == len(WEIGHTS)
        assert all(node.attr["seed"].i == node.attr["seed2"].i == 0 for node in drawn)


def test_a_plan_is_the_same_to_the_byte_when_it_is_made_again() -> None:
    rounds = built.rounds(settings(config.Aggregator.FIXED_GAUSSIAN), WEIGHTS)
    for daf in (False, True):
        assert built.made(rounds, daf=daf) == built.made(rounds, daf=daf)


@pytest.mark.parametrize(
    "kind", [config.Aggregator.ADAPTIVE_GAUSSIAN, config.Aggregator.ADAPTIVE_TREE]
)
def test_noise_that_leaves_none_for_the_count_is_refused(kind: config.Aggregator) -> None:
    with pytest.raises(errors.NoiseUnfit, match=r"0\.2 is too much .* rounds of 2 contributions"):
        built.rounds(settings(kind, noise=0.2), WEIGHTS)
