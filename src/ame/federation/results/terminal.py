"""What a person sees while a federated job goes: its rounds, what is lost, a line of how far."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self, TextIO

from ame.federation.exchange.sites import Why
from ame.federation.results.tally import Round
from ame.runs.words import duration
from ame.screen import Screen

_SHOWN = 4
"""Metrics in the line of a round."""
_COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36}


class Terminal:
    """Prints to a stream: on a terminal with colours and a last line that is redrawn, else plain.

    `logs` shows what sites print as well. When nobody reads any more, the job goes on.
    """

    def __init__(
        self, stream: TextIO | None = None, *, logs: bool = False, quiet: bool = False
    ) -> None:
        self._screen = Screen(self._line, stream=stream, quiet=quiet)
        self._logs = logs
        self._now: Round | None = None
        self._rests: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for site in list(self._rests):
            self.printed(site, b"\n" if self._rests[site] else b"")
        self._screen.close()

    def began(self, now: Round) -> None:
        """A round is under way, or has gone on to further sites."""
        self._now = now
        self._screen.begin()

    def ended(self, done: Round, note: str = "") -> None:
        """A line for a round that has ended."""
        self._now = None
        sites = f"{len(done.answers)} of {len(done.asked)} sites"
        if len(done.answers) == len(done.asked):
            sites = f"{len(done.asked)} site{'s' * (len(done.asked) != 1)}"
        parts = [done.label, duration((done.ended or done.began) - done.began), sites]
        means = list(done.means().items())
        parts += [f"{name} {value:.4g}" for name, value in means[:_SHOWN]]
        parts += [f"and {len(means) - _SHOWN} more"] * (len(means) > _SHOWN) + [note] * bool(note)
        good = bool(done.answers)
        colour = "yellow" if good and done.losses else "green" if good else "red"
        self.say(f"{'✓' if good else '✗'} {'  '.join(parts)}", colour)

    def lost(self, site: str, why: Why) -> None:
        """At once what a site failed of, with its own traceback."""
        self.say(f"✗ {site} is lost: {why.line}", "red")
        for line in why.trace.rstrip().splitlines():
            self.say(f"    {line}")

    def printed(self, site: str, chunk: bytes) -> None:
        """Whole lines of a site, behind its name."""
        if not self._logs:
            return
        *lines, self._rests[site] = (self._rests.get(site, b"") + chunk).split(b"\n")
        for line in lines:
            text = line.decode(errors="backslashreplace").rstrip("\r").rpartition("\r")[2]
            self.say(f"{self._coloured(f'{site} |', 'cyan')} {text}")

    def say(self, text: str, colour: str = "") -> None:
        """A line."""
        self._screen.print(self._coloured(text, colour))

    def _coloured(self, text: str, colour: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._screen.live and colour else text

    def _line(self) -> str:
        now = self._now
        return "" if now is None else _line(now, time.monotonic())


def _line(now: Round, at: float) -> str:
    of = f" ({now.number + 1} of {now.total})" if now.total and now.number is not None else ""
    done = len(now.answers) + len(now.losses)
    parts = [f"… {now.label}{of}", f"{done} of {len(now.asked)} sites", duration(at - now.began)]
    parts += [f"{name} {value:.4g}" for name, value in _first(now.means())]
    return "  ".join(parts)


def _first(means: Mapping[str, float]) -> list[tuple[str, float]]:
    return list(means.items())[:2]
