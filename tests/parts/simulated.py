"""Federated jobs of the tests' own scripts, simulated."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ame.federation.exchange.sites import Lost, Reply
from ame.federation.exchange.watcher import Nobody
from ame.federation.program import App, File, Filtered, Part, Program, Routed
from ame.federation.simulator import simulate

SCRIPTS = Path(__file__).parent.parent / "federation" / "simulator" / "scripts"
EXECUTOR = "ame.federation.client.executor.ScriptExecutor"


def file(source: str | Path, target: str = "") -> File:
    """A file of the tests' scripts, or of any folder."""
    place = SCRIPTS / source
    return File(source=place, target=PurePosixPath(target or place.name))


def text(target: str, source: str) -> File:
    """A file of this content."""
    return File(source=source.encode(), target=PurePosixPath(target))


def app(script: File, *files: File, args: str = "", **more: Any) -> App:
    """Sites that run a script for every task."""
    given = {"script": str(script.target), "script_args": args, "framework": "numpy", **more}
    executor = Part(path=EXECUTOR, args=given)
    return App(executors=(Routed(tasks=("*",), executor=executor),), files=(script, *files))


def job(
    everyone: App | None,
    *,
    rounds: int = 3,
    size: int = 8,
    min_clients: int = 1,
    sites: Mapping[str, App] | None = None,
    num_clients: int = 0,
    server: Sequence[Filtered] = (),
) -> Program:
    """Averages what they send, over so many rounds."""
    leads = Part(
        path="server_parts.Averages",
        args={"num_clients": num_clients, "num_rounds": rounds},
        id="controller",
    )
    keeps = Part(path="server_parts.Keeps", args={"size": size}, id="persistor")
    return Program(
        name="test",
        min_clients=min_clients,
        server=App(
            workflows=(leads,),
            components=(keeps,),
            files=(file("server_parts.py"),),
            task_result_filters=tuple(server),
        ),
        everyone=everyone,
        sites=sites or {},
    )


@dataclass
class Seen(Nobody):
    """A watcher that remembers."""

    notes: list[str] = field(default_factory=list)
    losses: list[Lost] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    prints: dict[str, bytes] = field(default_factory=dict)
    records: list[tuple[str, Any]] = field(default_factory=list)

    def replied(self, reply: Reply) -> None:
        self.replies.append(reply)

    def lost(self, lost: Lost) -> None:
        self.losses.append(lost)

    def printed(self, site: str, chunk: bytes) -> None:
        self.prints[site] = self.prints.get(site, b"") + chunk

    def recorded(self, site: str, record: Any) -> None:
        self.records.append((site, record))

    def note(self, text: str) -> None:
        self.notes.append(text)


def model(workspace: Path) -> np.ndarray[Any, Any]:
    """What the server has kept."""
    with np.load(workspace / "server/simulate_job/app_server/model.npz") as arrays:
        return np.array(arrays["w"])


def log(workspace: Path, site: str) -> str:
    """What a site has printed."""
    return (workspace / site / "log.txt").read_text()


def descendants() -> list[int]:
    """The processes below this one that were not there when the test began."""
    return [pid for pid in _below() if pid not in _there]


def begin() -> None:
    """Takes what runs below this process, such as servers of other tests, for given."""
    _there.clear()
    _there.update(_below())


def _below() -> list[int]:
    from ame.process import tree

    return [entry.pid for entry in tree.below(os.getpid())]


_there: set[int] = set()


__all__ = ["simulate"]
