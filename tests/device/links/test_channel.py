"""A device that calls over gRPC, at a server that is a process."""

import asyncio
from pathlib import Path

import httpx
import pytest

from ame import errors
from ame.device import agent
from ame.device.links import channel, reach
from ame.device.visit import Outcome, Visit
from ame.protocol.tensors import checkpoint
from device import devices
from parts.waiting import eventually
from server.test_serving import started

TASK = {
    "totalIteration": 1,
    "minAggregationSize": 1,
    "aggregation": {"weight": "update/examples"},
}


def task(address: str) -> None:
    made = httpx.post(f"{address}/api/v1/populations/p/tasks", json=TASK).json()
    httpx.put(made["clientOnlyPlanUrl"][0], content=devices.query_plan("w", "examples"))
    httpx.put(made["initCheckpointUrl"][0], content=checkpoint.to_bytes(devices.START))


def visit(folder: Path, words: list[str], key: str, *, operations: bool = False) -> Visit | None:
    asked = agent.Asked(
        reach=reach.Reach(
            server="http://127.0.0.1:1",
            grpc=f"grpc://{words[-1]}",
            operations=operations,
            key=key,
        ),
        population="p",
        examples=devices.USUAL,
        state=folder / "state",
        environments=folder / "environments",
    )
    return asyncio.run(agent.run(asked, once=True, told=lambda _: None))


@pytest.mark.parametrize("operations", [False, True])
def test_a_device_contributes_over_grpc_with_its_files_over_http(
    tmp_path: Path, operations: bool
) -> None:
    options = ("--operations",) if operations else ()
    with started(tmp_path, "--open", "--grpc-port", "0", "--api-key", "k", *options) as words:
        address = words[2].rstrip(",")
        task(address)
        shown = f"{address}/api/v1/populations/p/tasks/1"
        assert eventually(lambda: bool(httpx.get(shown).json()["rounds"]), 120)

        refused = visit(tmp_path, words, "wrong", operations=operations)
        seen = visit(tmp_path, words, "k", operations=operations)

        assert refused is not None
        assert (refused.outcome, "missing or wrong" in refused.why) == (Outcome.FAILED, True)
        assert seen is not None
        assert seen.outcome is Outcome.CONTRIBUTED, seen.why
        assert httpx.get(shown).json()["rounds"][0]["accepted"] == 1


@pytest.mark.parametrize("address", ["grpc://fleet.example:1", "http://localhost:1", "fleet:1"])
def test_calls_to_another_machine_go_by_tls(address: str) -> None:
    async def go() -> None:
        channel.opened(address, {}, insecure=False)

    with pytest.raises(errors.AddressUnsafe):
        asyncio.run(go())
