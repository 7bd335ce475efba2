"""Federated jobs over a real SuperLink and real SuperNodes, in processes of their own."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ame import aggregation, errors
from ame.federation import flower
from ame.federation.exchange.sites import Lost, Order, Reply
from ame.federation.flower.started import Started
from ame.federation.program import Filtered, Part, Program
from ame.federation.results import tally
from ame.process import tree
from parts.simulated import Seen, app, file, job, model

SCRIPT = Path(__file__).parent / "scripts" / "adds.py"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def adds(rounds: int, args: str = "", **more: Any) -> Program:
    return job(app(file(SCRIPT), args=args, **more), rounds=rounds, size=1000)


@contextmanager
def nothing_left() -> Iterator[None]:
    before = {entry.pid for entry in tree.below(os.getpid())}
    yield
    after = {entry.pid for entry in tree.below(os.getpid())}
    assert after <= before


def rounds_of(seen: Seen, site: str) -> list[int]:
    lines = seen.prints[site].decode().splitlines()
    return [int(line.rpartition(" ")[2]) for line in lines if "does its round" in line]


def processes_of(seen: Seen, site: str) -> set[str]:
    lines = seen.prints[site].decode().splitlines()
    return {line.split()[3] for line in lines if "does its round" in line}


def test_a_job_runs_over_supernodes_and_its_scripts_stay(tmp_path: Path) -> None:
    seen = Seen()

    with nothing_left():
        flower.run(adds(3), workspace=tmp_path, sites=["north", "south"], watcher=seen)

    assert model(tmp_path) == pytest.approx(3)
    assert [reply.site for reply in seen.replies] == ["north", "south"] * 3
    for site in ("north", "south"):
        assert rounds_of(seen, site) == [1, 2, 3]
        assert len(processes_of(seen, site)) == 1
        assert f"{site} is done" in seen.prints[site].decode()
    assert processes_of(seen, "north") != processes_of(seen, "south")
    told = [record.value for site, record in seen.records if site == "north"]
    assert told == [1.0, 2.0, 3.0]


def test_the_same_script_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    seen = Seen()
    program = adds(2, external=True, command="python3 -u")

    with nothing_left():
        flower.run(program, workspace=tmp_path, sites=2, watcher=seen)

    assert model(tmp_path) == pytest.approx(2)
    assert rounds_of(seen, "site-2") == [1, 2]


class KillsOne(Seen):
    """Kills a site's SuperNode when the first round is done."""

    def __init__(self) -> None:
        super().__init__()
        self.victim = 0
        self.killed = 0.0
        self.noticed = 0.0

    def sent(self, orders: Any) -> None:
        order: Order = orders[0]
        if order.data.get_header("current_round") == 1 and self.victim and not self.killed:
            os.kill(self.victim, signal.SIGKILL)
            self.killed = time.monotonic()

    def lost(self, lost: Lost) -> None:
        super().lost(lost)
        self.noticed = self.noticed or time.monotonic()


def test_when_one_site_is_killed_the_job_ends_with_the_others(tmp_path: Path) -> None:
    seen = KillsOne()

    def begun(started: Started) -> None:
        seen.victim = started.pids("site-2")[0]

    with nothing_left():
        flower.run(adds(3), workspace=tmp_path, sites=3, watcher=seen, begun=begun)

    assert model(tmp_path) == pytest.approx(3)
    assert {lost.site for lost in seen.losses} == {"site-2"}
    assert "signal 9" in seen.losses[0].why.text
    assert any("site-2 is lost" in note for note in seen.notes)
    survivors = [reply.site for reply in seen.replies]
    assert survivors.count("site-1") == survivors.count("site-3") == 3


def test_a_script_that_raises_is_lost_with_its_own_words_and_place(tmp_path: Path) -> None:
    seen = Seen()

    flower.run(adds(2, args="site-2=raises@0"), workspace=tmp_path, sites=2, watcher=seen)

    lost: Lost = seen.losses[0]
    assert (lost.site, lost.why.kind) == ("site-2", "raised")
    assert "site-2 has had enough" in lost.why.text
    assert "adds.py" in lost.why.place
    assert model(tmp_path) == pytest.approx(2)
    assert all(isinstance(reply, Reply) for reply in seen.replies)


def test_a_run_that_is_continued_goes_on_with_what_was_spent_of_privacy(tmp_path: Path) -> None:
    filters = (
        Part(
            path="ame.federation.filters.variables.ConvertWeights",
            args={"direction": "weights_to_diff"},
        ),
        Part(path="ame.federation.filters.noise.GaussianNoise", args={"multiplier": 2.0}),
    )
    private = (Filtered(tasks=("train",), filters=filters),)

    def told(args: str = "", *, resume: bool = False) -> list[float]:
        script = replace(app(file(SCRIPT), args=args), task_result_filters=private)
        seen, program = Seen(), job(script, rounds=3)
        with contextlib.suppress(errors.TooFewResults):
            flower.run(program, workspace=tmp_path, sites=1, resume=resume, watcher=seen)
        return [tally.told(reply.result)[1]["epsilon"] for reply in seen.replies]

    once = aggregation.Accountant()
    spent = [once.after(multiplier=2.0, rounds=rounds).epsilon(1e-5) for rounds in (1, 2, 3)]
    assert told("site-1=raises@2") == pytest.approx(spent[:2])
    assert told(resume=True) == pytest.approx(spent[2:])


def test_a_superlink_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.FlowerUnreachable, match=r"127\.0\.0\.1:9"):
        flower.run(
            adds(1),
            workspace=tmp_path,
            sites=1,
            superlink=flower.link("http://127.0.0.1:9", None),
        )


def test_a_superlink_that_was_started_by_others_is_used(tmp_path: Path) -> None:
    with Started(["east", "west"], workspace=tmp_path / "others") as others:
        others.await_link()
        seen = Seen()

        flower.run(
            adds(1),
            workspace=tmp_path,
            sites=["east", "west"],
            superlink=others.link,
            watcher=seen,
        )

        assert not others.gone()
    assert model(tmp_path) == pytest.approx(1)


def test_processes_are_ended_though_the_leader_fails(tmp_path: Path) -> None:
    with nothing_left(), pytest.raises(errors.TooFewResults):
        flower.run(adds(1, args="site-1=raises@0"), workspace=tmp_path, sites=1)
