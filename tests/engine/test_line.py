"""The line of a run's steps, in front of leases that another run takes too."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pytest

from ame import process
from ame.engine.line import Line
from ame.runs import leases
from ame.runs.memory import MemoryLeases
from ame.storage.sqlite.leases import Database
from parts.waiting import eventually

ONE, ALL = leases.Claim(cpu=Decimal(1)), leases.Claim(cpu=Decimal(2))
HAS = leases.Capacity(cpu=Decimal(2), memory=0, storage=0)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ME, OTHER = str(process.own_identity()), f"{process.own_identity()}0"


@pytest.fixture(params=["memory", "database"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[leases.Leases]:
    kept: leases.Leases
    if request.param == "memory":
        kept = MemoryLeases(HAS)
    else:
        kept = Database(tmp_path / "leases.db", HAS, alive=lambda _: True)
    yield kept
    kept.close()


@pytest.fixture
def line(machine: leases.Leases) -> Line:
    return Line(machine, holder=ME)


def names(served: list[tuple[str, leases.Lease]]) -> list[str]:
    return [name for name, _ in served]


def test_steps_are_served_in_their_order_as_far_as_the_machine_goes(line: Line) -> None:
    for name in ("a", "b", "c"):
        line.join(name, ONE)

    assert names(line.serve()) == ["a", "b"]
    assert line.held == 2
    assert line.lacking() == ONE
    assert line.lacking() is None


def test_what_a_step_gives_back_is_handed_to_the_next_as_it_is(
    line: Line, machine: leases.Leases
) -> None:
    line.join("a", ALL)
    line.join("b", ALL)
    ((_, lease),) = line.serve()
    line.give_back(lease)

    assert line.serve() == [("b", lease)]
    assert machine.held() == (lease,)


def test_a_step_that_asks_for_something_else_gets_a_lease_of_its_own(line: Line) -> None:
    line.join("a", ALL)
    ((_, lease),) = line.serve()
    line.join("b", ONE)
    line.give_back(lease)

    ((name, other),) = line.serve()

    assert (name, other.claim) == ("b", ONE)


def test_a_run_that_waits_gets_what_a_step_gives_back(line: Line, machine: leases.Leases) -> None:
    line.join("a", ALL)
    line.join("b", ALL)
    ((_, lease),) = line.serve()
    got: list[leases.Lease | None] = []
    beside = Thread(target=lambda: got.append(machine.wait(ALL, holder=OTHER, now=NOW)))
    beside.start()
    assert eventually(lambda: machine.awaited(but=ME))
    line.give_back(lease)

    assert line.serve() == []
    beside.join()
    assert [each.holder for each in got if each] == [OTHER]
    assert line.lacking() == ALL


def test_what_was_waited_for_goes_to_the_first_that_asks_for_it(
    line: Line, machine: leases.Leases
) -> None:
    theirs = machine.take(ALL, holder=OTHER, now=NOW)
    assert theirs is not None
    line.join("a", ALL)
    line.join("b", ALL)
    assert line.serve() == []
    claim = line.lacking()
    assert claim == ALL
    machine.release(theirs, now=NOW)

    line.arrived(line.wait(claim))

    assert names(line.serve()) == ["a"]


def test_a_lease_that_comes_when_nobody_needs_it_any_more_is_released(
    line: Line, machine: leases.Leases
) -> None:
    line.join("a", ALL)
    claim = line.lacking()
    assert claim is not None
    lease = line.wait(claim)
    assert lease is not None

    assert line.close() == ["a"]
    line.arrived(lease)

    assert line.serve() == []
    assert machine.held() == ()


def test_closing_ends_the_wait(line: Line, machine: leases.Leases) -> None:
    machine.take(ALL, holder=OTHER, now=NOW)
    line.join("a", ALL)
    assert line.serve() == []
    claim = line.lacking()
    assert claim is not None
    got: list[leases.Lease | None] = []
    beside = Thread(target=lambda: got.append(line.wait(claim)))
    beside.start()

    line.close()

    beside.join()
    assert got == [None]


def test_one_run_has_no_more_than_so_many_steps_going(machine: leases.Leases) -> None:
    line = Line(machine, holder=ME)
    nothing = leases.Claim()
    for number in range(70):
        line.join(str(number), nothing)

    served = line.serve()

    assert len(served) == 64
    assert line.lacking() is None
    line.give_back(served[0][1])
    assert names(line.serve()) == ["64"]
