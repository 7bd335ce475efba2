"""A Flower app as the service of a task: what is started in place of a `server.py`.

It runs the app on Flower's engine through `ame.federation.flower`, and says to the manager what
any server of a task says. Told to end, it ends its run, and all that it has started.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ame import errors
from ame.daemon.reports import messages, reporter
from ame.engine.executors.dependencies import flower as dependencies
from ame.engine.home import Home
from ame.federation import flower
from ame.federation.exchange.watcher import Nobody
from ame.federation.flower.apps import app
from ame.federation.flower.deployment import programs, running
from ame.federation.flower.deployment.hosting import Hosting
from ame.federation.flower.deployment.programs import Tls
from ame.federation.results.tally import ROUND, SERVER
from ame.server.cloud.leading.asked import HOME, PORT, RUN, TLS, Asked, workspace

if TYPE_CHECKING:
    from ame.federation.client.record import Record
    from ame.federation.program import Program


def main() -> None:
    """Does what the command line says: the app's folder, and what `Asked` reads."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    reporter.send(messages.write(messages.Info(text="Started")))
    try:
        run(Path(sys.argv[1]), Asked.read(sys.argv[2:]), Saying())
    except errors.FlowerRunStopped as stopped:
        reporter.send(messages.write(messages.Print(text=str(stopped))))
        reporter.send(messages.write(messages.Info(text="Stopped")))
    except errors.Error as error:
        reporter.send(messages.write(messages.Error(exception=str(error))))
        sys.exit(1)
    else:
        reporter.send(messages.write(messages.Info(text="Finished")))


def run(folder: Path, asked: Asked, watcher: Saying) -> None:
    """Runs the app, on the SuperLink that is asked for or one that is started for it."""
    program = flower.read(folder, flower.settings(asked.settings))
    with ExitStack() as ending:
        kept = os.environ.pop(HOME, "")
        if asked.superlink is None:  # else it runs where others see to that
            home = ending.enter_context(Home(Path(kept)))
            tell = partial(watcher.printed, "packages")
            found = dependencies.packages(folder, home, tell, environ=os.environ)
            if found is not None:
                programs.import_first(found)
        _lead(folder, program, asked, watcher)


def _lead(folder: Path, program: Program, asked: Asked, watcher: Saying) -> None:
    here: int | tuple[str, ...] | None = asked.here
    if here is None:
        here = 0 if asked.joined or asked.superlink else flower.sites_of(folder)
    link = flower.link(asked.superlink, asked.root_certificates) if asked.superlink else None
    running.run(
        app.bundle(program),
        app.alone(program) or {},
        workspace=workspace(Path(), os.environ.get(RUN, "")),
        sites=program.site_names(here) if here else (),
        others=asked.others,
        patient=asked.joined,
        link=link,
        hosting=_hosting(asked),
        again=True,
        watcher=watcher,
    )


def _hosting(asked: Asked) -> Hosting:
    port = int(os.environ.get(PORT, "0"))
    if not asked.joined:
        return Hosting(port=port)
    folder = os.environ.get(TLS, "")
    if not folder and not asked.insecure:
        raise errors.SuperLinkExposed
    tls = Tls.read(Path(folder)) if folder and not asked.insecure else None
    return Hosting(host="0.0.0.0", port=port, tls=tls, known_nodes=tls is not None)  # noqa: S104 - sites are elsewhere


class Saying(Nobody):
    """Prints what happens, and reports what is measured after a round."""

    def __init__(self) -> None:
        self._rests: dict[str, bytes] = {}

    def printed(self, site: str, chunk: bytes) -> None:
        """Lines of a site with its name before them, so that none is taken for a report."""
        *lines, rest = (self._rests.get(site, b"") + chunk).split(b"\n")
        self._rests[site] = rest
        for line in lines:
            self.note(f"{site} | {line.decode(errors='backslashreplace')}")

    def note(self, text: str) -> None:
        """See `Watcher`."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def recorded(self, site: str, record: Record) -> None:
        """See `Watcher`."""
        values = dict(record.numbers())
        if site == SERVER and record.key == ROUND and record.step is not None:
            told = messages.Measured(round=str(record.step), values=values)
            reporter.send(messages.write(told))
