from typing import Any

import pytest

from ame.federation import FedJob, PTModel
from ame.federation.program import Version
from ame.federation.workflows.averaging.fedavg import FedAvg
from parts.flare import Flare, flare
from parts.userfolder import NET, Folder

TRAIN = """
from ame.federation import FLModel, client as flare
import net
"""
OWN = """
from ame.federation.spec.component import FLComponent
from ame.federation.spec.filter import Filter
from ame.federation.workflows.model_controller import ModelController

class Sieve(Filter):
    def __init__(self, size=1, things=None):
        super().__init__()

    def process(self, shareable, fl_ctx):
        return shareable

class Leads(ModelController):
    def run(self):
        self.send_model_and_wait(task_name="mine")

class Outer:
    class Inner:
        def __init__(self, size=1):
            self.size = size

class Many(FLComponent):
    def __init__(self, *sizes):
        self.sizes = sizes

class Holds:
    def __init__(self, value=None):
        self.value = value
"""


@pytest.fixture(params=["2.7", "2.9"])
def version(request: pytest.FixtureRequest) -> Version:
    given: Version = request.param
    return given


@pytest.fixture
def real(version: Version) -> Flare:
    return flare(version)


@pytest.fixture
def job(folder: Folder) -> FedJob:
    folder.write("train.py", TRAIN)
    net = folder.module("net", NET).Net(3)
    made = FedJob(name="j", min_clients=2)
    made.to_server(FedAvg(num_clients=2, num_rounds=3))
    made.to_server(PTModel(net))
    return made


@pytest.fixture
def own(folder: Folder) -> Any:
    return folder.module("own", OWN)
