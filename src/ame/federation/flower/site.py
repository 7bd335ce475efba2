"""What runs beside a SuperNode: `python -m ame.federation.flower.site HOST:PORT`.

It does the tasks of the node at that address, which must have been started with
`--isolation process`, as long as the node is there. Jobs that are not of ame's are refused.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame.federation.exchange.sites import Lost, Message, Reply
from ame.federation.exchange.watcher import Nobody
from ame.federation.flare import alias
from ame.federation.flower import bundle, frames, links, runtime
from ame.federation.run.ledger import Ledger
from ame.federation.simulator import simulation
from ame.federation.simulator.setup import spent

if TYPE_CHECKING:
    from ame.federation.client.record import Record
    from ame.federation.exchange.sites import Sites
    from ame.federation.program import Program

_LOOK = 0.3
"""Seconds between two looks for a task."""
_PATIENCE = 60.0
"""Seconds for which a node that does not answer is waited for."""
_HOLD = 0.5
_LONGEST = 8.0
"""Seconds for which a frame is kept while there is nothing to say: at first, and at most."""


def main() -> None:
    """Parses the command line, and serves."""
    parser = argparse.ArgumentParser(
        prog="python -m ame.federation.flower.site",
        description="Does the tasks of a SuperNode that was started with `--isolation process`.",
    )
    parser.add_argument("address", help="HOST:PORT of the SuperNode's Runtime API")
    parser.add_argument(
        "--workspace", type=Path, help="where jobs work; by default a folder that is removed"
    )
    parser.add_argument("--root-certificates", type=Path, help="PEM; without it, no TLS is spoken")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    alias.activate()  # whatever a job's scripts import of NVFLARE's, they talk to this site
    link = links.Link(
        address=given.address,
        insecure=given.root_certificates is None,
        root_certificates=given.root_certificates,
    )
    with tempfile.TemporaryDirectory(prefix="ame-site-") as temporary:
        serve(link, given.workspace or Path(temporary))


def serve(link: links.Link, workspace: Path) -> None:
    """Does tasks until the node is gone."""
    import httpx

    node = runtime.Node(link)
    jobs: dict[int, Job] = {}
    ends = time.monotonic() + _PATIENCE
    with ExitStack() as ending:
        while True:
            try:
                task = node.take()
            except httpx.HTTPError:
                if time.monotonic() > ends:
                    return
                time.sleep(_LOOK)
                continue
            ends = time.monotonic() + (_LOOK if jobs else _PATIENCE)
            if task is None:
                time.sleep(_LOOK)
                continue
            job = jobs.get(task.number)
            if job is None:
                job = jobs[task.number] = Job(workspace)
                ending.callback(job.close)
            try:
                task.answer(frames.pack(job.answer(task)))
            except Exception as error:  # noqa: BLE001 (the other side is to know)
                task.fail(f"{type(error).__name__}: {error}")


class Job:
    """One run's share of this site. It is the watcher of its own part of the site."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace.absolute()
        self._name = ""
        self._spent: dict[str, float] = {}
        self._ending = ExitStack()
        self._sites: Sites | None = None
        self._open: set[int] = set()
        self._talks = False
        self._said: deque[frames.Item] = deque()
        self._hold = _HOLD
        self._watcher = _Watcher(self._said)

    def answer(self, task: runtime.Task) -> list[frames.Item]:
        """Does what a frame says; what there is to say then, or after a while."""
        ended = False
        told = frames.unpack(task.content)
        for item in told:
            match item[0]:
                case frames.HELLO:
                    self._said.append((frames.HELLO, _name(task), None))
                case frames.BEGIN:
                    self._begin(bundle.unpack(task.bundle), item[1], item[2])
                case frames.END:
                    ended = True
                case _:
                    self._take(item)
        if ended:
            self.close()
        elif self._sites is not None:
            self._hold = _HOLD if told or self._talks else min(self._hold * 2, _LONGEST)
            self._listen(self._sites)
        busy = bool(self._open) or (self._talks and not ended)
        items = [*self._said, (frames.STATE, busy, ended, None)]
        self._said.clear()
        return items

    def close(self) -> None:
        """Lets scripts go on to their ends. Again has no further effect."""
        self._sites = None
        self._ending.close()

    def _begin(self, program: Program, name: str, told: dict[str, Any]) -> None:
        root, self._name = self._workspace, name
        simulation.make_room(root, [name], resume=False)
        Ledger(spent(root)).take_over(name, told.get("spent", {}))
        app = program.app(name)
        self._talks = any(part.of_peers for part in app.parts())
        self._sites = self._ending.enter_context(
            simulation.sites_of(
                program,
                [name],
                root,
                self._watcher,
                simulation.Shared(isolate=True, blas_threads=len(os.sched_getaffinity(0))),
                seed=told["seed"],
                first=told["first"],
                among=told["sites"],
            )
        )

    def _take(self, item: frames.Item) -> None:
        assert self._sites is not None
        match item[0]:
            case frames.ORDER:
                order = frames.to_order(item)
                self._open.add(order.number)
                self._sites.send([order])
            case frames.WITHDRAW:
                self._open -= set(item[1])
                self._sites.withdraw(item[1])
            case frames.MESSAGE:
                message = frames.to_outcome(item)
                assert isinstance(message, Message)
                self._sites.tell(message)

    def _listen(self, sites: Sites) -> None:
        """Until there is something to say, or the frame was kept for long enough."""
        ends = time.monotonic() + self._hold
        while self._open or self._talks:
            came = sites.take(max(0.0, min(ends - time.monotonic(), 0.5)))
            if came is not None:
                self._tell_spent()
                self._said.append(frames.of_outcome(came))
            if isinstance(came, Reply | Lost):
                self._open.discard(came.number)
            if self._said or time.monotonic() > ends:
                return

    def _tell_spent(self) -> None:
        """Says what the site has spent of its privacy, if that has changed."""
        now = Ledger(spent(self._workspace)).of(self._name)
        if now != self._spent:
            self._spent = now
            self._said.append((frames.SPENT, now, None))


class _Watcher(Nobody):
    """Has all of it said with the next frame."""

    def __init__(self, said: deque[frames.Item]) -> None:
        self._said = said

    def printed(self, site: str, chunk: bytes) -> None:
        """See `Watcher`."""
        self._said.append((frames.PRINTED, chunk, None))

    def recorded(self, site: str, record: Record) -> None:
        """See `Watcher`."""
        self._said.append(frames.of_record(record))

    def note(self, text: str) -> None:
        """See `Watcher`."""
        self._said.append((frames.NOTE, text, None))


def _name(task: runtime.Task) -> str:
    """The site's name, as its node is configured: `site`, or from its share of the data."""
    config = task.node_config
    if "site" in config:
        return str(config["site"])
    if "partition-id" in config:
        return f"site-{int(config['partition-id']) + 1}"
    return f"node-{task.node}"


if __name__ == "__main__":
    main()
