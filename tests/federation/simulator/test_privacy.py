"""What a site has spent of its privacy adds up over its whole run, whatever becomes of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ame import aggregation, errors
from ame.federation.conversion import FLModelUtils
from ame.federation.exchange.sites import Order, Reply
from ame.federation.model import FLModel
from ame.federation.program import App, Filtered, Part, Routed
from ame.federation.results import tally
from ame.federation.simulator import simulate, simulation
from parts.simulated import Seen, app, job, text

MULTIPLIER = 2.0
GAUSSIAN = Part(path="ame.federation.filters.noise.GaussianNoise", args={"multiplier": MULTIPLIER})
VECTOR = Part(
    path="ame.federation.filters.privacy.SVTPrivacy",
    args={"fraction": 0.5, "epsilon": 0.5, "noise_var": 0.25},
)
SCRIPT = """
import os
from pathlib import Path
from ame.federation import client as flare
flare.init()
while flare.is_running():
    model = flare.receive()
    params = {"w": model.params["w"] * 0 + 0.1}
    once = Path("failed")
    if flare.get_site_name() == "bad" and model.current_round == 2 and not once.exists():
        once.touch()
        FAIL
    flare.send(flare.FLModel(params=params, params_type=flare.ParamsType.DIFF))
"""


def sites(private: Part, fail: str) -> dict[str, App]:
    script = text("s.py", SCRIPT.replace("FAIL", fail))
    private_results = (Filtered(tasks=("train",), filters=(private,)),)
    each = replace(app(script), task_result_filters=private_results)
    return dict.fromkeys(("a", "bad", "b"), each)


def gaussian(rounds: int) -> float:
    account = aggregation.Accountant().after(multiplier=MULTIPLIER, rounds=rounds)
    return account.epsilon(1e-5)


def told(seen: Seen, site: str) -> list[float]:
    """What it said that it had spent, with each of its results."""
    results = [reply.result for reply in seen.replies if reply.site == site]
    return [tally.told(result)[1]["epsilon"] for result in results]


def test_a_run_that_is_continued_goes_on_with_what_was_spent(tmp_path: Path) -> None:
    program = job(None, sites=sites(GAUSSIAN, "raise OSError"), rounds=4, min_clients=3)
    before, after = Seen(), Seen()
    with pytest.raises(errors.TooFewResults):
        simulate(program, workspace=tmp_path, watcher=before, threads=2)
    assert told(before, "bad") == pytest.approx([gaussian(1), gaussian(2)])

    simulate(program, workspace=tmp_path, watcher=after, threads=2, resume=True)

    assert told(after, "bad") == pytest.approx([gaussian(3), gaussian(4)])
    assert told(before, "a") == pytest.approx([gaussian(1), gaussian(2), gaussian(3)])
    again = "the round that was not complete has cost it twice"
    assert told(after, "a") == pytest.approx([gaussian(4), gaussian(5)]), again


def test_another_run_in_the_same_folder_begins_with_nothing_spent(tmp_path: Path) -> None:
    program = job(None, sites=sites(GAUSSIAN, "pass"), rounds=1)
    simulate(program, workspace=tmp_path)
    seen = Seen()
    simulate(program, workspace=tmp_path, watcher=seen)

    assert told(seen, "a") == pytest.approx([gaussian(1)])


@pytest.mark.parametrize("private", [GAUSSIAN, VECTOR], ids=["noise", "sparse vector"])
def test_what_was_spent_counts_though_the_process_of_a_site_was_killed(
    tmp_path: Path, private: Part
) -> None:
    seen = Seen()
    program = job(None, sites=sites(private, "os._exit(1)"), rounds=4)
    simulate(program, workspace=tmp_path, watcher=seen, threads=1)

    assert [lost.site for lost in seen.losses] == ["bad"]
    assert [note for note in seen.notes if "a, b start again from the top" in note]
    one = gaussian if private is GAUSSIAN else lambda rounds: rounds * (0.5 + 4 * 0.25)
    assert told(seen, "bad") == pytest.approx([one(1), one(2), one(3)])
    for site in ("a", "b"):
        spent = told(seen, site)
        assert spent[:2] == pytest.approx([one(1), one(2)])
        assert spent[3] >= one(4) - 1e-9
        assert spent == sorted(spent)


SENDS = """
import numpy as np
from ame.federation.model import FLModel, ParamsType
from ame.federation.conversion import FLModelUtils
from ame.federation.spec.executor import Executor

class Sends(Executor):
    def execute(self, task_name, shareable, fl_ctx, abort_signal):
        params = {"w": np.full(8, 0.1)}
        return FLModelUtils.to_shareable(FLModel(params=params, params_type=ParamsType.DIFF))
"""


def sends() -> App:
    return App(
        executors=(Routed(tasks=("*",), executor=Part(path="sends.Sends")),),
        files=(text("sends.py", SENDS),),
        task_result_filters=(Filtered(tasks=("train",), filters=(GAUSSIAN,)),),
    )


def noised(folder: Path, among: tuple[str, ...] | None) -> bytes:
    program = job(sends())
    simulation.make_room(folder, ["a"], resume=False)
    with simulation.sites_of(
        program, ["a"], folder, Seen(), simulation.Shared(), seed=3, among=among
    ) as made:
        asked = FLModelUtils.to_shareable(FLModel(params={"w": np.zeros(8)}))
        made.send([Order(number=1, site="a", task="train", data=asked)])
        reply = None
        while reply is None:
            reply = made.take(30)
    assert isinstance(reply, Reply)
    arrays = FLModelUtils.from_shareable(reply.result).params
    return bytes(arrays["w"].tobytes())


def test_the_noise_of_a_simulated_site_follows_the_seed_and_that_of_a_real_one_does_not(
    tmp_path: Path,
) -> None:
    one, other = (noised(tmp_path / each, None) for each in ("1", "2"))
    assert one == other
    real, again = (noised(tmp_path / each, ("a", "b")) for each in ("3", "4"))
    assert len({one, real, again}) == 3


def test_sites_of_a_crowd_that_are_made_anew_add_up_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "CROWD", 10)
    seen = Seen()
    simulate(job(sends(), rounds=3), workspace=tmp_path, sites=12, threads=2, watcher=seen)

    for site in ("site-1", "site-12"):
        np.testing.assert_allclose(told(seen, site), [gaussian(1), gaussian(2), gaussian(3)])
