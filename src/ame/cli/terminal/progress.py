"""What a person sees while a run goes: steps as they come and go, logs, a line of what runs."""

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from ame import runs
from ame.cli.terminal.shown import size
from ame.engine.reports.log import OWN
from ame.runs.words import duration
from ame.screen import Screen

if TYPE_CHECKING:
    from ame.engine.workspace.ignore import LeftOut

_COLOURS = ("cyan", "magenta", "yellow", "blue", "green", "bright_cyan", "bright_magenta")
_STATES = {
    runs.State.RUNNING: ("▶", "blue"),
    runs.State.SUCCEEDED: ("✓", "green"),
    runs.State.FAILED: ("✗", "red"),
    runs.State.CANCELLED: ("-", "yellow"),
}
_NAMED = 5


class Progress:
    """Prints to standard error, so that standard output stays for results.

    On a terminal the last line shows what is running, for how long and how far.
    """

    def __init__(self, *, logs: bool, quiet: bool = False) -> None:
        self._logs = logs
        self._screen = Screen(self._running, quiet=quiet, gather=True)
        self._since: dict[str, float] = {}
        self._done: dict[str, tuple[float, str]] = {}
        self._order: dict[str, int] = {}
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._screen.close()

    def step(self, step: runs.Step) -> None:
        """A line for each step that starts or ends."""
        sign, colour = _STATES[step.state]
        text = f"{sign} {step.name}"
        if step.state is runs.State.RUNNING:
            self._since[step.name] = time.monotonic()
        else:
            self._since.pop(step.name, None)
            self._done.pop(step.name, None)
            if step.started and step.ended and not step.reason.startswith(("from", "done")):
                text += f"  {duration((step.ended - step.started).total_seconds())}"
            if step.reason:
                text += f"  {step.reason}"
        self._print(click.style(text, fg=colour) if self._screen.live else text)
        self._screen.begin()

    def line(self, step: str, text: str) -> None:
        """What a step prints, behind its name; without `logs`, only what ame says of it."""
        if self._logs or text.startswith(OWN):
            self._print(f"{self._prefix(step)} {text}")

    def progress(self, step: str, done: float, message: str) -> None:
        """Kept for the last line."""
        self._done[step] = (done, message)

    def metric(self, metric: runs.Metric) -> None:
        """Shown with the logs."""
        if self._logs:
            at = "" if metric.iteration is None else f" at {metric.iteration}"
            self._print(f"{self._prefix(metric.step)} {metric.name} = {metric.value:.6g}{at}")

    def left_out(self, folder: Path, what: Sequence["LeftOut"]) -> None:
        """Names the largest."""
        del folder
        largest = sorted(what, key=lambda each: -each.size)
        for each in largest[:_NAMED]:
            self._print(f"left out: {each.path} ({size(each.size)}), {each.why}")
        if len(largest) > _NAMED:
            rest = sum(each.size for each in largest[_NAMED:])
            more = f"and {len(largest) - _NAMED} more ({size(rest)})"
            self._print(f"left out: {more}")
        if any(each.why == ".gitignore" for each in what):
            self._print("a line such as `!data/` in .ameignore brings a folder back")

    def note(self, text: str) -> None:
        """As it is."""
        self._print(text)

    def _prefix(self, step: str) -> str:
        place = self._order.setdefault(step, len(self._order))
        self._width = max(self._width, len(step))
        return click.style(f"{step:{self._width}} |", fg=_COLOURS[place % len(_COLOURS)])

    def _print(self, text: str) -> None:
        self._screen.print(text if self._screen.live else click.unstyle(text))

    def _running(self) -> str:
        now = time.monotonic()
        parts = []
        for name, since in list(self._since.items()):
            done, message = self._done.get(name, (None, ""))
            far = "" if done is None else f" {done:.0%}"
            parts.append(f"{name}{far} {duration(now - since)}{f' {message}' if message else ''}")
        return f"… {', '.join(parts)}" if parts else ""
