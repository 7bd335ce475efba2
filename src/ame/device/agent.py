"""A real device: it checks in, goes away, and comes back when it is wanted."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ame.device import memory
from ame.device.device import Device
from ame.device.links import link, transport
from ame.device.plans import Plans
from ame.device.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from ame.device.examples import Examples
    from ame.device.links.personal import Personal
    from ame.device.visit import Visit
    from ame.protocol.wires.grpc import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which device it is, and where it goes."""

    server: str
    population: str
    examples: Examples
    state: Path
    environments: Path
    grpc: str = ""
    """Where calls go instead: `grpc://host:port`, or `grpcs://`; files go to `server` still."""
    operations: bool = False
    """Whether the server answers with operations over gRPC too."""
    personal: bool = False
    """Whether the server is spoken to in the On-Device Personalization dialect."""
    keys: str = ""
    """Where, in that dialect, the keys are to encrypt with; empty: at the server."""
    key: str = ""
    version: str = "1"
    insecure: bool = False
    authority: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None


async def run(asked: Asked, *, once: bool, told: Callable[[Visit], None]) -> Visit | None:
    """Visits the server: once and at once, or whenever it is due until SIGINT or SIGTERM.

    Asked to end, it gives up what is under way, and says so to the server. Returns the last visit.

    Raises:
        errors.MemoryHeld: another process is this device.
        errors.MemoryDamaged: what it remembers cannot be read.
    """
    own = transport.tls(
        authority=asked.authority, certificate=asked.certificate, key=asked.certificate_key
    )
    with memory.Folder(asked.state) as kept:
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(transport.Http(tls=own))
            plans = await stack.enter_async_context(Plans(environments=asked.environments))
            reached = link.Link(
                transport=http,
                server=asked.server,
                key=asked.key,
                insecure=asked.insecure,
                grpc=await _grpc(stack, asked) if asked.grpc else None,
            )
            device = Device(
                population=asked.population,
                link=_personal(asked, reached, kept) if asked.personal else reached,
                memory=kept,
                examples=asked.examples,
                plans=plans,
                resources=Resources(asked.state / "resources"),
                version=asked.version,
            )
            return await _until_asked(_visits(device, once=once, told=told))


def _personal(asked: Asked, reached: link.Link, kept: memory.Memory) -> Personal:
    """The other dialect; what the device is known by there is made once."""
    from ame.device.links.personal import Personal

    own = asked.state / "authorization-key"
    if not own.exists():
        own.touch(mode=0o600)
        own.write_text(str(uuid.uuid4()))
    return Personal(
        link=reached,
        memory=kept,
        examples=asked.examples,
        clock=time.time,
        authorization=own.read_text().strip(),
        keys=asked.keys,
    )


async def _grpc(stack: AsyncExitStack, asked: Asked) -> Client:
    from ame.device.links import channel
    from ame.protocol.wires.grpc import Client

    files = {
        "authority": asked.authority,
        "certificate": asked.certificate,
        "key": asked.certificate_key,
    }
    opened = channel.opened(asked.grpc, files, insecure=asked.insecure)
    await stack.enter_async_context(opened)
    return Client(channel=opened, operations_answered=asked.operations)


async def _visits(device: Device, *, once: bool, told: Callable[[Visit], None]) -> Visit:
    while True:
        if not once:
            await asyncio.sleep(max(device.memory.kept.returns - time.time(), 0.0))
        seen = await device.visit()
        told(seen)
        if once:
            return seen


async def _until_asked(work: Coroutine[None, None, Visit]) -> Visit | None:
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None
