"""Servers for tests, on each database."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parts.servers import postgres
from server import fleets
from server.fleets import Running

Use = Callable[[Running], Awaitable[None]]


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Postgres]:
    with postgres.running(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a new, empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "fleet.sqlite")
    running: postgres.Postgres = request.getfixturevalue("database_server")
    return running.fresh(tmp_path.name)


@pytest.fixture
def run(tmp_path: Path, address: str) -> Callable[..., None]:
    """Uses a server that is started for it."""

    def start(use: Use, **more: Any) -> None:
        async def main() -> None:
            async with fleets.running(tmp_path, address, **more) as server:
                await use(server)

        asyncio.run(main())

    return start
