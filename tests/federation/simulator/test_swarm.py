"""Sites that lead themselves, simulated, when one of them goes."""

from pathlib import Path

import numpy as np
import pytest

from ame import errors
from ame.federation.components.aggregators import InTimeAccumulateWeightedAggregator
from ame.federation.components.generators import SimpleModelShareableGenerator
from ame.federation.components.persistors.numpy_files import NPModelPersistor
from ame.federation.job import FrameworkType, ScriptRunner
from ame.federation.job.ccwf import CCWFJob
from ame.federation.peers.config import SwarmClientConfig, SwarmServerConfig
from parts.simulated import Seen, simulate

SCRIPT = """
import os, sys, time
import numpy as np
from ame.federation import client as flare

flare.init()
while flare.is_running():
    model = flare.receive()
    if flare.get_site_name() == "site-2" and model.current_round == 1:
        {deed}
    params = {{"numpy_key": model.params["numpy_key"] + 1}}
    flare.send(flare.FLModel(params=params, metrics={{"accuracy": 0.5}}))
"""


def ran(folder: Path, deed: str, *, enough: int, **limits: float) -> Seen:
    """Three sites, three rounds; in the second one of them does this."""
    (folder / "learn.py").write_text(SCRIPT.format(deed=deed))
    job = CCWFJob(name="swarm", min_clients=enough)
    job.add_swarm(
        SwarmServerConfig(num_rounds=3, min_clients=enough, aggr_clients=["site-1", "site-3"]),
        SwarmClientConfig(
            executor=ScriptRunner(str(folder / "learn.py"), framework=FrameworkType.NUMPY),
            persistor=NPModelPersistor(model=np.zeros(2)),
            shareable_generator=SimpleModelShareableGenerator(),
            aggregator=InTimeAccumulateWeightedAggregator(expected_data_kind="WEIGHTS"),
            **limits,  # type: ignore[arg-type]  # its own names
        ),
    )
    seen = Seen()
    simulate(job.program(), workspace=folder / "work", sites=3, threads=3, watcher=seen)
    return seen


def kept(folder: Path, site: str) -> float:
    """What the model of a site has come to."""
    (file,) = (folder / "work" / site).rglob("server.npy")
    return float(np.load(file)[0])


def test_a_swarm_goes_on_without_a_site_that_is_killed_in_the_middle(tmp_path: Path) -> None:
    ran(tmp_path, "os._exit(1)", enough=2)

    assert [kept(tmp_path, site) for site in ("site-1", "site-3")] == [3, 3]


def test_a_swarm_that_needs_all_ends_when_one_is_killed(tmp_path: Path) -> None:
    with pytest.raises(errors.TooFewResults, match="site-2"):
        ran(tmp_path, "os._exit(1)", enough=3)


@pytest.mark.slow
def test_a_site_that_learns_for_too_long_is_lost_to_the_swarm(tmp_path: Path) -> None:
    ran(tmp_path, "time.sleep(600)", enough=2, learn_task_timeout=3)

    assert [kept(tmp_path, site) for site in ("site-1", "site-3")] == [3, 3]


@pytest.mark.slow
def test_a_round_waits_no_longer_than_it_may_for_those_beyond_the_required(tmp_path: Path) -> None:
    limits = {"min_responses_required": 2, "wait_time_after_min_resps_received": 0.5}
    ran(tmp_path, "time.sleep(5)", enough=3, **limits)

    assert [kept(tmp_path, f"site-{number}") for number in (1, 2, 3)] == [3, 3, 3]
