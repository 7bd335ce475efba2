"""What was exported runs on NVFLARE itself, of both versions, and comes to the same models as here.

That NVFLARE exits with 0 says nothing, so each test looks at the model that was trained.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ame.federation import FedJob, FilterType, PTModel, ScriptRunner, TFModel, export
from ame.federation.components.aggregators import InTimeAccumulateWeightedAggregator
from ame.federation.components.generators import (
    FullModelShareableGenerator,
    SimpleModelShareableGenerator,
)
from ame.federation.components.persistors.numpy_files import NPModelLocator, NPModelPersistor
from ame.federation.components.persistors.torch_files import PTFileModelPersistor
from ame.federation.components.selector import IntimeModelSelector
from ame.federation.components.validation import ValidationJsonGenerator
from ame.federation.job.ccwf import CCWFJob
from ame.federation.peers.config import SwarmClientConfig, SwarmServerConfig
from ame.federation.program import Program, Version
from ame.federation.simulator import simulate
from ame.federation.workflows.averaging.fedavg import FedAvg
from ame.federation.workflows.cross_site import CrossSiteModelEval
from ame.federation.workflows.scatter_and_gather import ScatterAndGather
from parts.flare import Flare
from parts.userfolder import NET, Folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

TRAIN = """
import argparse

import torch
from ame.federation import FLModel
from ame.federation import client as flare
from near.data import load
from net import Net

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
rate = parser.parse_args().rate

flare.init()
steps = 0
while flare.is_running():
    received = flare.receive()
    net = Net(5)
    net.load_state_dict({name: torch.as_tensor(each) for name, each in received.params.items()})
    data = load(flare.get_site_name())
    loss = ((net(data) - 1) ** 2).mean()
    loss.backward()
    torch.optim.SGD(net.parameters(), rate).step()
    steps += 1  # a variable that stays from round to round
    flare.send(
        FLModel(
            params=net.state_dict(),
            metrics={"accuracy": -float(loss.detach())},
            meta={"NUM_STEPS_CURRENT_ROUND": steps + int(flare.get_site_name()[-1])},
        )
    )
"""
DATA = """
import torch

def load(site):
    return torch.arange(8.0).reshape(4, 2) / 10 * int(site[-1])
"""
PARTS = """
from ame.federation.spec.dxo import DataKind
from ame.federation.spec.filter import DXOFilter
from ame.federation.spec.component import FLComponent

class Damp(DXOFilter):
    \"\"\"Halves what a client sends.\"\"\"

    def __init__(self, by=0.5):
        super().__init__([DataKind.WEIGHTS, DataKind.WEIGHT_DIFF], None)
        self.by = by

    def process_dxo(self, dxo, shareable, fl_ctx):
        for name in dxo.data:
            dxo.data[name] = dxo.data[name] * self.by
        return dxo

class Outer:
    class Inner(FLComponent):
        def __init__(self, size):
            super().__init__()
            self.size = size
"""


def simulated(program: Program, place: Path, **more: Any) -> Path:
    """Runs a job here; returns the server's folder of the run."""
    simulate(program, workspace=place, **more)
    return place / "server" / "simulate_job"


def torch_model(run: Path, name: str = "FL_global_model.pt") -> dict[str, Any]:
    """The model that a run left behind."""
    (file,) = [each for each in run.rglob(name) if each.parent.name != "custom"]
    found: dict[str, Any] = torch.load(file, weights_only=True)["model"]
    return {key: torch.as_tensor(each).numpy() for key, each in found.items()}


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_allclose(array, other[name], rtol=1e-5, atol=1e-7)


def torch_job(folder: Folder) -> tuple[FedJob, dict[str, Any]]:
    """A job of PyTorch with parts of the user's own, and its initial weights."""
    folder.write("src/train.py", TRAIN)
    folder.write("near/data.py", DATA)
    parts = folder.module("parts_of_mine", PARTS)
    torch.manual_seed(5)
    net = folder.module("net", NET).Net(5)
    job = FedJob(name="torch-job", min_clients=2)
    job.to_server(FedAvg(num_clients=2, num_rounds=3))
    job.to_server(PTModel(net))
    job.to_server(IntimeModelSelector(key_metric="accuracy"))
    job.to_clients(ScriptRunner("src/train.py", script_args="--rate 0.05"))
    job.to_clients(parts.Damp(0.9), filter_type=FilterType.TASK_RESULT)
    job.to_clients(parts.Outer.Inner(3))
    return job, {name: each.numpy() for name, each in net.state_dict().items()}


