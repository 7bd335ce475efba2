"""Many devices in one process, in a time of their own.

A device that is told to come back in five minutes is not waited for: the time of a simulation
jumps to the next device's return as long as there is room for it. It stands still while devices
are at work and the server has just turned one away, for then it is their work that makes room.
What a server does by its own clock, such as giving up on a device that has vanished, is not
hastened. Where one visit after another comes to nothing, the devices give up; so they do where none
of them has been eligible for any task for a week of their time. A device that is eligible for none
comes back later each time.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from ame.device import memory
from ame.device.device import Device
from ame.device.visit import Outcome, Visit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.device.examples import Examples
    from ame.device.links.link import Link
    from ame.device.links.personal import Personal
    from ame.device.plans import Plans
    from ame.device.resources import Resources

IDLE: Final = "NO_ACTIVE_TASK_EXISTS"
PATIENCE: Final = 10.0
"""Seconds of real time in which a task may appear, before the devices give up."""
LOST: Final = frozenset({Outcome.UNNEEDED, Outcome.FAILED, Outcome.CUT_OFF, Outcome.DROPPED})
"""The visits that come to nothing."""
FEWEST: Final = 100
"""So many visits in a row may come to nothing, or three for each device if that is more."""
Spoken = Callable[
    ["Link", "memory.Memory", "Examples", Callable[[], float], Callable[[], str]], "Link | Personal"
]
WEEK: Final = 7 * 24 * 3600.0
"""Seconds of simulated time in which no device is eligible for any task, before they give up."""
LATEST: Final = 6 * 3600.0
"""Seconds after which a device comes back at the latest that is eligible for no task."""
LONGEST: Final = 0.25
"""Seconds between two visits while every one is turned away and no device is at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is simulated."""

    population: str
    devices: Sequence[tuple[int, Examples]]
    """Each with its number, which its chances depend on, and its examples."""
    dropout: float = 0.0
    """With which chance a device vanishes before it reports what it computed."""
    seed: int = 0
    at_once: int = 32
    """How many devices are on line at most."""
    version: str = "1"
    failures: int = 0
    """How many visits in a row may come to nothing, before the devices give up; 0: `FEWEST`."""
    spoken: Spoken | None = None
    """Makes of the link what a device speaks over; see `Reach.spoken`. The link itself, if none."""

    @property
    def most(self) -> int:
        """The same as a number."""
        return self.failures or max(FEWEST, 3 * len(self.devices))


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of a simulation, or what has so far."""

    visits: Counter[str] = field(default_factory=Counter)
    """How many ended in each way."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why devices were turned away, and what failed."""
    simulated: float = 0.0
    """Seconds that passed for the devices."""
    given_up: Counter[str] = field(default_factory=Counter)
    """Why visits in a row came to nothing, where the devices gave up then; else empty."""
    unable: bool = False
    """Whether the devices gave up since none of them was eligible for any task."""

    def plain(self) -> dict[str, object]:
        """The same for JSON."""
        return {
            "visits": dict(self.visits),
            "reasons": dict(self.reasons),
            "simulated": self.simulated,
            "given_up": dict(self.given_up),
            "unable": self.unable,
        }

    def add(self, seen: Visit) -> None:
        """Counts a visit."""
        self.visits[seen.outcome.value] += 1
        if seen.why:
            self.reasons[seen.why] += 1


async def simulate(
    setting: Setting,
    link: Link,
    plans: Plans,
    resources: Resources,
    *,
    told: Callable[[Visit], None] = lambda _: None,
    tally: Tally | None = None,
) -> Tally:
    """Has devices visit the server until it says that it has no task that is open.

    They give up where so many visits in a row come to nothing that no round will end: it is
    contributions that end rounds; and where no device was eligible for any task for a simulated
    week. The tally says so.

    `told` hears of every visit, which `tally` has counted then. The devices share what they
    download.
    """
    return await _Simulation(setting, link, plans, resources, tally or Tally()).run(told)


