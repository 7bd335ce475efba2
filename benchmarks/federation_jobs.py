"""The jobs that are timed: their code, and programs made of it."""

from pathlib import PurePosixPath

from ame.federation.program import App, File, Part, Program, Routed

EXECUTOR = "ame.federation.client.executor.ScriptExecutor"
SERVER = """
import numpy as np
from ame.federation.spec.learnable import ModelPersistor, make_model_learnable
from ame.federation.workflows.averaging.fedavg import FedAvg

class Averages(FedAvg):
    pass

class Keeps(ModelPersistor):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def load_model(self, fl_ctx):
        return make_model_learnable({"w": np.linspace(-1, 1, self.size, dtype=np.float32)}, {})

    def save_model(self, model, fl_ctx):
        pass
"""
NOOP = """
from ame.federation import client as flare
flare.init()
while flare.is_running():
    model = flare.receive()
    flare.send(flare.FLModel(params=model.params))
"""
RAISES = """
import time
from ame.federation import client as flare
flare.init()
while flare.is_running():
    model = flare.receive()
    time.sleep(0.3)
    if flare.get_site_name() == "site-3":
        with open(FILE, "w") as file:
            file.write(str(time.time()))
        raise ValueError("no data here")
    flare.send(flare.FLModel(params=model.params))
"""
TORCH = """
import torch
from ame.federation import client as flare
net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
flare.init()
while flare.is_running():
    model = flare.receive()
    loss = net(torch.randn(32, 64)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    flare.send(flare.FLModel(params={"w": model.params["w"]}))
"""
TRAIN = """
import time
import torch
def train(seed, steps=STEPS):
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(256, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    x, y = torch.randn(512, 256), torch.randint(0, 10, (512,))
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
"""
TRAINS = """
import sys
from train import train
from ame.federation import client as flare
flare.init()
while flare.is_running():
    model = flare.receive()
    train(int(flare.get_site_name().rpartition("-")[2]))
    flare.send(flare.FLModel(params=model.params))
"""
ALONE = """
import sys
from train import train
import time
train(0, steps=1)  # what torch imports at its first step is not of the training
began, spent = time.perf_counter(), time.process_time()
for site in sys.argv[1:]:
    train(int(site))
print(time.perf_counter() - began, time.process_time() - spent)
"""
LINEAR = """
import numpy as np
from ame.federation.conversion import FLModelUtils
from ame.federation.model import FLModel
from ame.federation.spec.executor import Executor

class Linear(Executor):
    def execute(self, task_name, shareable, fl_ctx, abort_signal):
        w = FLModelUtils.from_shareable(shareable).params["w"]
        x = np.random.standard_normal((16, len(w))).astype(np.float32)
        gradient = x.T @ (x @ w - x.sum(axis=1)) / len(x)
        return FLModelUtils.to_shareable(FLModel(params={"w": w - 0.1 * gradient}))
"""


def file(target: str, source: str) -> File:
    return File(source=source.encode(), target=PurePosixPath(target))


def job(executor: Part, files: tuple[File, ...], *, rounds: int, size: int) -> Program:
    averages = Part(
        path="server.Averages", args={"num_clients": 0, "num_rounds": rounds}, id="controller"
    )
    keeps = Part(path="server.Keeps", args={"size": size}, id="persistor")
    return Program(
        name="benchmark",
        server=App(workflows=(averages,), components=(keeps,), files=(file("server.py", SERVER),)),
        everyone=App(executors=(Routed(tasks=("*",), executor=executor),), files=files),
    )


def script(source: str, *more: File, rounds: int, size: int) -> Program:
    executor = Part(path=EXECUTOR, args={"script": "s.py", "framework": "numpy"})
    return job(executor, (file("s.py", source), *more), rounds=rounds, size=size)
