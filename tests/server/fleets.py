"""A server for a test, and a device that says what it is told to."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
from google.protobuf.message import Message

from ame.protocol import calls, statuses
from ame.protocol.pb import aggregations, odp_task, operations, task_assignments
from ame.protocol.pb import eligibility_eval_tasks as eets
from ame.protocol.pb import plan as pb
from ame.protocol.tensors import Array, checkpoint
from ame.protocol.wires import http
from ame.server import app
from ame.server.calls import doors
from ame.server.calls.http import Site
from ame.server.fleet import Contents
from ame.storage import blobs, databases

if TYPE_CHECKING:
    from ame.protocol.calls import Call

UNUSED = ssl.create_default_context()
"""For clients that speak without TLS, each of which would take its time to make one."""
BY_NAME = {call.name: call for call in calls.CALLS}
START: dict[str, Array] = {"server/w": np.zeros(3, np.float32), "server/round": np.array(0)}
PLAN = pb.ClientOnlyPlan(graph=b"plan").SerializeToString()
AGGREGATION = {
    "weight": "update/examples",
    "metrics": {"loss": ["update/loss_sum", "update/examples"]},
}


@dataclass
class Clock:
    """A time that passes when it is told to."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Peer:
    """A client over HTTP."""

    client: httpx.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(self, name: str, message: Message, **fields: str) -> Any:
        """The reply to a call, out of its operation where there is one."""
        reply = await self.raw(name, message, **fields)
        call: Call = BY_NAME[name]
        if not call.metadata:
            return reply
        while (found := http.outcome(call, reply)) is None:
            await asyncio.sleep(0.02)
            asked = operations.GetOperationRequest(name=reply.name)
            reply = await self.raw("GetOperation", asked)
        return found

    async def raw(self, name: str, message: Message, **fields: str) -> Any:
        """The reply to a call, or its operation."""
        call: Call = BY_NAME[name]
        method, target, body = http.request(call, message, fields=fields or None)
        packed = {"content-encoding": "gzip", "content-type": "application/x-protobuf"}
        response = await self.client.request(
            method, target, content=gzip.compress(body), headers={**packed, **self.headers}
        )
        return http.reply(call, response.status_code, response.content)

    async def session(self, population: str = "p") -> Any:
        asked = eets.EligibilityEvalTaskRequest(population_name=population)
        return await self.ask("RequestEligibilityEvalTask", asked)

    async def begun(self) -> str:
        """The token of a session."""
        session: str = (await self.session()).session_id
        return session

    async def assignment(self, session: str, population: str = "p", **more: Any) -> Any:
        asked = task_assignments.StartTaskAssignmentRequest(
            population_name=population, session_id=session, **more
        )
        return await self.ask("StartTaskAssignment", asked)

    async def report(self, assigned: Any, code: int) -> None:
        asked = task_assignments.ReportTaskResultRequest(
            population_name="p",
            session_id=assigned.session_id,
            aggregation_id=assigned.aggregation_id,
            task_name=assigned.task_name,
            computation_status_code=code,  # type: ignore[arg-type]  # a number of the enum
        )
        await self.ask("ReportTaskResult", asked)

    async def hand_in(self, assigned: Any, content: bytes, *, twice: bool = False) -> None:
        """Reports, uploads and submits."""
        await self.report(assigned, statuses.OK)
        await self.hand_in_quietly(assigned, content, twice=twice)

    async def hand_in_quietly(self, assigned: Any, content: bytes, *, twice: bool = False) -> None:
        """Uploads and submits."""
        ids = {"aggregation_id": assigned.aggregation_id}
        started = await self.ask(
            "StartAggregationDataUpload",
            aggregations.StartAggregationDataUploadRequest(
                authorization_token=assigned.authorization_token, **ids
            ),
        )
        name = started.resource.resource_name
        path = f"/upload/v1/media/{name}?upload_protocol=raw"
        uploaded = await self.client.post(path, content=content)
        assert uploaded.status_code == 200, uploaded.content
        submit = aggregations.SubmitAggregationResultRequest(
            client_token=started.client_token, resource_name=name, **ids
        )
        for _ in range(1 + twice):
            await self.ask("SubmitAggregationResult", submit)

    async def resource(self, uri: str) -> bytes:
        response = await self.client.get(uri)
        assert response.status_code == 200, response.content
        kind = response.headers["content-type"]
        return gzip.decompress(response.content) if kind.endswith("+gzip") else response.content


@dataclass
class Running:
    """A server that leads when it is told to."""

    app: app.App
    peer: Peer
    clock: Clock

    async def task(
        self,
        *,
        aggregation: Mapping[str, Any] = AGGREGATION,
        plan: Message | None = None,
        client_plan: bytes = PLAN,
        state: Mapping[str, Array] = START,
        mode: str = "",
        policies: Sequence[Mapping[str, Any]] = (),
        **proto: Any,
    ) -> int:
        """A task with its artifacts; its number."""
        proto.setdefault("total_iteration", 3)
        proto.setdefault("min_aggregation_size", 2)
        made = await self.peer.ask(
            "CreateTask",
            odp_task.CreateTaskRequest(task=odp_task.Task(**proto)),
            population_name="p",
        )
        number: int = made.task.task_id
        await self.app.management.set_artifacts(
            "p",
            number,
            {"aggregation": dict(aggregation), "mode": mode, "policies": list(policies)},
        )
        artifacts = [
            (made.task.client_only_plan_url[0], client_plan),
            (made.task.init_checkpoint_url[0], checkpoint.to_bytes(state)),
        ]
        if plan is not None:
            artifacts.insert(0, (made.task.server_phase_url[0], plan.SerializeToString()))
        for url, content in artifacts:
            response = await self.peer.client.put(url, content=content)
            assert response.status_code == 200, response.content
        await self.app.leader.step()
        return number


def update(*values: float, examples: float = 1.0, loss: float = 0.0) -> dict[str, Array]:
    return {
        "update/w": np.array(values, np.float32),
        "update/round": np.array(1),
        "update/examples": np.array(examples, np.float32),
        "update/loss_sum": np.array(loss * examples, np.float32),
    }


@asynccontextmanager
async def running(
    folder: Path,
    database: str,
    *,
    files: Contents | None = None,
    clock: Clock | None = None,
    **more: Any,
) -> AsyncIterator[Running]:
    """A server on what lies in a folder, or in `files`, and in a database."""
    clock = clock or Clock()
    kept = databases.opened(database, "fleet")
    more.setdefault("doors", doors.Doors(open=True))
    try:
        content = files or blobs.Folder(folder / "blobs")
        async with app.running(kept, content, clock=clock, **more) as server:
            transport = httpx.ASGITransport(app=Site(server))  # type: ignore[arg-type]  # an ASGI application
            async with httpx.AsyncClient(transport=transport, base_url="http://fleet") as client:
                yield Running(app=server, peer=Peer(client=client), clock=clock)
    finally:
        kept.close()