def test_a_torch_job_with_own_parts_trains_as_here(
    folder: Folder, real: Flare, version: Version
) -> None:
    job, initial = torch_job(folder)
    job.export_job("jobs", flare_version=version)

    theirs = real.simulate(folder.path / "jobs/torch-job", folder.path / "flare")
    ours = simulated(job.program(), folder.path / "ours", sites=2)

    assert_same(torch_model(theirs), torch_model(ours))
    assert_same(
        torch_model(theirs, "best_FL_global_model.pt"), torch_model(ours, "best_FL_global_model.pt")
    )
    assert not np.allclose(torch_model(theirs)["layer.weight"], initial["layer.weight"])


def test_what_was_exported_is_read_and_trains_here_as_before(
    folder: Folder, version: Version
) -> None:
    from ame.federation.flare import activated

    job, _ = torch_job(folder)
    ours = simulated(job.program(), folder.path / "ours", sites=2)
    job.export_job("jobs", flare_version=version)
    with activated():
        again = simulated(
            export.read(folder.path / "jobs/torch-job"), folder.path / "again", sites=2
        )

    assert_same(torch_model(again), torch_model(ours))


def test_a_torch_job_trains_on_a_federation_of_processes(
    folder: Folder, real: Flare, version: Version
) -> None:
    job, _ = torch_job(folder)
    job.export_job("jobs", flare_version=version)
    with real.poc() as federation:
        theirs = federation.run(folder.path / "jobs/torch-job")
        trained = torch_model(theirs)
    ours = simulated(job.program(), folder.path / "ours", sites=2)

    assert_same(trained, torch_model(ours))


NUMPY = """
from ame.federation import client as flare
from ame.federation import FLModel
import sys

flare.init()
number = int(flare.get_site_name()[-1])
while flare.is_running():
    received = flare.receive()
    if flare.is_submit_model():
        flare.send(FLModel(params=trained))
        continue
    weights = received.params["numpy_key"]
    score = {"score": float(weights.sum()) + number}
    if flare.is_evaluate():
        flare.send(FLModel(metrics=score))
    else:
        trained = {"numpy_key": weights * 1.5 + number * float(sys.argv[1])}
        flare.send(FLModel(params=dict(trained), metrics=score))
"""


def test_a_numpy_job_of_processes_of_their_own_trains_as_here(
    folder: Folder, real: Flare, version: Version
) -> None:
    folder.write("train.py", NUMPY)
    job = FedJob(name="numpy-job", min_clients=2)
    job.to_server(
        ScatterAndGather(
            min_clients=2,
            num_rounds=2,
            wait_time_after_min_received=0,
            persistor_id="persistor",
            aggregator_id="aggregator",
            shareable_generator_id="shareable_generator",
        )
    )
    job.to_server(CrossSiteModelEval(model_locator_id="locator", submit_model_timeout=60))
    start = np.array([[1.0, 2.0], [3.0, -4.0]])
    job.to_server(NPModelPersistor(model=start), id="persistor")
    job.to_server(NPModelLocator(), id="locator")
    job.to_server(InTimeAccumulateWeightedAggregator(expected_data_kind="WEIGHTS"), id="aggregator")
    job.to_server(FullModelShareableGenerator(), id="shareable_generator")
    job.to_server(ValidationJsonGenerator())
    runner = ScriptRunner(
        "train.py", script_args="0.25", launch_external_process=True, framework="numpy"
    )
    job.to_clients(runner, tasks=["train", "validate", "submit_model"])
    job.export_job("jobs", flare_version=version)

    theirs = real.simulate(folder.path / "jobs/numpy-job", folder.path / "flare")
    ours = simulated(job.program(), folder.path / "ours", sites=2)

    trained = np.load(theirs / "app_server/custom/initial_persistor.npy")
    np.testing.assert_allclose(trained, np.load(ours / "models/server.npy"))
    assert not np.allclose(trained, start)
    said = "cross_site_val/cross_val_results.json"
    assert json.loads((theirs / said).read_text()) == json.loads((ours / said).read_text())


KERAS = """
import numpy as np
from ame.federation import client as flare
from ame.federation import FLModel

flare.init()
while flare.is_running():
    received = flare.receive()
    number = int(flare.get_site_name()[-1])
    layers = received.params.items()
    flare.send(FLModel(params={name: [array + number for array in each] for name, each in layers}))
"""


