import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from ame import process
from ame.engine.backends import places
from ame.engine.environments import Environments
from ame.engine.executors import Ready


def printed(
    tmp_path: Path, shell: str, own: Mapping[str, str], inherited: Mapping[str, str], ready: Ready
) -> str:
    """What shell text prints on this machine with these variables."""
    with process.Supervisor() as supervisor:
        machine = places.Machine(
            supervisor=supervisor,
            environments=Environments(tmp_path / "environments", environ={}),
            inherited=inherited,
        )
        ready = Ready(
            argv=("/bin/sh", "-c", shell), variables=ready.variables, defaults=ready.defaults
        )
        child = machine.start(ready, folder=tmp_path, own=own, limits=process.Limits())
        chunks: list[bytes] = []
        process.pump(child, chunks.append)
        assert child.wait().code == 0
    return b"".join(chunks).decode().strip()


@pytest.mark.parametrize(
    ("inherited", "default", "own", "ready", "seen"),
    [
        ("i", None, None, None, "i"),
        ("i", "d", None, None, "d"),
        ("i", "d", "o", None, "o"),
        ("i", "d", "o", "r", "r"),
    ],
)
def test_what_is_nearer_to_the_command_wins(
    tmp_path: Path, inherited: str, default: str, own: str, ready: str, seen: str
) -> None:
    def named(value: str | None) -> dict[str, str]:
        return {} if value is None else {"WORD": value}

    prepared = Ready(argv=(), variables=named(ready), defaults=named(default))

    assert printed(tmp_path, "echo $WORD", named(own), named(inherited), prepared) == seen


def test_the_paths_of_an_environment_come_before_those_of_the_task(tmp_path: Path) -> None:
    prepared = Ready(argv=(), variables={"PATH": f"/venv/bin:{os.defpath}", "PYTHONPATH": "/src"})
    own = {"PATH": "/mine", "PYTHONPATH": "/lib"}

    shown = printed(tmp_path, 'echo "$PATH $PYTHONPATH"', own, {}, prepared)

    assert shown == f"/venv/bin:{os.defpath}:/mine /src:/lib"
