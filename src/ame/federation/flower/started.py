"""A SuperLink and SuperNodes of this machine, started for one job."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import ame
from ame import errors, process
from ame.federation.flower.runtime import Link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

_PATIENCE = 120.0
_QUIET = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1", "PYTHONUNBUFFERED": "1"}
_LINK = "from flwr.superlink.cli import flower_superlink as main; main()"
_NODE = "from flwr.supernode.cli import flower_supernode as main; main()"
_SITE = "from ame.federation.flower.site import main; main()"
_HOST = "127.0.0.1"


class Started:
    """The processes; they end with it. What they print is in the folder `logs`."""

    def __init__(self, sites: Sequence[str], *, workspace: Path) -> None:
        """Starts all of them, on loopback and at ports that are free, and returns at once."""
        self._logs = workspace / "flower"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._home = tempfile.TemporaryDirectory(prefix="ame-flower-")
        self._supervisor = process.Supervisor()
        self._pumps: list[threading.Thread] = []
        self._nodes: dict[str, tuple[process.Child, process.Child]] = {}
        ports = _free(len(sites) + 1)
        self.link = Link(address=f"{_HOST}:{ports[0]}", insecure=True)
        try:
            self._link = self._start("superlink", _LINK, *_at(ports[0]))
            for place, (site, port) in enumerate(zip(sites, ports[1:], strict=True)):
                config = f'site="{site}" partition-id={place} num-partitions={len(sites)}'
                node = self._start(
                    f"{site}-supernode", _NODE, *_at(port),
                    "--superlink", self.link.address, "--node-config", config,
                )  # fmt: skip
                does = self._start(
                    site, _SITE, f"{_HOST}:{port}", "--workspace", str(self._logs / site)
                )
                self._nodes[site] = (node, does)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def await_link(self) -> None:
        """Until the SuperLink answers.

        Raises:
            errors.FlowerUnreachable: it has ended, or does not answer for two minutes.
        """
        host, _, port = self.link.address.rpartition(":")
        ends = time.monotonic() + _PATIENCE
        while True:
            try:
                socket.create_connection((host, int(port)), 1).close()
            except OSError as error:
                if time.monotonic() > ends or self._link.ended():
                    raise errors.FlowerUnreachable(
                        "the SuperLink", self.link.address, self._last_words("superlink"),
                        f"what it said is in {self._logs}/superlink.log",
                    ) from error  # fmt: skip
                time.sleep(0.05)
            else:
                return

    def pids(self, site: str) -> tuple[int, int]:
        """The processes of a site: its SuperNode, and what does the node's tasks."""
        node, does = self._nodes[site]
        return node.identity.pid, does.identity.pid

    def gone(self) -> Mapping[str, str]:
        """The sites whose processes have ended, and how; what is left of them is ended."""
        found: dict[str, str] = {}
        for site, (node, does) in self._nodes.items():
            for each, what in ((node, "its SuperNode"), (does, "its process")):
                if site not in found and each.ended():
                    found[site] = f"{what} {_how(each.wait())}"
            if site in found:
                node.end(0)
                does.end(0)
        return found

    def close(self) -> None:
        """Ends all of them. Again has no further effect."""
        self._supervisor.close(grace=1.0)
        for pump in self._pumps:
            pump.join()
        self._home.cleanup()

    def _start(self, name: str, code: str, *arguments: str) -> process.Child:
        paths = [str(Path(ame.__path__[0]).resolve().parent), os.environ.get("PYTHONPATH", "")]
        child = self._supervisor.start(
            process.Command(
                argv=(sys.executable, "-P", "-W", "ignore", "-c", code, *arguments),
                folder=Path(self._home.name),
                variables={
                    **os.environ,
                    **_QUIET,
                    "FLWR_HOME": str(Path(self._home.name) / name),
                    "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                },
            )
        )
        log = self._logs / f"{name}.log"
        pump = threading.Thread(target=_keep, args=(child, log), name=name, daemon=True)
        pump.start()
        self._pumps.append(pump)
        return child

    def _last_words(self, name: str) -> str:
        log = self._logs / f"{name}.log"
        said = log.read_text(errors="replace").strip() if log.exists() else ""
        return said.rpartition("\n")[2] or "it said nothing"


def _keep(child: process.Child, log: Path) -> None:
    with log.open("ab") as file:

        def add(chunk: bytes) -> None:
            file.write(chunk)
            file.flush()

        process.pump(child, add)


def _at(port: int) -> tuple[str, ...]:
    return ("--insecure", "--isolation", "process", "--host", _HOST, "--port", str(port))


def _free(count: int) -> list[int]:
    """Ports at which nothing listens now."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind((_HOST, 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def _how(end: process.Exit) -> str:
    if end.code < 0:
        return f"was ended by signal {-end.code}"
    return f"has ended with exit code {end.code}"
