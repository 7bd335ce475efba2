"""Controllers that a site leads."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame import errors
from ame.federation import FedAvg, FedJob, FilterType, FrameworkType, ScriptRunner
from ame.federation.components.persistors.numpy_files import NPModelPersistor
from ame.federation.peers.led import ClientControllerExecutor, Peers
from ame.federation.peers.server import ServerSideController
from ame.federation.program import Direction, Filtered
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


HALVE = """
from ame.federation.spec.dxo import DataKind
from ame.federation.spec.filter import DXOFilter

class Halve(DXOFilter):
    def __init__(self):
        super().__init__([DataKind.WEIGHTS], None)

    def process_dxo(self, dxo, shareable, fl_ctx):
        for name in dxo.data:
            dxo.data[name] = dxo.data[name] / 2
        return dxo
"""


@pytest.mark.parametrize(
    ("kind", "direction", "mean"),
    [
        ("task_result_filters", "in", 20 / 9),  # what peers answer to the one that leads
        ("task_data_filters", "out", 10 / 3),  # what it gives to peers
    ],
)
def test_filters_of_a_site_may_be_for_what_it_gives_to_peers_and_takes_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, direction: Direction, mean: float
) -> None:
    with user_folder(tmp_path, monkeypatch) as folder:
        folder.write("train.py", TRAIN)
        halve = folder.module("halve_of_mine", HALVE)
        made = job()
        made.to(halve.Halve(), "site-2", filter_type=FilterType.TASK_RESULT, tasks=["other"])
        program = made.program()
        leader = program.sites["site-2"]
        ((part,),) = [each.filters for each in leader.task_result_filters]
        chain = (Filtered(tasks=("train",), filters=(part,), direction=direction),)
        changed = replace(leader, **{"task_result_filters": (), kind: chain})
        sites = {**program.sites, "site-2": changed}
        simulate(replace(program, sites=sites), workspace=tmp_path / "work", threads=2)

    (kept,) = (tmp_path / "work/site-1").rglob("server.npy")
    assert np.load(kept) == pytest.approx(mean)


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
