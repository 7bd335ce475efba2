"""What a person sees while a run goes: steps as they come and go, logs, a line of what runs."""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from ame import runs
from ame.cli.terminal.shown import size
from ame.engine.reports.log import OWN
from ame.runs.words import duration

if TYPE_CHECKING:
    from ame.engine.workspace.ignore import LeftOut

_COLOURS = ("cyan", "magenta", "yellow", "blue", "green", "bright_cyan", "bright_magenta")
_STATES = {
    runs.State.RUNNING: ("▶", "blue"),
    runs.State.SUCCEEDED: ("✓", "green"),
    runs.State.FAILED: ("✗", "red"),
    runs.State.CANCELLED: ("-", "yellow"),
}
_REDRAW = 0.2
_NAMED = 5


class Progress:
    """Prints to standard error, so that standard output stays for results.

    On a terminal the last line shows what is running, for how long and how far.
    """

    def __init__(self, *, logs: bool, quiet: bool = False) -> None:
        self._logs = logs
        self._quiet = quiet
        self._coloured = sys.stderr.isatty()
        self._live = sys.stderr.isatty() and not quiet
        self._lock = threading.Lock()
        self._since: dict[str, float] = {}
        self._done: dict[str, tuple[float, str]] = {}
        self._order: dict[str, int] = {}
        self._width = 0
        self._drawn = False
        self._over = threading.Event()
        self._drawer: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._drawer is not None:
            self._drawer.join()
        with self._lock, self._while_it_is_seen():
            self._wipe()

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
        self._print(click.style(text, fg=colour))
        if self._live and self._drawer is None:
            # Not before the first step: the processes that start steps are made without threads.
            self._drawer = threading.Thread(target=self._draw_on, daemon=True)
            self._drawer.start()

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
        if self._quiet:
            return
        with self._lock, self._while_it_is_seen():
            self._wipe()
            # As `click.echo` does, which looks at each line anew where it is written to.
            sys.stderr.write(f"{text if self._coloured else click.unstyle(text)}\n")
            sys.stderr.flush()

    @contextmanager
    def _while_it_is_seen(self) -> Iterator[None]:
        """When nobody reads any more, a run goes on all the same."""
        try:
            yield
        except OSError:
            self._quiet = True
            self._over.set()

    def _wipe(self) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False

    def _draw_on(self) -> None:
        while not self._over.wait(_REDRAW):
            with self._lock, self._while_it_is_seen():
                self._draw()

    def _draw(self) -> None:
        now = time.monotonic()
        parts = []
        for name, since in list(self._since.items()):
            done, message = self._done.get(name, (None, ""))
            far = "" if done is None else f" {done:.0%}"
            parts.append(f"{name}{far} {duration(now - since)}{f' {message}' if message else ''}")
        if not parts:
            return
        import shutil

        text = f"… {', '.join(parts)}"[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
        self._drawn = True
