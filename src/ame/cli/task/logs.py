"""`ame task logs`: what the steps of a run have printed."""

import os
import sys
import time
from pathlib import Path

import click

from ame import runs
from ame.cli import completion
from ame.cli.options import open_store
from ame.engine.keeping import lost
from ame.engine.reports import log
from ame.engine.reports.live import Live
from ame.storage import home

_POLL = 0.2
_CHUNK = 1 << 20


@click.command(
    "logs",
    epilog="""\b
Examples:
  ame task logs train           the newest run of the task `train`
  ame task logs -f train        follow it until it ends
  ame task logs train --step prepare --raw > prepare.log
""",
)
@click.argument("name", required=False, shell_complete=completion.run_names)
@click.option("-f", "--follow", is_flag=True, help="Go on as long as the run does.")
@click.option("--step", "only", default="", help="Only this step.")
@click.option("--raw", is_flag=True, help="The bytes as they were printed, without step names.")
def command(*, name: str | None, follow: bool, only: str, raw: bool) -> None:
    """Prints the logs of a run, step by step; secrets are masked in them.

    NAME is a run's unique name, or a task's name for its newest run; left out, the newest run.
    """
    store = open_store()
    run = _find(store, name)
    place = home.home()
    reading = _Reading(place / "runs" / run.name, only, raw=raw)
    while True:
        run = store.find(run.name)
        ended = run.state.final
        reading.print_new(store.steps(run.name), last=ended or not follow)
        if ended or not follow:
            return
        if not lost.alive(run.owner):
            lost.mark(store, place)
        time.sleep(_POLL)


def _find(store: runs.Store, name: str | None) -> runs.Run:
    if name is not None:
        return store.find(name)
    newest = store.page(runs.Filter(), limit=1).runs
    if not newest:
        raise click.UsageError("there are no runs yet; `ame task run` makes one")
    return newest[0]


class _Reading:
    """How far each log has been printed."""

    def __init__(self, folder: Path, only: str, *, raw: bool) -> None:
        self._folder = folder
        self._only = only
        self._raw = raw
        self._read: dict[Path, int] = {}
        self._live: dict[Path, Live] = {}

    def print_new(self, steps: tuple[runs.Step, ...], *, last: bool) -> None:
        """Prints what has come; with `last` also a line that has no end."""
        names = [step.name for step in steps]
        if self._only and names and self._only not in names:
            raise click.UsageError(f"no step `{self._only}`; there are {', '.join(names)}")
        width = max(map(len, names), default=0)
        for step in steps:
            if self._only in {"", step.name}:
                for file in log.attempts(self._folder / str(step.index)):
                    self._print_log(file, f"{step.name:{width}} | ", last=last)
        sys.stdout.flush()

    def _print_log(self, file: Path, prefix: str, *, last: bool) -> None:
        live = self._live.setdefault(file, Live(whole=True))
        with file.open("rb") as content:
            place = self._read.get(file, 0)
            shorter = place > content.seek(0, os.SEEK_END)  # its beginning was let go
            content.seek(0 if shorter else place)
            while new := content.read(_CHUNK):
                if self._raw:
                    sys.stdout.buffer.write(new)
                else:
                    _print(live.feed(new, time.monotonic()), prefix)
            self._read[file] = content.tell()
        _print(live.end() if last else live.overdue(time.monotonic()), prefix)


def _print(lines: list[str], prefix: str) -> None:
    if lines:
        sys.stdout.write("".join(f"{prefix}{line}\n" for line in lines))
