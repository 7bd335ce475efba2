"""Both halves of a plan together: our device and our server run what is built."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame.builder import client, config
from ame.builder.server import learning, plan
from ame.protocol.tensors import checkpoint
from ame.server.recipes import opening
from builder import demands
from builder.client import running

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # TensorFlow's own
KINDS = (None, *config.Aggregator)


def examples(seed: int) -> list[bytes]:
    """Pictures whose label is told by one half being brighter."""
    chance, made = np.random.default_rng(seed), []
    for number in range(12):
        picture = chance.random(784, np.float32) / 4
        picture[:392] += number % 2
        made.append(running.serialized(x=picture, y=number % 2))
    return made


def settings(number: int) -> config.Settings:
    """Each kind of aggregator, with the optimizers and algorithms in turn; no noise."""
    said, kind = running.sample_settings(), KINDS[number]
    local, whole = (number + 1) // 2 % 2, number % 2
    moves = replace(
        said.learning,
        algorithm=list(config.Algorithm)[number // 2 % 2],
        client_optimizer=list(config.Optimizer)[local],
        client_rate=[0.1, 0.001][local],
        server_optimizer=list(config.Optimizer)[whole],
        server_rate=[0.5, 0.003][whole],
    )
    privacy = replace(said.privacy, kind=kind, noise=0.0, clip=1.0)
    return replace(said, learning=moves, privacy=privacy, metrics=("binary_accuracy",))


@pytest.mark.parametrize("number", range(len(KINDS)), ids=[str(kind) for kind in KINDS])
def test_a_model_learns_round_by_round(tmp_path: Path, number: int) -> None:
    said, model = settings(number), running.sample_model()
    devices = client.build(model, said)
    weights: Any = (model.trainable, model.non_trainable)
    rounds = learning.of(said, *weights, evaluates=False, seed=1)
    assert rounds.process == devices.process
    made = plan.build(rounds, devices.phase, devices.flatbuffer, daf=bool(number % 2))
    demands.met(made, rounds.process)
    state = plan.checkpoint(rounds)
    recipe = opening.opened({}, plan=made.SerializeToString(), state=state)
    losses = []
    for _ in range(3):
        sent = checkpoint.read(recipe.start(state))
        updates = running.run(tmp_path, running.as_graph(devices), sent, examples(1), examples(2))
        folding = recipe.fold(state)
        for each in updates:
            folding.add(recipe.take(checkpoint.to_bytes(each)))
        after = folding.made(state)
        losses.append(after.metrics["server/client_work/train/loss"])
        assert after.metrics["server/finalizer/update_non_finite"] == 0
        state = after.state
    assert losses[-1] < losses[0] - 0.01, losses
