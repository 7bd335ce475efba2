"""Devices for a test: they reach a server that is in the same process, and can be made to die."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ame import errors
from ame.device import memory
from ame.device.device import Device
from ame.device.examples import Examples, Iterated
from ame.device.links import link
from ame.device.links.transport import Response
from ame.device.plans import Plans
from ame.device.resources import Resources
from ame.protocol import statuses
from ame.protocol.pb import example, plan
from ame.protocol.tensors import checkpoint
from server import fleets


class Died(BaseException):
    """The device has lost its power."""


@dataclass
class Through:
    """A transport to an application in this process."""

    client: httpx.AsyncClient
    sent: list[str] = field(default_factory=list)
    before: Callable[[int], None] = lambda _: None
    """Told the number of a request before it is sent; what it raises is raised."""
    after: Callable[[int], None] = lambda _: None
    """The same when the response is there."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        number = len(self.sent)
        self.sent.append(f"{method} {httpx.URL(url).path}")
        self.before(number)
        found = await self.client.request(method, url, headers=dict(headers), content=body)
        self.after(number)
        kind = found.headers.get("content-type", "").partition(";")[0]
        return Response(status=found.status_code, type=kind, body=found.content)


def query_plan(*names: str) -> bytes:
    """A plan that reads these features, and needs no TensorFlow."""
    made = plan.ClientOnlyPlan()
    query = made.phase.example_query_spec.example_queries.add()
    query.example_selector.collection_uri = "app://a"
    for name in names:
        spec = query.output_vector_specs[f"update/{name}"]
        spec.vector_name, spec.data_type = name, plan.ExampleQuerySpec.OutputVectorSpec.FLOAT
        known = made.phase.federated_example_query.aggregations[f"update/{name}"]
        known.tf_v1_checkpoint_aggregation.SetInParent()
    return made.SerializeToString()


def serialized(**features: list[float]) -> bytes:
    made = example.Example()
    for name, values in features.items():
        made.features.feature[name].float_list.value.extend(values)
    return made.SerializeToString()


def holding(*rows: bytes) -> Examples:
    def make(selector: plan.ExampleSelector) -> tuple[bytes, ...]:
        if selector.collection_uri != "app://a":
            raise errors.ExamplesMissing(selector.collection_uri)
        return rows

    return Iterated(make=make)


USUAL = holding(serialized(w=[1, 2, 3], round=[1], examples=[4], loss_sum=[2]))
PLAN = query_plan("w", "examples", "loss_sum")
START = {"server/w": fleets.START["server/w"]}


@dataclass
class Place:
    """A running server, and what its devices share."""

    server: fleets.Running
    plans: Plans
    folder: Path

    async def task(self, *, client_plan: bytes = PLAN, **proto: Any) -> int:
        return await self.server.task(client_plan=client_plan, state=START, **proto)

    async def task_of(self, number: int) -> Any:
        shown = await self.server.peer.client.get(f"/api/v1/populations/p/tasks/{number}")
        return shown.json()

    async def accepted(self, number: int) -> int:
        shown = await self.task_of(number)
        return sum(int(each["accepted"]) for each in shown["rounds"])

    def device(self, **more: Any) -> Device:
        through = more.pop("through", None) or Through(self.server.peer.client)
        more.setdefault("examples", USUAL)
        more.setdefault("memory", memory.Brief())
        more.setdefault("population", "p")
        return Device(
            link=link.Link(
                transport=through, server="http://fleet", insecure=True, sleep=self._sleep
            ),
            plans=self.plans,
            resources=Resources(self.folder / "resources", clock=self.server.clock),
            clock=self.server.clock,
            **more,
        )

    async def _sleep(self, seconds: float) -> None:
        self.server.clock.now += seconds


@contextlib.asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    async with fleets.running(folder, str(folder / "fleet.sqlite")) as server, Plans() as plans:
        await server.app.management.put_population("p", {})
        yield Place(server=server, plans=plans, folder=folder)


def at(folder: Path, use: Callable[[Place], Awaitable[None]]) -> None:
    async def go() -> None:
        async with place(folder) as there:
            await use(there)

    asyncio.run(go())


def lost(*numbers: int) -> Callable[[int], None]:
    """For `before` or `after`: these requests, and nothing else, do not come through."""

    def lose(number: int) -> None:
        if number in numbers:
            raise errors.CallFailed(statuses.UNAVAILABLE, "lost")

    return lose


def dies(number: int) -> Callable[[int], None]:
    def die(at: int) -> None:
        if at == number:
            raise Died

    return die


def read(content: bytes) -> dict[str, Any]:
    return {name: array.tolist() for name, array in checkpoint.read(content).items()}
