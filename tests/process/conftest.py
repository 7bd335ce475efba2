import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ame import process
from ame.process import groups

Shell = Callable[..., process.Child]


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

    def start(script: str, **limits: object) -> process.Child:
        command = process.Command(
            argv=("sh", "-c", script), folder=tmp_path, variables={"PATH": os.environ["PATH"]}
        )
        return supervisor.start(command, process.Limits(**limits))  # type: ignore[arg-type]  # by name

    return start
