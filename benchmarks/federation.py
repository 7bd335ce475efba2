"""What a simulated federated job costs beside the training itself.

Usage: python benchmarks/federation.py [--small] [CASE]...   (by default all)

peers       rounds of sites that answer at once, at 1,000 and at 1,000,000 floats, in ame, in
            Flower's simulation and in NVFLARE's: each a program of its own, the imports included.
            Peers are installed on the first use; one that fails three times is left out.
            `--small`: at most 8 sites of 1,000 floats, and two rounds
no-op       the same in ame alone, with the CPU's time; beside it one NumPy copy and add of such an
            array
start       seconds to the end of the first round with 1,000 sites, beyond the imports
error       from the raising of a script's error to when it is told, others being at work
torch       1,000 sites with a small torch model each: memory of all processes together
real        a round of trainings on all cores, beside the same trainings in one process per core
crowd       one round of 1,000,000 sites of a linear model, as an executor class; `--small`: 20,000

Memory is the sum over all processes, pages that they share counted once.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import federation_jobs as jobs
import installed
import measure
import numpy as np

from ame.federation.exchange.sites import Lost
from ame.federation.exchange.watcher import Nobody
from ame.federation.program import Part, Program
from ame.federation.simulator import simulate
from ame.process import sweep, tree

PEERS = {
    "ame": (),
    "Flower 1.41": ("flwr[simulation]==1.41.0",),
    "NVFLARE 2.9": ("nvflare==2.9.0",),
}
ROWS = (
    *(("ame", sites, size) for size in (1_000, 1_000_000) for sites in (2, 8, 100, 1_000)),
    *(("Flower 1.41", sites, size) for size in (1_000, 1_000_000) for sites in (8, 100)),
    *(("NVFLARE 2.9", sites, size) for size in (1_000, 1_000_000) for sites in (2, 8)),
)
PATIENCE = 900
TRIES = 3
"""A busy machine can be too slow for a peer's own time-outs."""
SMALL = "--small" in sys.argv


@dataclass
class Clock(Nobody):
    """When each round was done, and what memory was in use at most."""

    began: float = field(default_factory=time.perf_counter)
    rounds: list[float] = field(default_factory=list)
    used: list[tuple[float, float]] = field(default_factory=list)
    """CPU seconds of the server's process, and of those of the sites, at the end of each."""
    peak: float = 0.0
    lost_at: float = 0.0

    def lost(self, lost: Lost) -> None:
        self.lost_at = time.time()

    def fired(self, event: str, fl_ctx: object) -> None:
        if event == "_round_done":
            self.rounds.append(time.perf_counter() - self.began)
            below = sum(entry.seconds for entry in tree.below(os.getpid()))
            self.used.append((time.process_time(), below))

    def watch(self, over: threading.Event) -> None:
        while not over.wait(0.2):
            self.peak = max(self.peak, in_use(os.getpid()))


def in_use(root: int) -> float:
    """Mebibytes of a process and all below it."""
    pids = [root, *(entry.pid for entry in tree.below(root))]
    return sum(map(proportional, pids)) / 2**20


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


