"""What every form of leases promises, and the decision that all of them share."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ame import errors
from ame.runs import leases, memory
from ame.storage.sqlite import leases as kept

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MACHINE = leases.Capacity(cpu=Decimal(4), memory=8 << 30, storage=1 << 40, gpus=("GPU-a", "GPU-b"))
ALL = leases.Claim(cpu=Decimal(4))
HALF = leases.Claim(cpu=Decimal(2))
ONE = leases.Claim(cpu=Decimal(1))
FORMS: dict[str, Callable[[Path], leases.Leases]] = {
    "memory": lambda _: memory.MemoryLeases(MACHINE),
    "sqlite": lambda folder: kept.Database(
        folder / "leases.db", MACHINE, alive=lambda holder: not holder.startswith("dead")
    ),
}


@pytest.fixture(params=FORMS)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[leases.Leases]:
    form = FORMS[request.param](tmp_path)
    yield form
    form.close()


def take(machine: leases.Leases, claim: leases.Claim, holder: str = "me") -> leases.Lease:
    lease = machine.take(claim, holder=holder, now=NOON)
    assert lease is not None
    return lease


def test_what_is_held_is_not_given_twice(machine: leases.Leases) -> None:
    lease = take(machine, HALF)
    other = take(machine, HALF, "other")

    assert machine.take(ONE, holder="me", now=NOON) is None
    assert machine.held() == (lease, other)

    machine.release(lease, now=NOON)
    take(machine, HALF)


@pytest.mark.parametrize(
    "claim",
    [
        leases.Claim(cpu=Decimal("0.5")),
        leases.Claim(memory=1),
        leases.Claim(storage=1),
        leases.Claim(gpus=1),
    ],
)
def test_each_kind_of_resource_is_held(machine: leases.Leases, claim: leases.Claim) -> None:
    everything = leases.Claim(
        cpu=MACHINE.cpu, memory=MACHINE.memory, storage=MACHINE.storage, gpus=2
    )
    lease = take(machine, everything)

    assert machine.take(claim, holder="me", now=NOON) is None
    take(machine, leases.Claim())

    machine.release(lease, now=NOON)
    assert take(machine, claim).claim == claim


def test_gpus_are_given_whole_and_exclusively(machine: leases.Leases) -> None:
    first, second = (take(machine, leases.Claim(gpus=1)) for _ in range(2))

    assert {*first.gpus, *second.gpus} == {"GPU-a", "GPU-b"}
    assert machine.take(leases.Claim(gpus=1), holder="me", now=NOON) is None

    machine.release(first, now=NOON)
    assert take(machine, leases.Claim(gpus=1)).gpus == first.gpus


def test_more_than_the_machine_has_is_refused_naming_what_is_short(machine: leases.Leases) -> None:
    claim = leases.Claim(cpu=Decimal(8), memory=32 << 30, gpus=1)

    with pytest.raises(errors.ClaimTooLarge, match=r"cpu 8, of which it has 4; memory 32Gi") as e:
        machine.take(claim, holder="me", now=NOON)
    with pytest.raises(errors.ClaimTooLarge):
        machine.wait(claim, holder="me", now=NOON)

    assert [name for name, _, _ in e.value.short] == ["cpu", "memory"]
    assert take(machine, MACHINE.fit(claim)).claim == leases.Claim(
        cpu=Decimal(4), memory=8 << 30, gpus=1
    )


def test_a_lease_is_released_once(machine: leases.Leases) -> None:
    lease = take(machine, HALF)
    machine.release(lease, now=NOON)
    take(machine, ALL)

    machine.release(lease, now=NOON)

    assert machine.take(ONE, holder="me", now=NOON) is None


class Wait:
    """A thread that waits for a lease."""

    def __init__(self, machine: leases.Leases, claim: leases.Claim, **how: float | Event) -> None:
        self.lease: leases.Lease | None = None
        self.cancel = Event()
        self.ended: float | None = None

        def wait() -> None:
            self.lease = machine.wait(
                claim,
                holder="me",
                now=NOON,
                cancel=self.cancel,
                timeout=how.get("timeout", 20),  # type: ignore[arg-type]  # a number
            )
            self.ended = monotonic()

        self._thread = Thread(target=wait)
        self._thread.start()

    def result(self) -> leases.Lease | None:
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.lease


def test_one_that_waits_is_woken_by_a_release(machine: leases.Leases) -> None:
    lease = take(machine, ALL)
    waits = [Wait(machine, HALF) for _ in range(2)]

    machine.release(lease, now=NOON)

    assert {wait.result() for wait in waits} == set(machine.held())
    assert len(machine.held()) == 2


def test_it_is_known_whether_others_wait(machine: leases.Leases) -> None:
    lease = take(machine, ALL)
    assert not machine.awaited(but="other")
    wait = Wait(machine, ONE)
    end = monotonic() + 20
    while not machine.awaited(but="other"):
        assert monotonic() < end

    assert not machine.awaited(but="me")

    machine.release(lease, now=NOON)
    wait.result()
    assert not machine.awaited(but="other")


def test_a_wait_ends_without_a_lease_when_its_time_is_over(machine: leases.Leases) -> None:
    lease = take(machine, ALL)

    assert machine.wait(ONE, holder="me", now=NOON, timeout=0.01) is None

    machine.release(lease, now=NOON)
    assert machine.held() == ()


def test_a_wait_ends_without_a_lease_when_it_is_cancelled(machine: leases.Leases) -> None:
    lease = take(machine, ALL)
    wait = Wait(machine, ONE)

    wait.cancel.set()

    assert wait.result() is None
    machine.release(lease, now=NOON)
    assert machine.held() == ()


def test_many_threads_never_hold_more_than_there_is(machine: leases.Leases) -> None:
    held: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(5):
            lease = machine.wait(ONE, holder="me", now=NOON, timeout=60)
            assert lease is not None
            held.append(1)
            most.append(len(held))
            held.pop()
            machine.release(lease, now=NOON)

    threads = [Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(most) == 60
    assert max(most) <= 4
    assert machine.held() == ()


def test_what_the_dead_held_is_free(tmp_path: Path) -> None:
    machine = FORMS["sqlite"](tmp_path)
    take(machine, ALL, "dead")

    lease = take(machine, ALL)

    assert machine.held() == (lease,)
    machine.close()


def test_one_that_waits_gets_what_the_dead_held(tmp_path: Path) -> None:
    living = {"other"}
    machine = kept.Database(tmp_path / "leases.db", MACHINE, alive=lambda holder: holder in living)
    living.add("me")
    take(machine, ALL, "other")
    wait = Wait(machine, ALL)

    living.remove("other")

    assert wait.result() is not None
    machine.close()


HOLD = """
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from ame.runs import leases
from ame.storage.sqlite.leases import Database
machine = leases.Capacity(cpu=Decimal(4), memory=8 << 30, storage=1 << 40, gpus=("GPU-a", "GPU-b"))
database = Database(Path(sys.argv[1]), machine, alive=lambda holder: True)
lease = database.take(leases.Claim(cpu=Decimal(4)), holder="child", now=datetime.now(UTC))
print(lease is not None, flush=True)
sys.stdin.readline()
database.release(lease, now=datetime.now(UTC))
"""


def test_one_process_waits_for_another(tmp_path: Path) -> None:
    path = tmp_path / "leases.db"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "True\n"
    machine = kept.Database(path, MACHINE, alive=lambda _: True)
    assert machine.take(ONE, holder="me", now=NOON) is None
    wait = Wait(machine, ONE)

    child.communicate("go on\n", timeout=30)

    assert wait.result() is not None
    machine.close()


claims = st.builds(
    leases.Claim,
    cpu=st.sampled_from(["0", "0.5", "1", "3", "4"]).map(Decimal),
    memory=st.sampled_from([0, 1 << 30, 6 << 30, 8 << 30]),
    gpus=st.integers(0, 2),
)


@given(asked=st.lists(claims, max_size=12), ages=st.lists(st.integers(0, 60), min_size=12))
def test_never_is_more_given_than_there_is_and_what_is_owed_is_never_taken(
    asked: list[leases.Claim], ages: list[int]
) -> None:
    queue = [
        leases.Asked(
            number=number, holder="h", claim=claim, since=NOON - timedelta(seconds=ages[number])
        )
        for number, claim in enumerate(asked)
    ]

    granted = leases.grant(MACHINE, [], queue, now=NOON)

    free = MACHINE
    for lease in granted:
        assert len(lease.gpus) == lease.claim.gpus
        assert set(lease.gpus) <= set(free.gpus)
        assert free.has(lease.claim)
        free = free.less(lease)
    given_ = {lease.number for lease in granted}
    for one in queue:
        before = [lease for lease in granted if lease.number < one.number]
        left = MACHINE
        for lease in before:
            left = left.less(lease)
        if one.number not in given_ and left.has(one.claim):
            older = [o for o in queue[: one.number] if o.number not in given_]
            assert any(NOON - o.since >= leases.PATIENCE for o in older)


def queue(*claims: leases.Claim, age: timedelta) -> list[leases.Asked]:
    return [
        leases.Asked(number=number, holder="h", claim=claim, since=NOON - age)
        for number, claim in enumerate(claims, 1)
    ]


def test_a_small_claim_passes_a_large_one_that_has_not_waited_long() -> None:
    held = [leases.Lease(number=0, holder="h", claim=ONE)]

    (given_,) = leases.grant(MACHINE, held, queue(ALL, ONE, age=timedelta(seconds=1)), now=NOON)

    assert given_.claim == ONE


def test_a_large_claim_is_not_passed_for_ever() -> None:
    held = [leases.Lease(number=0, holder="h", claim=ONE)]
    waiting = queue(ALL, ONE, ONE, age=leases.PATIENCE)

    assert leases.grant(MACHINE, held, waiting, now=NOON) == ()
    assert [lease.number for lease in leases.grant(MACHINE, [], waiting, now=NOON)] == [1]


def test_one_that_takes_nothing_of_what_is_owed_may_always_pass() -> None:
    both = leases.Claim(cpu=Decimal(1), gpus=2)
    held = [leases.Lease(number=0, holder="h", claim=leases.Claim(gpus=1), gpus=("GPU-a",))]
    waiting = queue(both, leases.Claim(cpu=Decimal(3)), ONE, age=leases.PATIENCE)

    assert [lease.number for lease in leases.grant(MACHINE, held, waiting, now=NOON)] == [2]