def test_a_keras_job_trains_as_here(folder: Folder, real: Flare, version: Version) -> None:
    import keras  # type: ignore[import-untyped]  # it has no types

    folder.write("train.py", KERAS)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])
    start = model.get_weights()
    job = FedJob(name="keras-job", min_clients=2)
    job.to_server(FedAvg(num_clients=2, num_rounds=2))
    job.to_server(TFModel(model))
    job.to_clients(ScriptRunner("train.py", framework="tensorflow"))
    job.export_job("jobs", flare_version=version)

    theirs = real.simulate(folder.path / "jobs/keras-job", folder.path / "flare")

    ours = simulated(job.program(), folder.path / "ours", sites=2)

    name = "initial_persistor.weights.h5" if version == "2.7" else "tf_model.weights.h5"
    place = theirs / "app_server" / ("custom" if version == "2.7" else "") / name
    for file in (place, ours / "app_server/tf_model.weights.h5"):
        model.load_weights(file)
        for trained, before in zip(model.get_weights(), start, strict=True):
            np.testing.assert_allclose(trained, before + 3.0, rtol=1e-5)  # +1 and +2, twice


def test_a_job_of_peers_trains_as_here(folder: Folder, real: Flare, version: Version) -> None:
    folder.write("src/train.py", TRAIN)
    folder.write("near/data.py", DATA)
    torch.manual_seed(6)
    net = folder.module("net", NET).Net(5)
    job = CCWFJob(name="swarm-job", min_clients=2)
    job.add_swarm(
        # of a second round NVFLARE may abort a site's training: it ends the first one too late
        SwarmServerConfig(num_rounds=1, starting_client="site-1", aggr_clients=["site-1"]),
        SwarmClientConfig(
            executor=ScriptRunner("src/train.py", script_args="--rate 0.05"),
            persistor=PTFileModelPersistor(model=net),
            shareable_generator=SimpleModelShareableGenerator(),
            aggregator=InTimeAccumulateWeightedAggregator(expected_data_kind="WEIGHTS"),
            min_responses_required=2,
        ),
    )
    job.export_job("jobs", flare_version=version, clients=2)

    theirs = real.simulate(folder.path / "jobs/swarm-job", folder.path / "flare")
    trained = torch_model(theirs.parent.parent / "site-1" / "simulate_job")
    simulated(job.program(), folder.path / "ours", sites=2)
    ours = torch_model(folder.path / "ours" / "site-1" / "simulate_job")

    assert_same(trained, ours)
    assert not np.allclose(trained["layer.weight"], net.state_dict()["layer.weight"].numpy())


SIGNATURES = """
import importlib.abc, importlib.util, inspect, json, sys, types

class Anything(type):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name, (), {})

class Module(types.ModuleType):
    __version__ = "99"
    __getattr__ = Anything.__getattr__

PACKAGES = {
    *("joblib", "mlflow", "shap", "sklearn", "tensorboard", "tensorboardX", "torch", "wandb"),
    "xgboost",
}

class Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):  # packages that tools bring
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in PACKAGES:
            return importlib.util.spec_from_loader(name, self, is_package=True)

    def create_module(self, spec):
        return Module(spec.name)

    def exec_module(self, module):
        pass

sys.meta_path.append(Absent())
found = {}
for path in json.loads(sys.argv[1]):
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        found[path] = "bitsandbytes" in str(error) or None
        continue
    names = set()
    for base in kind.__mro__ if inspect.isclass(kind) else ():
        if "__init__" in vars(base) and base is not object:
            parameters = inspect.signature(base.__init__).parameters.values()
            names |= {each.name for each in parameters if each.kind not in (2, 4)}
            if all(each.kind is not each.VAR_KEYWORD for each in parameters):
                break
    found[path] = sorted(names - {"self"})
print(json.dumps(found))
"""


def test_what_is_written_of_components_is_what_a_version_takes(
    real: Flare, version: Version
) -> None:
    from inspect import isclass

    from ame.federation.flare import names
    from ame.federation.job.asked import defaults
    from ame.federation.spec.component import FLComponent

    served = {
        theirs: ours
        for ours, theirs in names.reverse().items()
        if isclass(names.load(theirs)) and issubclass(names.load(theirs), FLComponent)
        if not names.lacks(theirs, version)
    }
    there = json.loads(real.python(SIGNATURES, json.dumps(list(served))).splitlines()[-1])

    for theirs, ours in served.items():
        assert there[theirs] is not None, f"{theirs} is not in NVFLARE {version}"
        if isinstance(there[theirs], list) and there[theirs]:
            missing = defaults(ours).keys() - set(there[theirs])
            lacking = names.lacking(theirs, version)
            assert missing <= lacking, (theirs, missing - lacking)
