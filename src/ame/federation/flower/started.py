"""A SuperLink and SuperNodes of this machine, started for one job."""

from __future__ import annotations

import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ame import errors
from ame.federation.flower.deployment import programs
from ame.federation.flower.deployment.children import LOOPBACK, Children, free, how
from ame.federation.flower.links import Link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from ame import process

_PATIENCE = 120.0


class Started:
    """The processes; they end with it. What they print is in the folder `logs`."""

    def __init__(self, sites: Sequence[str], *, workspace: Path) -> None:
        """Starts all of them, on loopback and at ports that are free, and returns at once."""
        logs = workspace / "flower"
        self._home = tempfile.TemporaryDirectory(prefix="ame-flower-")
        self._children = Children(logs, Path(self._home.name))
        self._nodes: dict[str, tuple[process.Child, process.Child]] = {}
        ports = free(len(sites) + 1)
        self.link = Link(address=f"{LOOPBACK}:{ports[0]}", insecure=True)
        try:
            argv = programs.superlink(self.link, host=LOOPBACK)
            self._link = self._children.start("superlink", argv)
            for place, (site, port) in enumerate(zip(sites, ports[1:], strict=True)):
                config = programs.node_config(site, place, len(sites))
                argv = programs.supernode(self.link, port=port, config=config, isolated=True)
                node = self._children.start(f"{site}-supernode", argv)
                argv = programs.site(f"{LOOPBACK}:{port}", logs / site)
                self._nodes[site] = (node, self._children.start(site, argv))
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
                        "the SuperLink", self.link.address, self._children.last_words("superlink"),
                        f"what it said is in {self._children.logs}/superlink.log",
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
                    found[site] = f"{what} {how(each.wait())}"
            if site in found:
                node.end(0)
                does.end(0)
        return found

    def close(self) -> None:
        """Ends all of them. Again has no further effect."""
        self._children.close()
        self._home.cleanup()
