"""How often one caller may come: to this server, and to all that share its database."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter, OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ame import errors
from ame.server import tokens

if TYPE_CHECKING:
    from collections.abc import Collection

    from ame.server.fleet import Fleet
    from ame.storage.databases import Rows

REMEMBERED: Final = 100_000
"""Of how many callers the rate is known."""
TOLD: Final = 200
"""Of how many callers other servers are told at a time: those that came most often."""
EVERY: Final = 1.0
"""Seconds between two times that servers tell each other."""
KEPT: Final = 60.0
"""Seconds after which what was told is forgotten."""
NETWORK: Final = 64
"""Bits of an IPv6 address that tell whose it is: the rest a device chooses itself."""


@dataclass(slots=True, kw_only=True)
class Rates:
    """A bucket for each caller, which fills as time passes."""

    per_second: float = 0.0
    """How many calls a second one caller may make, on average; 0: as many as it likes."""
    burst: float = 50.0
    """How many it may make at once."""
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    _made: Counter[str] = field(default_factory=Counter)

    def count(self, address: str, now: float) -> None:
        """Counts a call.

        Raises:
            errors.CallsTooMany: the caller makes more than it may.
        """
        if not self.per_second:
            return
        who = caller(address)
        left = self._left(who, now)
        free = left >= 1
        self._put(who, left - free, now)
        self._made[who] += 1
        if not free:
            raise errors.CallsTooMany(self.per_second)

    def made(self) -> list[tuple[str, int]]:
        """Who made how many calls since it was last asked: those who made most."""
        found = self._made.most_common(TOLD)
        self._made.clear()
        return found

    def hear(self, who: str, calls: float, now: float) -> None:
        """Counts calls that a caller made elsewhere."""
        self._put(who, max(self._left(who, now) - calls, -self.burst), now)

    def _left(self, who: str, now: float) -> float:
        left, at = self._buckets.pop(who, (self.burst, now))
        return min(self.burst, left + max(now - at, 0.0) * self.per_second)

    def _put(self, who: str, left: float, now: float) -> None:
        self._buckets[who] = left, now
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)


class Shared:
    """Servers of one database tell each other who came how often. It is late by a second or so."""

    def __init__(self, rates: Rates, fleet: Fleet) -> None:
        self._rates = rates
        self._fleet = fleet
        self._own = tokens.fresh()
        self._known: dict[tuple[str, str], float] = {}

    async def run(self) -> None:
        """Goes on until it is cancelled; where nobody counts, there is nothing to do."""
        while self._rates.per_second:
            await asyncio.sleep(EVERY)
            with suppress(errors.DatabaseUnusable):
                await self.tell()

    async def tell(self) -> None:
        """Tells the others, and hears what they tell."""
        now, made = self._fleet.clock(), self._rates.made()

        def work(rows: Rows) -> list[tuple[str, str, float]]:
            for who, calls in made:
                rows.execute(
                    "INSERT INTO calls_made (server, caller, calls, at) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (server, caller) DO UPDATE"
                    " SET calls = calls_made.calls + excluded.calls, at = excluded.at",
                    (self._own, who, float(calls), now),
                )
            rows.execute("DELETE FROM calls_made WHERE at < ?", (now - KEPT,))
            found = rows.execute(
                "SELECT server, caller, calls FROM calls_made WHERE server <> ?", (self._own,)
            )
            return [(row[0], row[1], row[2]) for row in found]

        told = await self._fleet.database.do(work)
        known, self._known = self._known, {}
        for server, who, calls in told:
            self._known[server, who] = calls
            before = known.get((server, who), 0.0)
            more = calls - before if calls >= before else calls
            if more:
                self._rates.hear(who, more, now)


def caller(address: str) -> str:
    """Who is at an address: of IPv6 it is a network, since a device has many addresses there."""
    if ":" not in address:
        return address
    try:
        read = ipaddress.IPv6Address(address.partition("%")[0].strip("[]"))
    except ValueError:
        return address
    if read.ipv4_mapped:
        return str(read.ipv4_mapped)
    return str(ipaddress.ip_network((read, NETWORK), strict=False))


def origin(address: str, forwarded: str, proxies: Collection[str]) -> str:
    """Where a request comes from that may have passed proxies: the last address that is none.

    `forwarded` is `X-Forwarded-For`, which only proxies of ours are believed.
    """
    if not proxies:
        return address
    trusted = [ipaddress.ip_network(each, strict=False) for each in proxies]
    for each in (address, *reversed([part.strip() for part in forwarded.split(",") if part])):
        address = each
        try:
            known = ipaddress.ip_address(each)
        except ValueError:
            return each
        if not any(known in network for network in trusted):
            return each
    return address