def program_of(name: str, sites: int, size: int, rounds: int) -> tuple[list[float], float]:
    """When each round of a program was done, and the most memory in use; all of it has ended.

    Raises:
        measure.ProgramFailed: it did not end well, or not within its time.
    """
    peer = name.partition(" ")[0].lower()
    python = installed.python_of(peer, PEERS[name]) if PEERS[name] else sys.executable
    if not python:
        raise measure.ProgramFailed("it is not installed")
    script = Path(__file__).parent / "peers" / f"{peer}_federation.py"
    marker = f"AME_BENCHMARK={os.urandom(8).hex()}"
    variables = dict([marker.split("=")])
    if not PEERS[name]:
        variables["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
    with tempfile.TemporaryDirectory() as folder, Path(folder, "said").open("w+") as said:
        (Path(folder) / "work").mkdir()
        child = subprocess.Popen(
            (python, str(script), *map(str, (sites, size, rounds)), str(Path(folder) / "work")),
            cwd=folder,
            env={**os.environ, **variables},
            stdout=said,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        peak, ends = 0.0, time.monotonic() + PATIENCE
        try:
            while child.poll() is None and time.monotonic() < ends:
                peak = max(peak, in_use(child.pid))
                time.sleep(0.2)
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
            child.wait()
            sweep(marker)  # some leave processes behind
        said.seek(0)
        lines = said.read().strip().splitlines() or [""]
    try:
        done: list[float] = json.loads(lines[-1])
    except ValueError as error:
        raise measure.ProgramFailed(lines[-1]) from error
    if child.returncode or len(done) < rounds:
        raise measure.ProgramFailed(f"exit code {child.returncode}, {len(done)} rounds done")
    return done, peak


def tried(name: str, sites: int, size: int, rounds: int) -> tuple[list[float], float]:
    """As `program_of`; what fails is tried again."""
    for left in reversed(range(TRIES)):
        try:
            return program_of(name, sites, size, rounds)
        except measure.ProgramFailed as error:
            if not left:
                raise
            print(f"{name} with {sites} sites, again after: {error}", flush=True)
    raise AssertionError


def peers() -> None:
    lines = []
    for name, sites, size in ROWS:
        if SMALL and (sites > 8 or size > 1_000):
            continue
        try:
            done, peak = tried(name, sites, size, rounds=2 if SMALL else 4)
        except measure.ProgramFailed as error:
            print(f"{name} with {sites} sites is left out: {error}", flush=True)
            continue
        best = min(b - a for a, b in itertools.pairwise(done)) * 1000
        numbers = (f"{sites:,}", f"{size:,}", f"{done[0]:.2f}", f"{best:,.1f}")
        lines.append((name, *numbers, f"{best / sites:.2f}", f"{peak:.0f}"))
    head = ("", "sites", "floats", "first round, s", "a round, ms", "a client-round, ms", "MiB")
    print(f"\n{measure.table(head, lines)}\n", flush=True)


def noop() -> None:
    for sites, size, rounds in ((100, 1_000, 12), (1000, 1_000, 4), (100, 1_000_000, 12)):
        clock = timed(jobs.script(jobs.NOOP, rounds=rounds, size=size), sites)
        print(
            f"no-op, {sites} sites, {size} floats: {each(clock, sites):.2f} ms a client-round "
            f"({used(clock, sites)}), first round {clock.rounds[0]:.2f} s, {clock.peak:.0f} MiB",
            flush=True,
        )
    print(f"one copy and add of 1000000 floats: {copy_and_add(1_000_000):.2f} ms", flush=True)


def start() -> None:
    one = timed(jobs.script(jobs.NOOP, rounds=1, size=1000), 1, memory=False)
    many = timed(jobs.script(jobs.NOOP, rounds=1, size=1000), 1000, memory=False)
    server, below = (a - b for a, b in zip(many.used[0], one.used[0], strict=True))
    print(
        f"start: first round done after {many.rounds[0]:.2f} s with 1000 sites, "
        f"{one.rounds[0]:.2f} s with one; {server:.2f} + {below:.2f} s CPU more",
        flush=True,
    )


def error() -> None:
    with tempfile.NamedTemporaryFile() as raised:
        source = jobs.RAISES.replace("FILE", repr(raised.name))
        clock = timed(jobs.script(source, rounds=1, size=1000), 8, memory=False)
        told = clock.lost_at - float(Path(raised.name).read_text())
    print(f"error: told {told * 1000:.0f} ms after it was raised", flush=True)


def torch() -> None:
    clock = timed(jobs.script(jobs.TORCH, rounds=3, size=1000), 1000)
    print(
        f"torch: 1000 sites, {clock.peak:.0f} MiB, {each(clock, 1000):.2f} ms a client-round",
        flush=True,
    )


def real() -> None:
    cores = len(os.sched_getaffinity(0))
    sites = 8 * cores
    train = jobs.TRAIN.replace("STEPS", "60")
    clock = timed(
        jobs.script(jobs.TRAINS, jobs.file("train.py", train), rounds=3, size=1000),
        sites,
        memory=False,
    )
    ours = each(clock, sites) * sites / 1000
    spent = (sum(clock.used[-1]) - sum(clock.used[0])) / (len(clock.used) - 1)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "train.py").write_text(train)
        (Path(folder) / "alone.py").write_text(jobs.ALONE)
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        seconds, spent_plain = [], []
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
            took = [[float(word) for word in each_.communicate()[0].split()] for each_ in started]
            seconds.append(max(wall for wall, _ in took))
            spent_plain.append(sum(cpu for _, cpu in took))
    plain, cpu = min(seconds), min(spent_plain)
    print(
        f"real: a round of {sites} trainings {ours:.2f} s ({spent:.2f} s CPU), one process a core "
        f"{plain:.2f} s ({cpu:.2f} s CPU): {ours / plain:.2f} times ({spent / cpu:.2f} times)",
        flush=True,
    )


def crowd() -> None:
    sites = 20_000 if SMALL else 1_000_000
    executor = Part(path="linear.Linear")
    clock = timed(
        jobs.job(executor, (jobs.file("linear.py", jobs.LINEAR),), rounds=1, size=20), sites
    )
    print(
        f"crowd: {sites} sites, one round {clock.rounds[0]:.0f} s, of the CPU "
        f"{clock.used[0][0]:.0f} + {clock.used[0][1]:.0f} s, {clock.peak:.0f} MiB",
        flush=True,
    )


CASES: dict[str, Callable[[], None]] = {
    "peers": peers, "no-op": noop, "start": start, "error": error, "torch": torch, "real": real,
    "crowd": crowd,
}  # fmt: skip


def main() -> None:
    print(measure.machine())
    for name in [word for word in sys.argv[1:] if word != "--small"] or CASES:
        CASES[name]()


if __name__ == "__main__":
    main()
