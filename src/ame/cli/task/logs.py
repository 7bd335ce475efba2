"""`ame task logs`: what the steps of a run have printed."""

import sys
import time
from pathlib import Path

import click

from ame import runs
from ame.cli import completion
from ame.cli.options import open_store
from ame.storage import home

_POLL = 0.2


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
    folder = home.home() / "runs" / run.name
    reading = _Reading(folder, only, raw=raw)
    while True:
        ended = store.find(run.name).state.final
        reading.print_new(store.steps(run.name), last=ended or not follow)
        if ended or not follow:
            return
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
        self._rest: dict[Path, bytes] = {}

    def print_new(self, steps: tuple[runs.Step, ...], *, last: bool) -> None:
        """Prints what has come; with `last` also a line that has no end."""
        names = [step.name for step in steps]
        if self._only and self._only not in names:
            raise click.UsageError(f"no step `{self._only}`; there are {', '.join(names)}")
        width = max(map(len, names), default=0)
        for step in steps:
            if self._only in {"", step.name}:
                for log in sorted((self._folder / str(step.index)).glob("log.*"), key=_number):
                    self._print_log(log, f"{step.name:{width}} | ", last=last)

    def _print_log(self, log: Path, prefix: str, *, last: bool) -> None:
        with log.open("rb") as content:
            content.seek(self._read.get(log, 0))
            new = content.read()
        self._read[log] = self._read.get(log, 0) + len(new)
        if self._raw:
            sys.stdout.buffer.write(new)
            sys.stdout.buffer.flush()
            return
        *lines, rest = (self._rest.pop(log, b"") + new).split(b"\n")
        if last and rest:
            lines.append(rest)
        elif rest:
            self._rest[log] = rest
        for line in lines:
            click.echo(prefix + line.decode(errors="backslashreplace"))


def _number(log: Path) -> int:
    return int(log.suffix[1:])
