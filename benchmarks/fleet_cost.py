"""What a check-in, a report and a look at what is due cost a fleet's server, by what it keeps.

The calls are made in this process, without HTTP. Each has a population with so many open tasks, and
the last one a million assignments of devices that came before. Milliseconds of the CPU, the median
of turns; PostgreSQL's own are not in it, so its rows have the clock's beside them. `idle` is a look
at what is due where nothing has changed, five of which a server takes a second; `begun` is the
first one of a server that starts.

Usage: python benchmarks/fleet_cost.py [TASKS [ASSIGNMENTS]]   (by default 10,000 and 1,000,000)
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import fleet_parts as parts
import numpy as np
from measure import machine, table

from ame.protocol import calls
from ame.protocol.pb import eligibility_eval_tasks as eets
from ame.protocol.pb import odp_task, task_assignments
from ame.protocol.pb.plan import ClientOnlyPlan
from ame.protocol.tensors import checkpoint
from ame.protocol.wires import Caller
from ame.server import app, tokens
from ame.server.ledger import populations, tasks
from ame.storage import blobs, databases
from parts.servers import postgres

TASKS = (1, 100)
TURNS = 200
BATCH = 10_000
CALLER = Caller(base="http://fleet", fields={"population_name": "p"})


@dataclass(slots=True)
class Cost:
    """Milliseconds."""

    cpu: float
    wall: float

    def shown(self, clock: bool) -> str:
        return f"{self.cpu:.2f} ({self.wall:.2f})" if clock else f"{self.cpu:.2f}"


async def cost(deed: Callable[[], Awaitable[object]], turns: int = TURNS) -> Cost:
    cpus, walls = [], []
    for _ in range(turns):
        cpu, wall = time.process_time(), time.perf_counter()
        await deed()
        cpus.append(time.process_time() - cpu)
        walls.append(time.perf_counter() - wall)
    return Cost(statistics.median(cpus) * 1000, statistics.median(walls) * 1000)


async def fill(database: databases.Database, folder: Path, count: int) -> None:
    """So many tasks that are ready to open."""
    content = blobs.Folder(folder / "blobs")
    start = content.put_bytes(checkpoint.to_bytes({"server/w": np.ones(3, np.float32)}))
    proto = odp_task.Task(
        population_name="p",
        total_iteration=1,
        min_aggregation_size=parts.GOAL,
        max_aggregation_size=parts.GOAL,
        info={"traffic_weight": 1, "training_info": {}},
    )
    plan = content.put_bytes(ClientOnlyPlan(graph=b"none").SerializeToString())
    settings = {"client_plan": plan, "checkpoint": start}

    def work(rows: databases.Rows) -> None:
        if not populations.known(rows, "p"):
            populations.put_population(rows, "p", {}, 0)
        for _ in range(count):
            tasks.create_task(rows, proto, settings, 0)

    await database.do(work)


async def remember(database: databases.Database, count: int) -> None:
    """So many assignments of sessions that are over."""

    def work(rows: databases.Rows) -> None:
        for _ in range(BATCH):
            session = f"{tokens.fresh()}.{time.time():.0f}"
            rows.execute(
                "INSERT INTO sessions (id, population, version, at) VALUES (?, 'p', '1', 0)",
                (session,),
            )
            rows.execute(
                "INSERT INTO assignments (id, population, task, round, session, status, due, made)"
                " VALUES (?, 'p', 1, 0, ?, 102, 0, 0)",
                (tokens.fresh(), session),
            )

    for _ in range(count // BATCH):
        await database.do(work)


async def measured(database: databases.Database, folder: Path) -> tuple[Cost, ...]:
    """Of check-in, report and idle look; and of the first look."""
    content = blobs.Folder(folder / "blobs", full=True)
    begin, cpu = time.perf_counter(), time.process_time()
    async with app.running(database, content) as server:
        await server.leader.step()
        begun = Cost((time.process_time() - cpu) * 1000, (time.perf_counter() - begin) * 1000)
        ask, given = server.service.answer, []

        async def check_in() -> None:
            request = eets.EligibilityEvalTaskRequest(population_name="p")
            session = await ask(calls.by_name("RequestEligibilityEvalTask"), request, CALLER)
            assert isinstance(session, eets.EligibilityEvalTaskResponse)
            start = task_assignments.StartTaskAssignmentRequest(
                population_name="p", session_id=session.session_id
            )
            reply = await ask(calls.by_name("StartTaskAssignment"), start, CALLER)
            assert isinstance(reply, task_assignments.StartTaskAssignmentResponse)
            assert reply.HasField("task_assignment"), reply
            given.append(reply.task_assignment)

        async def report() -> None:
            had = given.pop()
            request = task_assignments.ReportTaskResultRequest(
                population_name="p", session_id=had.session_id, task_name=had.task_name
            )
            await ask(calls.by_name("ReportTaskResult"), request, CALLER)

        came = await cost(check_in)
        return came, await cost(report), await cost(server.leader.step), begun


async def told(name: str, address: str, folder: Path, most: int, many: int) -> None:
    """Rows of a table, as they come."""
    database = databases.opened(address or str(folder / "fleet.db"), "fleet")
    there = 0
    for number, assignments in (*((each, 0) for each in (*TASKS, most)), (most, many)):
        await fill(database, folder, number - there)
        there = number
        await remember(database, assignments)
        costs = await measured(database, folder)
        shown = (each.shown(bool(address)) for each in costs)
        row = (name, f"{number:,}", f"{assignments:,}", *shown)
        print(f"| {' | '.join(row)} |", flush=True)
    database.close()


def main() -> None:
    most, many = (*map(int, sys.argv[1:3]), *(10_000, 1_000_000)[len(sys.argv) - 1 :])
    head = ("database", "open tasks", "assignments", "check-in", "report", "idle", "begun")
    print(f"{machine()}\n\n{table(head, ())}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        (folder / "server").mkdir()
        with postgres.running(folder / "server") as server:
            known = {"SQLite": "", "PostgreSQL": server.fresh("fleet")}
            for name, address in known.items():
                asyncio.run(told(name, address, folder / name, most, many))


if __name__ == "__main__":
    main()
