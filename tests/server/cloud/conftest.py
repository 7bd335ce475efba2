"""Servers of Flower tasks for tests, on each database."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from server.cloud import clouds
from server.cloud.clouds import Running

Use = Callable[[Running], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path, address: str) -> Callable[..., None]:
    """Uses a server that is started for it, on each database."""

    def start(use: Use, **more: Any) -> None:
        async def main() -> None:
            async with clouds.running(tmp_path, address=address, **more) as server:
                await use(server)

        asyncio.run(main())

    return start


@pytest.fixture
def run_here(tmp_path: Path) -> Callable[..., None]:
    """The same, on SQLite alone."""

    def start(use: Use, **more: Any) -> None:
        async def main() -> None:
            async with clouds.running(tmp_path, **more) as server:
                await use(server)

        asyncio.run(main())

    return start
