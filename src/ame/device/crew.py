"""A simulation of one process or several: what each is told, and what they say together.

Run as a program, `python -m ame.device.crew`, it is one of several, and prints what it counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ame import errors, process
from ame.device import simulation
from ame.device.examples import Files
from ame.device.links.reach import Reach
from ame.device.plans import Plans
from ame.device.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ame.device.simulation import Tally
    from ame.device.visit import Visit

VARIABLE = "AME_DEVICE_CREW"
"""Tells a process what it simulates; others cannot read a key there."""
EVERY = 0.5
"""Seconds between two words of a process on how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who is simulated, where, and by how many processes."""

    reach: Reach
    population: str
    devices: int
    examples: str = ""
    """A folder with a file of TFRecords for each device, in the order of their names."""
    dropout: float = 0.0
    seed: int = 0
    at_once: int = 32
    threads: int = 1
    processes: int = 1
    environments: str = ""
    version: str = "1"
    failures: int = 0
    """How many visits of a process in a row may come to nothing, before it gives up; 0: as many
    as `simulation.Setting` says."""
    part: int = 0
    """Which of the processes this is."""


def run(crew: Crew, told: Callable[[Tally], None] | None = None) -> Tally:
    """Simulates, until the server has no task that is open; `told` hears how far it is.

    Where all processes gave up, the tally says why. Interrupted, `told` has heard of what was done.

    Raises:
        errors.ExamplesMissing: the folder has no files of examples.
        errors.SimulationFailed: one of the processes did.
    """
    _files(crew)
    return _alone(crew, told) if crew.processes == 1 else _together(crew, told)


def _alone(crew: Crew, told: Callable[[Tally], None] | None) -> Tally:
    tally = simulation.Tally()
    last = time.monotonic()

    def count(_seen: Visit) -> None:
        nonlocal last
        if told and time.monotonic() - last > EVERY:
            last = time.monotonic()
            told(tally)

    try:
        return asyncio.run(_simulated(crew, count, tally))
    except KeyboardInterrupt:
        if told:
            told(tally)
        raise


async def _simulated(crew: Crew, told: Callable[[Visit], None], tally: Tally) -> Tally:
    files = _files(crew)
    devices = [
        (number, Files(collections={"": (files[number % len(files)],)} if files else {}))
        for number in range(crew.part, crew.devices, crew.processes)
    ]
    setting = simulation.Setting(
        population=crew.population,
        devices=devices,
        dropout=crew.dropout,
        seed=crew.seed,
        at_once=crew.at_once,
        version=crew.version,
        failures=crew.failures,
        spoken=crew.reach.spoken,
    )
    environments = Path(crew.environments) if crew.environments else None
    with tempfile.TemporaryDirectory(prefix="ame-device-") as folder:
        async with (
            crew.reach.opened(connections=crew.at_once, compress=False) as server,
            Plans(threads=crew.threads, environments=environments) as plans,
        ):
            resources = Resources(Path(folder))
            return await simulation.simulate(
                setting, server, plans, resources, told=told, tally=tally
            )


def _together(crew: Crew, told: Callable[[Tally], None] | None) -> Tally:
    """One process for each part; each says in lines of JSON what it has counted so far."""
    last: dict[int, Tally] = {}
    lock = threading.Lock()
    failed: list[str] = []

    def follow(part: int, child: process.Child) -> None:
        rest, said = b"", []

        def hear(chunk: bytes) -> None:
            nonlocal rest
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if not line.startswith(b"{"):
                    said.append(line.decode(errors="replace"))
                    continue
                with lock:
                    last[part] = _read(line)
                    if told:
                        told(_sum(last.values()))

        process.pump(child, hear)
        if child.wait().code:
            failed.append(" | ".join(said[-8:]))

    path = os.pathsep.join(filter(None, sys.path))
    with process.Supervisor() as supervisor:
        threads = []
        for part in range(crew.processes):
            said = json.dumps(asdict(replace(crew, part=part)))
            command = process.Command(
                argv=(sys.executable, "-m", "ame.device.crew"),
                folder=Path.cwd(),
                variables={**os.environ, "PYTHONPATH": path, VARIABLE: said},
            )
            child = supervisor.start(command)
            threads.append(threading.Thread(target=follow, args=(part, child)))
            threads[-1].start()
        for thread in threads:
            thread.join()
    if failed:
        raise errors.SimulationFailed(failed[0])
    return _sum(last.values())


def _files(crew: Crew) -> list[Path]:
    if not crew.examples:
        return []
    found = sorted(path for path in Path(crew.examples).iterdir() if path.is_file())
    if not found:
        raise errors.ExamplesMissing(crew.examples)
    return found


def _sum(tallies: Collection[Tally]) -> Tally:
    whole = simulation.Tally()
    gave_up = bool(tallies) and all(one.given_up or one.unable for one in tallies)
    for each in tallies:
        if gave_up:
            whole.given_up.update(each.given_up)
        whole.visits.update(each.visits)
        whole.reasons.update(each.reasons)
        whole.simulated = max(whole.simulated, each.simulated)
    whole.unable = gave_up and not whole.given_up
    return whole


def _read(line: bytes) -> Tally:
    said = json.loads(line)
    tally = simulation.Tally(simulated=said["simulated"])
    tally.visits.update(said["visits"])
    tally.reasons.update(said["reasons"])
    tally.given_up.update(said["given_up"])
    tally.unable = said["unable"]
    return tally


def main() -> None:
    """One process of several."""
    said = json.loads(os.environ[VARIABLE])
    crew = Crew(**{**said, "reach": Reach(**said["reach"])})
    whole = _alone(crew, lambda tally: print(json.dumps(tally.plain()), flush=True))  # noqa: T201 - to the parent
    print(json.dumps(whole.plain()), flush=True)  # noqa: T201 - to the parent


if __name__ == "__main__":
    main()
