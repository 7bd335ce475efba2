import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import pytest

from ame import process
from ame.process import groups


class Shell(Protocol):
    def __call__(
        self,
        script: str,
        *,
        memory: int | None = None,
        cpu: Decimal | None = None,
        storage: int | None = None,
    ) -> process.Child: ...


def _forms() -> list[str]:
    return ["cgroup", "watch"] if {"memory", "cpu"} <= groups.find().keys() else ["watch"]


@pytest.fixture(params=_forms())
def form(request: pytest.FixtureRequest) -> process.Form:
    """Each way of holding limits that this machine has."""
    chosen: process.Form = request.param
    return chosen


@pytest.fixture
def supervisor(form: process.Form) -> Iterator[process.Supervisor]:
    with process.Supervisor(limits=form) as supervisor:
        yield supervisor


@pytest.fixture
def shell(supervisor: process.Supervisor, tmp_path: Path) -> Shell:
    """Starts a shell with a script, in an empty folder."""

    def start(
        script: str,
        *,
        memory: int | None = None,
        cpu: Decimal | None = None,
        storage: int | None = None,
    ) -> process.Child:
        command = process.Command(
            argv=("sh", "-c", script), folder=tmp_path, variables={"PATH": os.environ["PATH"]}
        )
        limits = process.Limits(memory=memory, cpu=cpu, storage=storage)
        return supervisor.start(command, limits)

    return start


def everything(child: process.Child) -> bytes:
    """All that a child writes."""
    chunks: list[bytes] = []
    process.pump(child, chunks.append)
    return b"".join(chunks)
