"""What a ServerApp's log tells of its rounds, in the words of Flower's strategies and servers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CENTRAL: Final = "central/"
"""Before the name of what the server itself measured, by the app's `evaluate_fn`."""
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_ROUND: Final = re.compile(r"\[ROUND (\d+)(?:/(\d+))?\]")
_COUNTED: Final = re.compile(
    r"aggregate_(?:train|fit): [Rr]eceived (\d+) results and (\d+) failures"
)
_MEASURED: Final = re.compile(r"└──> (Aggregated )?MetricRecord: (\{.*)")
_FIRST: Final = re.compile(r"Initial global evaluation results: (\{.*)")
_PROGRESS: Final = re.compile(r"fit progress: \((\d+), ([^,]+), (\{.*\}), ")
_FIRST_OLD: Final = re.compile(r"initial parameters \(loss, other metrics\): ([^,]+), (\{.*)")
_HISTORY: Final = re.compile(r"History \((\w+), (\w+)(?:, \w+)?\):")
_LOSS: Final = re.compile(r"^\s*round (\d+): (\S+)$")
_PREFIX: Final = re.compile(r"^[A-Z]+ *:\s*")
_VALUE: Final = r"(?:np\.\w+\()?([-+\w.]+)"
_PAIR: Final = re.compile(rf"'([^']+)': {_VALUE}")
_NAMED: Final = re.compile(rf"'([^']+)': \[|\((\d+), {_VALUE}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known of a round: the means of what nodes measured, and what the server did."""

    round: int
    """As Flower counts: from 1; 0 is before the first."""
    metrics: Mapping[str, float]
    rounds: int | None = None
    """How many there are to be."""


class Hearer:
    """Is given a log as it comes, and tells what is in it. Borders of pieces mean nothing."""

    def __init__(self) -> None:
        self._rest = ""
        self._round = 0
        self._rounds: int | None = None
        self._history = ""
        """What the part of an old server's summary is about that is being read."""
        self._name = ""

    def hear(self, piece: str) -> Iterator[Told]:
        """What this piece adds."""
        *lines, self._rest = (self._rest + piece).split("\n")
        for line in lines:
            told = self._line(_PREFIX.sub("", _COLOURS.sub("", line)))
            yield from (each for each in told if each.metrics)

    def _line(self, line: str) -> Iterator[Told]:
        if found := _ROUND.search(line):
            self._round = int(found[1])
            self._rounds = int(found[2]) if found[2] else None
        elif found := _COUNTED.search(line):
            yield self._told({"sites": float(found[1]), "lost": float(found[2])})
        elif found := _MEASURED.search(line):
            values = _numbers(found[2])
            yield self._told(values if found[1] else _central(values))
        elif found := _FIRST.search(line):
            yield Told(round=0, metrics=_central(_numbers(found[1])))
        elif found := _FIRST_OLD.search(line):
            yield Told(round=0, metrics=_central(_old(found[1], found[2])))
        elif found := _PROGRESS.search(line):
            yield Told(round=int(found[1]), metrics=_central(_old(found[2], found[3])))
        elif found := _HISTORY.search(line):
            # what the server itself measured has been told, round by round
            self._history = found[1] if found[2] == "distributed" else ""
        elif self._history:
            yield from self._summary(line)

    def _summary(self, line: str) -> Iterator[Told]:
        """Of servers of the older form: what sites measured is told at the end."""
        if self._history == "loss" and (found := _LOSS.match(line)):
            yield Told(round=int(found[1]), metrics=_numbers(f"'loss': {found[2]}"))
        elif self._history == "metrics":
            for name, number, value in _NAMED.findall(line):
                self._name = name or self._name
                if number:
                    yield Told(round=int(number), metrics=_numbers(f"'{self._name}': {value}"))

    def _told(self, metrics: Mapping[str, float]) -> Told:
        return Told(round=self._round, metrics=metrics, rounds=self._rounds)


def _old(loss: str, rest: str) -> dict[str, float]:
    return _numbers(f"'loss': {loss}") | _numbers(rest)


def _central(values: Mapping[str, float]) -> dict[str, float]:
    return {f"{CENTRAL}{name}": value for name, value in values.items()}


def _numbers(text: str) -> dict[str, float]:
    """The numbers in a dict as Python shows it; what is none is left out."""
    found: dict[str, float] = {}
    for name, value in _PAIR.findall(text):
        try:
            found[name] = float(value)
        except ValueError:
            continue
    return found
