"""Fleets that are simulated, against a real server."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ame.device import crew, records, simulation
from ame.device.links import link
from ame.device.links.reach import Reach
from ame.device.resources import Resources
from ame.protocol.tensors import checkpoint
from device import devices
from device.devices import Through
from device.test_eligibility import post
from parts.servers import ports
from server import fleets

ROOT = Path(__file__).parents[2]


def simulated(
    folder: Path, plan: bytes = devices.PLAN, *, dropout: float = 0.2, failures: int = 0
) -> simulation.Tally:
    async def go() -> simulation.Tally:
        async with devices.place(folder) as place:
            size = {"min_aggregation_size": 5, "max_aggregation_size": 15}
            await place.task(client_plan=plan, total_iteration=3, **size)
            setting = simulation.Setting(
                population="p",
                devices=[(number, devices.USUAL) for number in range(20)],
                dropout=dropout,
                seed=1,
                at_once=4,
                failures=failures,
            )
            through = Through(place.server.peer.client)
            server = link.Link(transport=through, server="http://fleet", insecure=True)
            kept = Resources(folder / "resources")
            return await simulation.simulate(setting, server, place.plans, kept)

    return asyncio.run(go())


def test_a_fleet_visits_until_there_is_nothing_to_do(tmp_path: Path) -> None:
    tally = simulated(tmp_path)

    assert tally.visits["contributed"] >= 15
    assert tally.reasons["NO_ACTIVE_TASK_EXISTS"]
    assert tally.simulated >= 60  # nobody waited for that


def test_some_devices_of_a_fleet_vanish(tmp_path: Path) -> None:
    tally = simulated(tmp_path)

    assert tally.visits["dropped out"]
    assert not tally.given_up


def test_a_fleet_gives_up_on_a_plan_that_fails_on_every_device(tmp_path: Path) -> None:
    tally = simulated(tmp_path, devices.query_plan("unknown"))

    assert tally.visits["failed"] >= simulation.FEWEST
    assert tally.given_up.total() == tally.visits["failed"]
    assert all("unknown" in why for why in tally.given_up)


def test_a_fleet_of_which_every_device_vanishes_gives_up_when_it_is_told_to(
    tmp_path: Path,
) -> None:
    tally = simulated(tmp_path, dropout=1.0, failures=7)

    assert list(tally.given_up) == ["dropped out"]
    assert 7 <= tally.visits["dropped out"] < 7 + 4


def test_devices_whose_round_ends_without_them_are_not_needed_and_have_not_failed(
    tmp_path: Path,
) -> None:
    """Three are at work at once on a round that one of them ends."""

    async def go() -> simulation.Tally:
        async with devices.place(tmp_path) as place:
            await place.task(total_iteration=1, min_aggregation_size=1, max_aggregation_size=3)
            ended, computed = asyncio.Event(), asyncio.Barrier(3)

            class Later(Through):
                async def send(self, method: str, url: str, *rest: Any) -> Any:
                    if ":startdataupload" in url and await computed.wait():
                        await ended.wait()  # all but one of them
                    found = await super().send(method, url, *rest)
                    if ":submit" in url:
                        await place.server.app.leader.step()
                        ended.set()
                    return found

            through = Later(place.server.peer.client)
            server = link.Link(transport=through, server="http://fleet", insecure=True)
            setting = simulation.Setting(
                population="p", devices=[(number, devices.USUAL) for number in range(3)]
            )
            kept = Resources(tmp_path / "resources")
            return await simulation.simulate(setting, server, place.plans, kept)

    tally = asyncio.run(go())

    assert (tally.visits["contributed"], tally.visits["not needed"]) == (1, 2)
    assert not tally.visits["failed"]
    [(why, number)] = [each for each in tally.reasons.items() if "not needed" in each[0]]
    assert (why.endswith("its round is over"), number) == (True, 2)


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[str, str]]:
    """A server in a process of its own; where it is over HTTP and, if asked for, gRPC."""
    argv = [sys.executable, "-m", "ame", "server", "start", "--open", "--port", "0", *options]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=_variables(folder))
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        yield words[2].rstrip(","), words[-1]
    finally:
        process.terminate()
        process.communicate()


def _variables(folder: Path) -> dict[str, str]:
    return {**os.environ, "AME_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT / "src")}


def ame(folder: Path, *arguments: object, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ame", *map(str, arguments)],
        env=_variables(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def test_commands_simulate_a_fleet_in_two_processes_and_run_one_device(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for number in range(3):
        with (tmp_path / "data" / f"{number}.tfrecord").open("wb") as file:
            records.write(file, [devices.serialized(w=[1, number], examples=[1], loss_sum=[2])])
    (tmp_path / "plan").write_bytes(devices.PLAN)
    start = {"server/w": np.zeros(2, np.float32)}
    (tmp_path / "start").write_bytes(checkpoint.to_bytes(start))
    (tmp_path / "mean.json").write_text(json.dumps(fleets.AGGREGATION))
    with serving(tmp_path) as (server, _):
        at = ("--server", server)
        ame(tmp_path, "population", "create", "p", *at)
        files = ("--plan", tmp_path / "plan", "--checkpoint", tmp_path / "start")
        size = ("--rounds", 2, "--goal", 6, "--aggregation", tmp_path / "mean.json")
        ame(tmp_path, "fleet", "task", "create", "p", *files, *size, *at)
        mine = ("--examples", f"app://a={tmp_path / 'data' / '1.tfrecord'}")
        own = ("device", "run", "--population", "p", "--state", tmp_path / "own", "--once")

        ame(tmp_path, "fleet", "task", "wait", "p", 1, *at)
        first = ame(tmp_path, *own, *mine, *at)
        many = ("--devices", 30, "--processes", 2, "--examples", tmp_path / "data")
        said = ame(
            tmp_path, "device", "simulate", "--population", "p", *many, *at, "--format", "json"
        )
        last = ame(tmp_path, *own, *mine, *at)

    assert first.startswith("contributed to p/1; to come back in ")
    assert json.loads(said)["visits"]["contributed"] >= 11
    assert last.startswith("turned away: NO_ACTIVE_TASK_EXISTS")
    kept = json.loads((tmp_path / "own" / "memory.json").read_text())
    assert list(kept["contributed"]) == ["p/1"]


def test_a_command_says_what_failed_when_its_fleet_gives_up(tmp_path: Path) -> None:
    many = ("--devices", 8, "--processes", 2, "--failures", 3)
    with ports.held() as port:  # where nobody answers
        at = ("--server", f"http://127.0.0.1:{port}", "--population", "p")

        said = ame(tmp_path, "device", "simulate", *at, *many, code=1)

    assert "no round ends: " in said
    assert " visits came to nothing without a contribution between them\n  " in said
    assert str(port) in said


@pytest.mark.slow
def test_the_example_learns_to_read_digits(tmp_path: Path) -> None:
    script = ROOT / "examples" / "devices" / "digits.py"
    size = ("--devices", "20", "--rounds", "3", "--goal", "10", "--capacity", "20")
    with serving(tmp_path) as (server, _):
        done = subprocess.run(
            [sys.executable, script, "--server", server, *size],
            env=_variables(tmp_path),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )

    assert done.returncode == 0, done.stdout
    scores = [float(line.split()[2]) for line in done.stdout.splitlines() if line[:6] == "round "]
    assert len(scores) == 4
    assert scores[-1] > 0.4
    assert (tmp_path / "accuracy.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("dialect", ["odp", "grpc"])
def test_a_fleet_is_simulated_in_the_other_dialect_and_over_grpc(
    tmp_path: Path, dialect: str
) -> None:
    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "0.tfrecord").open("wb") as file:
        records.write(file, [devices.serialized(w=[1, 2], examples=[1], loss_sum=[2])])
    (tmp_path / "plan").write_bytes(devices.PLAN)
    start = {"server/w": np.zeros(2, np.float32)}
    (tmp_path / "start").write_bytes(checkpoint.to_bytes(start))
    (tmp_path / "mean.json").write_text(json.dumps(fleets.AGGREGATION))
    with serving(tmp_path, "--grpc-port", "0") as (server, grpc):
        at = ("--server", server)
        ame(tmp_path, "population", "create", "p", *at)
        files = ("--plan", tmp_path / "plan", "--checkpoint", tmp_path / "start")
        size = ("--rounds", 2, "--goal", 4, "--aggregation", tmp_path / "mean.json")
        asks = ("--min-examples", 1) if dialect == "grpc" else ()
        ame(tmp_path, "fleet", "task", "create", "p", *files, *size, *asks, *at)
        crowd = ("--population", "p", "--devices", 12, "--examples", tmp_path / "data")
        spoken = ("--dialect", "odp") if dialect == "odp" else ("--grpc", f"grpc://{grpc}")
        ame(tmp_path, "device", "simulate", *crowd, *spoken, "--processes", 2, *at)
        shown = json.loads(ame(tmp_path, "fleet", "task", "show", "p", 1, *at, "--format", "json"))
        assert [each["accepted"] >= 4 for each in shown["rounds"]] == [True, True]
        both = ("--dialect", "odp", "--grpc", f"grpc://{grpc}")
        assert "HTTP alone" in ame(tmp_path, "device", "simulate", *crowd, *both, *at, code=2)


def test_a_fleet_gives_up_on_a_task_that_none_of_its_devices_may_do(tmp_path: Path) -> None:
    async def go() -> simulation.Tally:
        async with devices.place(tmp_path) as place:
            policies = [{"dataAvailabilityPolicy": {"minExampleCount": 1000}}]
            await post(place, policies=policies)
            setting = simulation.Setting(
                population="p", devices=[(number, devices.USUAL) for number in range(5)]
            )
            through = Through(place.server.peer.client)
            server = link.Link(transport=through, server="http://fleet", insecure=True)
            kept = Resources(tmp_path / "resources")
            return await simulation.simulate(setting, server, place.plans, kept)

    tally = asyncio.run(go())

    assert tally.unable
    assert not tally.given_up
    assert simulation.WEEK < tally.simulated < simulation.WEEK + 2 * simulation.LATEST
    assert tally.visits == {"turned away": tally.visits.total()}


def test_what_was_done_is_told_when_a_simulation_is_interrupted() -> None:
    heard: list[int] = []

    def told(tally: simulation.Tally) -> None:
        heard.append(tally.visits.total())
        if len(heard) == 1:
            signal.raise_signal(signal.SIGINT)

    with ports.held() as port:  # where nobody answers
        reach = Reach(server=f"http://127.0.0.1:{port}")
        asked = crew.Crew(reach=reach, population="p", devices=9, failures=10**6)
        with pytest.raises(KeyboardInterrupt):
            crew.run(asked, told)

    assert heard[-1] >= heard[0] > 0
    assert len(heard) >= 2
