"""Controllers that a site leads."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.federation import FedAvg, FedJob, FrameworkType, ScriptRunner
from ame.federation.components.persistors.numpy_files import NPModelPersistor
from ame.federation.peers.led import ClientControllerExecutor, Peers
from ame.federation.peers.server import ServerSideController
from ame.federation.simulator import simulate
from ame.federation.spec.controller import ToAllAgain
from ame.federation.spec.shareable import Shareable
from ame.federation.spec.task import Task
from parts.userfolder import user_folder

TRAIN = """
import ame.federation.client as flare

flare.init()
number = int(flare.get_site_name()[-1])
while flare.is_running():
    received = flare.receive()
    weights = received.params["numpy_key"]
    flare.send(flare.FLModel(params={"numpy_key": weights + number}, metrics={"accuracy": 0.5}))
"""
SITES = ("site-1", "site-2", "site-3")


def job() -> Any:
    made = FedJob(name="led", min_clients=3)
    made.to_server(ServerSideController(task_name_prefix="led", starting_client="site-2"))
    for site in SITES:
        made.to(NPModelPersistor(model=[0.0, 0.0]), site, id="persistor")
        made.to(FedAvg(num_clients=3, num_rounds=2), site, id="lead")
        made.to(ClientControllerExecutor(["lead"], "led"), site, tasks=["led_*"])
        script = ScriptRunner("train.py", framework=FrameworkType.NUMPY)
        made.to(script, site, tasks=["train"])
    return made


@pytest.mark.parametrize("threads", [1, 3])
def test_a_site_leads_federated_averaging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    with user_folder(tmp_path, monkeypatch) as folder:
        folder.write("train.py", TRAIN)
        simulate(job().program(), workspace=tmp_path / "work", threads=threads)

    for site in SITES:
        (kept,) = (tmp_path / "work" / site).rglob("server.npy")
        assert np.load(kept).tolist() == [4, 4]  # twice the mean of 1, 2 and 3


def test_a_controller_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with user_folder(tmp_path, monkeypatch) as folder:
        folder.write("train.py", TRAIN)
        made = FedJob(name="led", min_clients=2)
        made.to_server(ServerSideController(task_name_prefix="led"))
        made.to_clients(ClientControllerExecutor(["nobody"], "led"), tasks=["led_*"])
        with pytest.raises(errors.Error, match="nobody"):
            simulate(made.program(), workspace=tmp_path / "work", sites=2)


def test_who_leads_must_be_said() -> None:
    with pytest.raises(TypeError, match="controller_id_list"):
        ClientControllerExecutor([])
    with pytest.raises(NotImplementedError, match="for ever"):
        Peers(None, SITES).give(Task("train", Shareable()), ToAllAgain(targets=None))
