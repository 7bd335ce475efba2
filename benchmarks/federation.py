"""What a simulated federated job costs beside the training itself.

Usage: python benchmarks/federation.py [CASE]...   (by default all but `crowd`)

no-op       rounds of sites that answer at once, at 1,000 and at 1,000,000 floats; beside it one
            NumPy copy and add of such an array
start       seconds to the end of the first round with 1,000 sites, beyond the imports
torch       1,000 sites with a small torch model each: memory of all processes together
real        a round of trainings on all cores, beside the same trainings in one process per core
crowd       one round of 1,000,000 sites of a linear model, as an executor class

Memory is the sum over all processes, pages that they share counted once.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import measure
import numpy as np

from ame.federation.exchange.watcher import Nobody
from ame.federation.program import App, File, Part, Program, Routed
from ame.federation.simulator import simulate
from ame.process import tree

EXECUTOR = "ame.federation.client.executor.ScriptExecutor"
SERVER = """
import numpy as np
from ame.federation.spec.learnable import ModelPersistor, make_model_learnable
from ame.federation.workflows.fedavg import FedAvg

class Averages(FedAvg):
    pass

class Keeps(ModelPersistor):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def load_model(self, fl_ctx):
        return make_model_learnable({"w": np.zeros(self.size, np.float32)}, {})

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
began = time.perf_counter()
for site in sys.argv[1:]:
    train(int(site))
print(time.perf_counter() - began)
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


@dataclass
class Clock(Nobody):
    """When each round was done, and what memory was in use at most."""

    began: float = field(default_factory=time.perf_counter)
    rounds: list[float] = field(default_factory=list)
    used: list[tuple[float, float]] = field(default_factory=list)
    """CPU seconds of the server's process, and of those of the sites, at the end of each."""
    peak: float = 0.0

    def fired(self, event: str, fl_ctx: object) -> None:
        if event == "_round_done":
            self.rounds.append(time.perf_counter() - self.began)
            below = sum(entry.seconds for entry in tree.below(os.getpid()))
            self.used.append((time.process_time(), below))

    def watch(self, over: threading.Event) -> None:
        while not over.wait(1):
            pids = [os.getpid(), *(entry.pid for entry in tree.below(os.getpid()))]
            self.peak = max(self.peak, sum(map(proportional, pids)) / 2**20)


def proportional(pid: int) -> int:
    """Bytes of a process, its share of what it shares."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def timed(program: Program, sites: int, *, memory: bool = True) -> Clock:
    clock = Clock()
    over = threading.Event()
    watching = threading.Thread(target=clock.watch, args=(over,))
    if memory:
        watching.start()
    with tempfile.TemporaryDirectory() as folder:
        try:
            simulate(program, workspace=folder, sites=sites, watcher=clock)
        finally:
            over.set()
            if memory:
                watching.join()
    return clock


def each(clock: Clock, sites: int) -> float:
    """Milliseconds a client-round, by the fastest round but the first."""
    return min(b - a for a, b in itertools.pairwise(clock.rounds)) * 1000 / sites


def used(clock: Clock, sites: int) -> str:
    """The same of CPU time, over all rounds but the first."""
    count = (len(clock.used) - 1) * sites / 1000
    (server, below), (server_end, below_end) = clock.used[0], clock.used[-1]
    return f"{(server_end - server) / count:.2f} + {(below_end - below) / count:.2f} ms CPU"


def copy_and_add(size: int) -> float:
    """Milliseconds of one copy and one addition of arrays larger than the cache."""
    arrays = [np.ones(size, np.float32) for _ in range(32)]
    total = np.zeros(size, np.float32)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for array in arrays:
            total += array.copy()
        best = min(best, (time.perf_counter() - began) / len(arrays))
    return best * 1000


def noop() -> None:
    for sites, size, rounds in ((100, 1_000, 12), (1000, 1_000, 4), (100, 1_000_000, 5)):
        clock = timed(script(NOOP, rounds=rounds, size=size), sites)
        print(
            f"no-op, {sites} sites, {size} floats: {each(clock, sites):.2f} ms a client-round "
            f"({used(clock, sites)}), first round {clock.rounds[0]:.2f} s, {clock.peak:.0f} MiB",
            flush=True,
        )
    print(f"one copy and add of 1000000 floats: {copy_and_add(1_000_000):.2f} ms", flush=True)


def start() -> None:
    one = timed(script(NOOP, rounds=1, size=1000), 1, memory=False)
    many = timed(script(NOOP, rounds=1, size=1000), 1000, memory=False)
    print(
        f"start: first round done after {many.rounds[0]:.2f} s with 1000 sites, "
        f"{one.rounds[0]:.2f} s with one",
        flush=True,
    )


def torch() -> None:
    clock = timed(script(TORCH, rounds=3, size=1000), 1000)
    print(
        f"torch: 1000 sites, {clock.peak:.0f} MiB, {each(clock, 1000):.2f} ms a client-round",
        flush=True,
    )


def real() -> None:
    cores = len(os.sched_getaffinity(0))
    sites = 8 * cores
    train = TRAIN.replace("STEPS", "60")
    clock = timed(script(TRAINS, file("train.py", train), rounds=3, size=1000), sites, memory=False)
    ours = each(clock, sites) * sites / 1000
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "train.py").write_text(train)
        (Path(folder) / "alone.py").write_text(ALONE)
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        seconds = []
        for _ in range(2):
            started = [
                subprocess.Popen(
                    [sys.executable, "alone.py", *map(str, range(core, sites, cores))],
                    cwd=folder,
                    env=environment,
                    stdout=subprocess.PIPE,
                )
                for core in range(cores)
            ]
            seconds.append(max(float(each_.communicate()[0]) for each_ in started))
    plain = min(seconds)
    print(f"real: a round of {sites} trainings {ours:.2f} s, one process a core {plain:.2f} s, "
          f"{ours / plain:.2f} times", flush=True)  # fmt: skip


def crowd(sites: int = 1_000_000) -> None:
    executor = Part(path="linear.Linear")
    clock = timed(job(executor, (file("linear.py", LINEAR),), rounds=1, size=20), sites)
    print(
        f"crowd: {sites} sites, one round {clock.rounds[0]:.0f} s, {clock.peak:.0f} MiB",
        flush=True,
    )


CASES: dict[str, Callable[[], None]] = {
    "no-op": noop, "start": start, "torch": torch, "real": real, "crowd": crowd,
}  # fmt: skip


def main() -> None:
    print(measure.machine())
    for name in sys.argv[1:] or [name for name in CASES if name != "crowd"]:
        CASES[name]()


if __name__ == "__main__":
    main()
