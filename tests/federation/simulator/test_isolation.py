"""What scripts of one worker share: nothing. And what `threads` changes: nothing."""

from pathlib import Path

import numpy as np
import pytest

from parts.simulated import Seen, app, descendants, file, job, log, model, simulate, text

SITES = 7
ROUNDS = 3
LOCAL = (
    file("local_state.py"),
    file("local_package/__init__.py", "local_package/__init__.py"),
    file("local_package/inner.py", "local_package/inner.py"),
)


def conform(workspace: Path, threads: int, *, isolate: bool = False) -> Seen:
    seen = Seen()
    everyone = app(file("conforming.py"), *LOCAL, args="--site {SITE_NAME} --folder {WORKSPACE}")
    simulate(
        job(everyone, rounds=ROUNDS, min_clients=SITES),
        workspace=workspace,
        sites=SITES,
        threads=threads,
        seed=5,
        isolate=isolate,
        watcher=seen,
    )
    return seen


def traces(workspace: Path) -> dict[str, str]:
    """What each site drew, and printed."""
    names = [f"site-{number}" for number in range(1, SITES + 1)]
    return {
        f"{name} {what}": (workspace / name / what).read_text()
        for name in names
        for what in ("drawn", "own.log", "farewell", "log.txt")
    }


def test_each_script_has_a_process_to_itself_for_all_that_it_can_tell(tmp_path: Path) -> None:
    seen = conform(tmp_path, threads=2)

    assert seen.losses == []
    assert seen.notes == []
    assert len(seen.replies) == SITES * ROUNDS
    for number in range(1, SITES + 1):
        site = f"site-{number}"
        lines = [f"begin {site}"]
        for round_ in range(ROUNDS):
            lines += [f"round {round_} of {site}", f"a child of {site}"]
        assert log(tmp_path, site).splitlines() == [*lines, f"end {site}"]
        assert seen.prints[site].decode() == log(tmp_path, site)
        assert (tmp_path / site / "farewell").read_text() == "second\nfirst\n"
        assert (tmp_path / site / "own.log").read_text().splitlines() == [
            f"round {round_} of {site}" for round_ in range(ROUNDS)
        ]
    assert descendants() == []


@pytest.mark.slow
def test_a_run_repeats_bit_for_bit_whatever_the_number_of_threads(tmp_path: Path) -> None:
    runs = {}
    for threads in (1, 2, 3, 5):
        folder = tmp_path / str(threads)
        conform(folder, threads)
        runs[threads] = (model(folder).tobytes(), traces(folder))
    conform(tmp_path / "alone", 2, isolate=True)
    runs[0] = (model(tmp_path / "alone").tobytes(), traces(tmp_path / "alone"))

    for threads in (2, 3, 5, 0):
        assert runs[threads] == runs[1], threads


def test_the_seed_is_what_the_numbers_come_from(tmp_path: Path) -> None:
    draws = text(
        "draws.py",
        """
import random, numpy as np
from ame.federation import client as flare
flare.init()
while flare.is_running():
    w = flare.receive().params["w"]
    flare.send(flare.FLModel(params={"w": w + random.random() + np.random.rand()}))
""",
    )
    for name, seed in (("a", 1), ("b", 2), ("c", 1)):
        simulate(job(app(draws)), workspace=tmp_path / name, sites=3, threads=2, seed=seed)

    assert np.array_equal(model(tmp_path / "a"), model(tmp_path / "c"))
    assert not np.array_equal(model(tmp_path / "a"), model(tmp_path / "b"))


TENSORFLOW = """
import random
from ame.federation import client as flare
flare.init()
import numpy as np
import tensorflow as tf
import keras
lasting = tf.random.get_global_generator()
while flare.is_running():
    w = flare.receive().params["w"]
    layers = keras.layers
    net = keras.Sequential([layers.Input((4,)), layers.Dense(3), layers.Dropout(0.5)])
    net.compile("sgd", "mse")
    x = np.arange(32.0).reshape(8, 4)
    net.fit(x, x[:, :3], verbose=0)
    drawn = [
        random.random(), np.random.rand(),
        float(tf.random.normal(())), float(tf.random.uniform(())),
        float(lasting.normal(())), float(net(x[:1], training=True)[0, 0]),
        float(keras.random.normal(())), int(next(iter(tf.data.Dataset.range(99).shuffle(99)))),
    ]
    flare.send(flare.FLModel(params={"w": w + np.array(drawn)}))
"""


@pytest.mark.slow
def test_what_tensorflow_draws_is_the_sites_own_whatever_the_threads(tmp_path: Path) -> None:
    models = {}
    for threads in (1, 2, 3):
        everyone = app(text("tensors.py", TENSORFLOW))
        folder = tmp_path / str(threads)
        simulate(job(everyone, rounds=2, min_clients=3), workspace=folder, sites=3, threads=threads)
        models[threads] = model(folder)

    np.testing.assert_array_equal(models[1], models[2])
    np.testing.assert_array_equal(models[1], models[3])
