"""What the benchmarks of the fleet share: servers in processes of their own, and devices that say
what they must in as few steps as can be.

Usage: python benchmarks/fleet_parts.py bare | starlette | fleet DATABASE FOLDER
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar
from urllib.parse import quote

from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ame.server.calls.http import Receive, Scope, Send

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
SRC = Path(__file__).parents[1] / "src"
HEAD = "?%24alt=proto HTTP/1.1\r\nhost: fleet\r\ncontent-type: application/x-protobuf\r\n"
TICKS = os.sysconf("SC_CLK_TCK")
GOAL = 10_000_000
Given: TypeAlias = Any
"""What a check-in yields: either dialect's assignment."""
M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Process:
    """A server that runs, and where."""

    pid: int
    port: int

    @property
    def cpu(self) -> float:
        """Seconds of the CPU that it has had."""
        said = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(said[11]) + int(said[12])) / TICKS


@contextmanager
def started(*arguments: str) -> Iterator[Process]:
    """This program as a server, until the block ends."""
    variables = {**os.environ, "PYTHONPATH": str(SRC)}
    argv = (sys.executable, __file__, *arguments)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=variables) as child:
        assert child.stdout is not None
        try:
            yield Process(child.pid, int(child.stdout.readline()))
        finally:
            child.kill()


# --- servers


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads a request's body, and answers with nothing."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    head = [(b"content-type", b"application/x-protobuf"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b""})


def with_starlette() -> Starlette:
    """As `bare` does, in a route of the framework."""

    async def answer(request: Request) -> Response:
        await request.body()
        return Response(media_type="application/x-protobuf")

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "PUT"])])


async def serve_bare(handler: object) -> None:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    from ame.server.serving import spare

    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    server = Server(
        handler,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGI,
        log_access=False,
        backlog=4096,
        backpressure=16_384,
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    while not serving.done():
        try:
            async with Connection(port):
                break
        except OSError:
            await asyncio.sleep(0.01)
    spare()
    print(port, flush=True)
    await serving


def serve_fleet(database: str, folder: Path) -> None:
    from ame.server import serving
    from ame.server.calls import doors

    place = serving.Place(
        folder=folder, database=database, port=0, doors=doors.Doors(open=True), plain=True
    )
    serving.run(place, lambda at, _: print(at.rpartition(":")[2], flush=True))


# --- devices


@dataclass(slots=True)
class Connection:
    """One connection that is kept open; a request at a time."""

    port: int
    sent: list[bytes] = field(default_factory=list)
    """What was asked so far, where that is noted."""
    noted: bool = False
    reader: Any = None
    writer: Any = None

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        head = f"{method} {path}{HEAD}content-length: {len(body)}\r\n\r\n"
        return await self.send(head.encode() + body)

    async def send(self, request: bytes) -> bytes:
        """The body of the response, which has to be a good one."""
        if self.noted:
            self.sent.append(request)
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        at = head.index(b"content-length: ") + 16
        body: bytes = await self.reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
        if head[9:10] != b"2":
            raise RuntimeError(f"{request[:200]!r}: {head!r} {body!r}")
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How devices of a kind check in and report; the requests of each are counted."""

    check_in: Callable[[Connection], Awaitable[Any]]
    report: Callable[[Connection, Any], Awaitable[None]]
    requests: Mapping[str, int]


def dialects(upload: Callable[[], bytes]) -> dict[str, Dialect]:
    """Both, for devices that hand in what this yields."""
    from ame.protocol.pb import aggregations, operations, task_assignments
    from ame.protocol.pb import eligibility_eval_tasks as eets
    from ame.protocol.pb import odp_task_assignments as odp

    def unpacked(body: bytes, kind: type[M]) -> M:
        kept = kind()
        operations.Operation.FromString(body).response.Unpack(kept)
        return kept

    async def check_in(at: Connection) -> Given:
        body = await at.ask("POST", "/v1/eligibilityevaltasks/p:request")
        session = eets.EligibilityEvalTaskResponse.FromString(body).session_id
        path = f"/v1/populations/p/taskassignments/{quote(session, safe='')}:start"
        reply = unpacked(await at.ask("POST", path), task_assignments.StartTaskAssignmentResponse)
        assert reply.HasField("task_assignment"), reply
        return reply.task_assignment

    async def report(at: Connection, given: Given) -> None:
        session = quote(given.session_id, safe="")
        path = f"/v1/populations/p/taskassignments/{session}:reportresult"
        await at.ask("POST", path)
        clients = f"/v1/aggregations/{given.aggregation_id}/clients"
        path = f"{clients}/{quote(given.authorization_token, safe='')}:startdataupload"
        body = await at.ask("POST", path)
        place = unpacked(body, aggregations.StartAggregationDataUploadResponse)
        name = place.resource.resource_name
        await at.ask("POST", f"/upload/v1/media/{name}", upload())
        submit = aggregations.SubmitAggregationResultRequest(resource_name=name)
        path = f"{clients}/{quote(place.client_token, safe='')}:submit"
        await at.ask("POST", path, submit.SerializeToString())

    async def create(at: Connection) -> Given:
        path = "/taskassignment/v1/population/p:create-task-assignment"
        reply = odp.CreateTaskAssignmentResponse.FromString(await at.ask("POST", path))
        assert reply.HasField("task_assignment"), reply
        return reply.task_assignment

    async def result(at: Connection, given: Given) -> None:
        path = (
            f"/taskassignment/v1/population/p/task/{given.task_id}/aggregation/"
            f"{given.aggregation_id}/task-assignment/{given.assignment_id}:report-result"
        )
        completed = odp.ReportResultRequest(result=odp.ReportResultRequest.COMPLETED)
        body = await at.ask("PUT", path, completed.SerializeToString())
        where = odp.ReportResultResponse.FromString(body).upload_instruction.upload_location
        await at.ask("PUT", where[where.index("/v1/") :], upload())

    return {
        "Federated Compute": Dialect(
            check_in=check_in, report=report, requests={"check-in": 2, "report": 4}
        ),
        "On-Device Personalization": Dialect(
            check_in=create, report=result, requests={"check-in": 1, "report": 2}
        ),
    }


async def task(port: int, plan: bytes, checkpoint: bytes, weight: str) -> None:
    """A task that takes all devices that come, and that is open when this returns."""
    import httpx

    said = {"totalIteration": 1, "minAggregationSize": GOAL, "aggregation": {"weight": weight}}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        made = (await client.post("/api/v1/populations/p/tasks", json=said)).json()
        for url, content in (("clientOnlyPlanUrl", plan), ("initCheckpointUrl", checkpoint)):
            (await client.put(made[url][0], content=content)).raise_for_status()
        shown = f"/api/v1/populations/p/tasks/{made['taskId']}"
        until = time.monotonic() + 60
        while not (await client.get(shown)).json()["rounds"]:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        asked = "/taskassignment/v1/population/p:create-task-assignment"
        while (await client.post(asked)).status_code != 201:  # until the server has seen it itself
            assert time.monotonic() < until
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1] == "fleet":
        serve_fleet(sys.argv[2], Path(sys.argv[3]))
    else:
        from ame.server.waking import Loop

        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(serve_bare(bare if sys.argv[1] == "bare" else with_starlette()))
