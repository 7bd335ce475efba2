"""A federated job on Flower: the server in this process, each site beside a SuperNode.

An app of Flower's own is submitted as it is: see `deployment`.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ame import errors
from ame.federation.exchange.watcher import Nobody
from ame.federation.flower import bundle, frames
from ame.federation.flower.apps import app
from ame.federation.flower.deployment import running
from ame.federation.flower.remote import FlowerSites
from ame.federation.flower.runtime import Run
from ame.federation.flower.started import Started
from ame.federation.run.ledger import Ledger
from ame.federation.simulator import simulation
from ame.federation.simulator.resume import Kept
from ame.federation.simulator.setup import spent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ame.federation.exchange.watcher import Watcher
    from ame.federation.flower.links import Link
    from ame.federation.program import Program

_LOOK = 0.2
_PATIENCE = 180.0
"""Seconds in which all sites must have said their names."""


def run(
    program: Program,
    *,
    workspace: Path | str,
    sites: int | Sequence[str] | None = None,
    superlink: Link | None = None,
    seed: int = 0,
    resume: bool = False,
    watcher: Watcher | None = None,
    begun: Callable[[Started], None] | None = None,
) -> None:
    """Runs a job over real sites, and returns when it is over.

    Args:
        program: the job.
        workspace: the folder for the server's models, and of what is started here for logs.
        sites: how many, or their names; None where the job names all. A SuperNode's name is what
            its `--node-config` says is its `site`; without, `site-N` after its `partition-id`.
        superlink: where one is. For a job of ours it was started with `--isolation process`, and
            its SuperNodes have `python -m ame.federation.flower.site` beside them; for an app of
            Flower's they are as anybody starts them. None: one is started here, with a SuperNode
            for each site.
        seed: what the generators of sites and server begin with. The results of real sites come
            in the order of the sites, but external processes and clocks are as they are.
        resume: whether to go on after the last complete round of the run that is in the workspace.
        watcher: told what happens.
        begun: told of what was started here.

    Raises:
        errors.ExtraMissing: Flower is not installed.
        errors.FlowerUnreachable: the SuperLink or a site is not there.
        errors.FlowerRefused: the SuperLink takes no run, or has ended it.
        errors.FlowerRunFailed, errors.FlowerRunStopped: so has ended the run of an app.
        errors.Error: what `run.server.Server.run` raises.
    """
    _require()
    names = program.site_names(sites)
    root = Path(workspace).absolute()
    watching = watcher or Nobody()
    config = app.alone(program)
    if config is not None:
        running.run(
            app.bundle(program),
            config,
            workspace=root,
            sites=() if superlink else names,
            others=len(names) if superlink else 0,
            link=superlink,
            again=resume,
            watcher=watching,
        )
        return
    _lead(program, names, root, superlink, seed, resume, watching, begun)


def _lead(
    program: Program,
    names: Sequence[str],
    root: Path,
    link: Link | None,
    seed: int,
    resume: bool,
    watcher: Watcher,
    begun: Callable[[Started], None] | None,
) -> None:
    """Does a job of ours: as `run` says."""
    packed = bundle.pack(program)
    kept = Kept.read(root, program.name) if resume else Kept(job=program.name)
    simulation.make_room(root, (), resume=resume)
    with ExitStack() as ending:
        started = None
        if link is None:
            started = ending.enter_context(Started(names, workspace=root))
            started.await_link()
            link = started.link
            if begun is not None:
                begun(started)
        led = Run.begin(link, packed)
        ending.callback(led.end, "the job did not come to its end")
        nodes = _meet(led, names, link, started)
        met = FlowerSites(
            led,
            {name: nodes[name] for name in names},
            begin={"sites": list(names), "seed": seed, "first": kept.done},
            watcher=watcher,
            ledger=Ledger(spent(root)),
            nurse=started,
        )
        ending.callback(met.close)
        simulation.lead(program, met, root, watcher=watcher, seed=seed, kept=kept, resume=resume)
        led.end()


def _meet(led: Run, names: Sequence[str], link: Link, started: Started | None) -> Mapping[str, int]:
    """The nodes of all sites, by the sites' names: each is asked for its own."""
    asked: dict[str, int] = {}
    nodes: dict[str, int] = {}
    known: set[int] = set()
    ends = time.monotonic() + _PATIENCE
    while missing := [name for name in names if name not in nodes]:
        gone = started.gone() if started else {}
        if gone or time.monotonic() > ends:
            why = "; ".join(gone.values()) or "no SuperNode says that it is this site"
            raise errors.FlowerUnreachable(
                ", ".join(gone or missing), link.address, why,
                "start its SuperNode with `--isolation process` and its name as `site` in "
                "`--node-config`, and `python -m ame.federation.flower.site` beside it",
            )  # fmt: skip
        new = [node for node in led.nodes() if node not in known]
        known.update(new)
        hello = frames.pack([(frames.HELLO, None)])
        numbers = led.send([(node, hello) for node in new])
        asked.update((number, node) for number, node in zip(numbers, new, strict=True) if number)
        for message in led.replies(asked):
            node = asked.pop(message.metadata.reply_to_message_id)
            if message.has_error():
                continue
            for item in frames.unpack(message.content):
                if item[0] == frames.HELLO:
                    nodes[item[1]] = node
        time.sleep(_LOOK)
    return nodes


def _require() -> None:
    try:
        import flwr  # noqa: F401
    except ImportError as missing:
        raise errors.ExtraMissing("flower", "running jobs on Flower") from missing