class _Simulation:
    def __init__(
        self, setting: Setting, link: Link, plans: Plans, resources: Resources, tally: Tally
    ) -> None:
        self._setting = setting
        self._tally = tally
        self._now = 0.0
        self._begun = asyncio.get_running_loop().time()
        self._due = [(0.0, place) for place in range(len(setting.devices))]
        self._devices = []
        for number, examples in setting.devices:
            chance = random.Random(f"{setting.seed}/{number}")  # noqa: S311 - a simulation
            drops = random.Random(f"{setting.seed}/{number}/drops")  # noqa: S311 - a simulation
            own = random.Random(f"{setting.seed}/{number}/own")  # noqa: S311 - a simulation
            kept = memory.Brief()
            speaks: Link | Personal = link
            if setting.spoken is not None:
                speaks = setting.spoken(link, kept, examples, self._time, partial(_known_by, own))
            self._devices.append(
                Device(
                    population=setting.population,
                    link=speaks,
                    memory=kept,
                    examples=examples,
                    plans=plans,
                    resources=resources,
                    version=setting.version,
                    clock=self._time,
                    draw=chance.random,
                    drops=lambda drops=drops: drops.random() < setting.dropout,  # type: ignore[misc]  # bound early
                )
            )
        self._at_work: dict[asyncio.Task[Visit], int] = {}
        self._turned_away = 0
        """How many visits in a row."""
        self._lost: Counter[str] = Counter()
        """Why visits came to nothing since the last contribution."""
        self._unable: dict[int, int] = {}
        """Of each device how often in a row it was eligible for nothing."""
        self._able = 0.0
        """When a device last was eligible for something."""

    def _time(self) -> float:
        return self._now

    async def run(self, told: Callable[[Visit], None]) -> Tally:
        try:
            while self._due or self._at_work:
                self._start()
                done, _ = await asyncio.wait(self._at_work, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    seen = each.result()
                    self._tally.add(seen)
                    self._tally.simulated = self._now
                    told(seen)
                    self._back(self._at_work.pop(each), seen)
                if self._lost.total() >= self._setting.most:
                    self._tally.given_up = self._lost
                    break
                if self._now - self._able > WEEK:
                    self._tally.unable = True
                    break
                if self._over():
                    self._due.clear()
                if self._turned_away and not self._at_work:
                    await asyncio.sleep(min(0.005 * 2 ** min(self._turned_away, 10), LONGEST))
        finally:
            for each in self._at_work:
                each.cancel()
            await asyncio.gather(*self._at_work, return_exceptions=True)
        return self._tally

    def _start(self) -> None:
        """Lets devices come whose turn it is."""
        while self._due and len(self._at_work) < self._setting.at_once:
            if self._turned_away and self._at_work:
                return
            at, place = heapq.heappop(self._due)
            self._now = max(self._now, at)
            self._at_work[asyncio.create_task(self._devices[place].visit())] = place

    def _back(self, place: int, seen: Visit) -> None:
        wait = self._wait(place, seen)
        if seen.outcome is not Outcome.TURNED_AWAY or len(self._unable) == len(self._devices):
            self._turned_away = 0
        elif seen.able:
            self._turned_away += 1
        self._idle = seen.why == IDLE
        if seen.outcome in LOST:
            self._lost[seen.why or seen.outcome.value] += 1
        elif seen.outcome is Outcome.CONTRIBUTED:
            self._lost.clear()
        heapq.heappush(self._due, (self._now + wait, place))

    def _wait(self, place: int, seen: Visit) -> float:
        """Seconds until a device comes back: it may be long until it is eligible again."""
        if seen.able:
            self._unable.pop(place, None)
            self._able = self._now
            return seen.wait
        before = self._unable[place] = self._unable.get(place, -1) + 1
        return max(seen.wait, min(seen.wait * 2.0 ** min(before, 20), LATEST))

    def _over(self) -> bool:
        """Whether the server has nothing more to do; before it had, it is waited for."""
        if not self._idle:
            return False
        contributed = self._tally.visits[Outcome.CONTRIBUTED.value]
        waited = asyncio.get_running_loop().time() - self._begun
        return bool(contributed) or waited > PATIENCE


def _known_by(own: random.Random) -> str:
    """What a device is known by in the other dialect."""
    return str(uuid.UUID(int=own.getrandbits(128), version=4))
