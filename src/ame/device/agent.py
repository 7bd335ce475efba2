"""A real device: it checks in, goes away, and comes back when it is wanted."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ame.device import memory
from ame.device.device import Device
from ame.device.plans import Plans
from ame.device.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from ame.device.examples import Examples
    from ame.device.links.reach import Reach
    from ame.device.visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which device it is, and where it goes."""

    reach: Reach
    population: str
    examples: Examples
    state: Path
    environments: Path
    version: str = "1"


async def run(asked: Asked, *, once: bool, told: Callable[[Visit], None]) -> Visit | None:
    """Visits the server: once and at once, or whenever it is due until SIGINT or SIGTERM.

    Asked to end, it gives up what is under way, and says so to the server. Returns the last visit.

    Raises:
        errors.MemoryHeld: another process is this device.
        errors.MemoryDamaged: what it remembers cannot be read.
    """
    with memory.Folder(asked.state) as kept:
        async with (
            asked.reach.opened() as reached,
            Plans(environments=asked.environments) as plans,
        ):
            device = Device(
                population=asked.population,
                link=asked.reach.spoken(
                    reached, kept, asked.examples, time.time, lambda: _known_by(asked.state)
                ),
                memory=kept,
                examples=asked.examples,
                plans=plans,
                resources=Resources(asked.state / "resources"),
                version=asked.version,
            )
            return await _until_asked(_visits(device, once=once, told=told))


def _known_by(state: Path) -> str:
    """What the device is known by in the other dialect; made once."""
    own = state / "authorization-key"
    if not own.exists():
        own.touch(mode=0o600)
        own.write_text(str(uuid.uuid4()))
    return own.read_text().strip()


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
