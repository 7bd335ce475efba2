"""How many requests a second a fleet's server answers over HTTP, with all that it keeps on disk.

Devices check in and get an assignment; then they report, upload three numbers and have them
counted. Two peers answer the same requests, one for one, on the same server of HTTP, by a handler
that reads the body and says nothing: a bare one, and one in Starlette. `clock` is requests a second
beside a peer's, and holds on a machine with nothing else to do: servers and devices share it. `CPU`
is the server's processor time for a request beside a peer's; PostgreSQL's own is not in it. Then
devices arrive all at once.

Usage: python benchmarks/fleet.py [DEVICES [CROWD]]   (by default 4,000 and 10,000)
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import fleet_parts as parts
import numpy as np
from fleet_parts import Connection, Dialect, Process
from measure import machine, table

from parts.servers import postgres

Do = Callable[[Connection, Any], Awaitable[Any]]
CONNECTIONS = (1, 32, 128)
ALONE = 8
"""By how much fewer devices come over a single connection."""


async def shared(connections: Sequence[Connection], works: list[Any], do: Do) -> list[Any]:
    """What becomes of the works, each done on the next connection that is free."""
    waiting = iter(works)

    async def go(connection: Connection) -> list[Any]:
        return [await do(connection, work) for work in waiting]

    return list(chain.from_iterable(await asyncio.gather(*map(go, connections))))


async def timed(server: Process, deed: Callable[[], Awaitable[Any]]) -> tuple[float, float, Any]:
    """Seconds by the clock, and of the server's CPU; and what came of it."""
    cpu, begin = server.cpu, time.perf_counter()
    made = await deed()
    return time.perf_counter() - begin, server.cpu - cpu, made


async def compared(
    server: Process, peers: Sequence[Process], dialect: Dialect, count: int, devices: int
) -> list[tuple[str, float, list[float]]]:
    """For check-ins and for reports: requests a second, and beside each peer by clock and CPU."""
    async with AsyncExitStack() as stack:
        own = [await stack.enter_async_context(Connection(server.port)) for _ in range(count)]

        async def replay(connection: Connection, request: bytes) -> None:
            await connection.send(request)

        async def check_in(connection: Connection, _: int) -> parts.Given:
            return await dialect.check_in(connection)

        given: list[Any] = list(range(devices))
        rows = []
        for name, do in (("check-in", check_in), ("report", dialect.report)):
            for each in own:
                each.noted, each.sent = True, []
            took, cpu, given = await timed(server, lambda: shared(own, given, do))  # noqa: B023 - at once
            asked = [request for each in own for request in each.sent]
            shares = []
            for peer in peers:
                async with AsyncExitStack() as beside:  # what is idle for long is closed
                    others = [
                        await beside.enter_async_context(Connection(peer.port))
                        for _ in range(count)
                    ]
                    bare, bare_cpu, _ = await timed(peer, lambda: shared(others, asked, replay))  # noqa: B023 - at once
                shares += [bare / took, bare_cpu / cpu]
            rows.append((name, len(asked) / took, shares))
        return rows


async def crowd(server: Process, dialect: Dialect, devices: int) -> str:
    """All devices come at the same moment, each on a connection of its own."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(Connection(server.port)) for _ in range(devices)]
        begin = time.perf_counter()

        async def go(connection: Connection) -> float:
            await dialect.check_in(connection)
            return time.perf_counter() - begin

        took = np.array(await asyncio.gather(*map(go, opened)))
    half, most = np.percentile(took, (50, 99))
    return f"{devices:,} check-ins at once: p50 {half:.2f} s, p99 {most:.2f} s"


async def measured(
    database: str, folder: Path, peers: Sequence[Process], devices: int, many: int
) -> tuple[list[tuple[str, ...]], str]:
    from ame.protocol.tensors import checkpoint

    one = np.ones(3, np.float32)
    start = checkpoint.to_bytes({"server/w": one})
    numbers = np.random.default_rng(0)

    def upload() -> bytes:
        w = numbers.standard_normal(3, np.float32)
        return checkpoint.to_bytes({"update/w": w, "update/n": np.array(1, np.float32)})

    rows: list[tuple[str, ...]] = []
    with parts.started("fleet", database, str(folder)) as server:
        await parts.task(server.port, b"\n\x04plan", start, "update/n")
        known = parts.dialects(upload)
        for name, dialect in known.items():
            for count in CONNECTIONS:
                some = devices if count > 1 else devices // ALONE
                for what, rate, shares in await compared(server, peers, dialect, count, some):
                    requests = str(dialect.requests[what])
                    whole = rate / dialect.requests[what]
                    shown = (f"{whole:,.0f}", f"{rate:,.0f}", *(f"{each:.2f}" for each in shares))
                    rows.append((name, what, requests, str(count), *shown))
        said = await crowd(server, known["Federated Compute"], many)
    return rows, said


def main() -> None:
    devices, many = (*map(int, sys.argv[1:3]), *(4000, 10_000)[len(sys.argv) - 1 :])
    head = (
        "dialect", "what", "requests", "connections", "whole a second", "requests a second",
        "clock", "CPU", "clock, Starlette", "CPU, Starlette",
    )  # fmt: skip
    print(f"{machine()}; {devices:,} devices each\n")
    with (
        tempfile.TemporaryDirectory() as place,
        parts.started("bare") as bare,
        parts.started("starlette") as framework,
    ):
        folder = Path(place)
        folder.chmod(0o755)
        (folder / "server").mkdir()
        with postgres.running(folder / "server") as server:
            known = {"SQLite": "", "PostgreSQL": server.fresh("fleet")}
            for name, address in known.items():
                rows, said = asyncio.run(
                    measured(address, folder / name, (bare, framework), devices, many)
                )
                print(f"#### {name}\n\n{table(head, rows)}\n\n{said}\n", flush=True)


if __name__ == "__main__":
    main()
