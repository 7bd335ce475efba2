"""A Flower app as the service of a task: what is started in place of a `server.py`.

It runs the app on SuperNodes through `ame.federation.flower`, and says to the manager what any
server of a task says. Told to end, it ends its run, and all that it has started.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ame import errors
from ame.daemon.reports import messages, reporter
from ame.federation import flower
from ame.federation.exchange.watcher import Nobody
from ame.federation.results.tally import Round, Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ame.federation.exchange.sites import Lost, Order, Reply

RESULTS = "federated"
"""Below the folder that it works in, with a folder for each run."""


def main() -> None:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(prog="app")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sites", default="", help="how many, or names with commas between them")
    parser.add_argument("--superlink", help="HOST:PORT; else one is started, with SuperNodes")
    parser.add_argument("--root-certificates", type=Path)
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE")
    given = parser.parse_intermixed_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    reporter.send(messages.write(messages.Info(text="Started")))
    watcher = Saying()
    try:
        flower.run(
            flower.read(given.folder, flower.settings(given.settings)),
            workspace=Path(RESULTS, os.environ.get("AME_RUN", "")),
            sites=_sites(given.sites) or flower.sites_of(given.folder),
            superlink=flower.link(given.superlink, given.root_certificates),
            watcher=watcher,
        )
    except errors.Error as error:
        watcher.close()
        reporter.send(messages.write(messages.Error(exception=str(error))))
        sys.exit(1)
    watcher.close()
    reporter.send(messages.write(messages.Info(text="Finished")))


class Saying(Nobody):
    """Prints what happens, and reports how good the model is after a round."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._rests: dict[str, bytes] = {}

    def sent(self, orders: Sequence[Order]) -> None:
        """See `Watcher`."""
        self._tell(self._tally.sent(orders, time.monotonic()))

    def replied(self, reply: Reply) -> None:
        """See `Watcher`."""
        self._tally.replied(reply)

    def lost(self, lost: Lost) -> None:
        """See `Watcher`."""
        self._tally.lost(lost)
        self.note(f"{lost.site} is lost: {lost.why.text}")

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

    def close(self) -> None:
        """Ends the round under way."""
        self._tell(self._tally.close(time.monotonic()))

    def _tell(self, done: Round | None) -> None:
        if done is None:
            return
        means = done.means()
        told = ", ".join(f"{name} {value:.6g}" for name, value in means.items())
        self.note(f"{done.label}: {len(done.answers)} of {len(done.asked)} sites {told}".rstrip())
        accuracy = next((name for name in means if "acc" in name.lower()), "")
        if accuracy and done.number is not None:
            told = str(means[accuracy])
            reporter.send(messages.write(messages.Model(round=str(done.number), acc=told)))


def _sites(said: str) -> int | tuple[str, ...]:
    return int(said) if said.isdecimal() else tuple(filter(None, said.split(",")))
