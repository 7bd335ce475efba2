"""The metrics of a run as lines to be drawn: each by round, for every site and for all."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import TypeAlias

from ame import runs
from ame.federation.results.tally import SERVER

FEW = 40
"""Sites up to which each has a line of its own; of more, the spread is drawn."""
_LAST = ("seconds", "round_seconds", "lost")
"""What is measured of the job itself comes behind what it learns."""

Line: TypeAlias = tuple[tuple[int, float], ...]
"""Points by round, in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One metric."""

    name: str
    whole: Line
    """Of all sites together, or of the server."""
    sites: dict[str, Line]
    spread: tuple[tuple[int, float, float, float, float], ...] = ()
    """Of many sites by round: the least, the quarter, the three quarters, the most."""

    @property
    def rounds(self) -> tuple[int, int]:
        """The first and the last."""
        every = [x for line in (self.whole, *self.sites.values()) for x, _ in line]
        return min(every), max(every)

    @property
    def values(self) -> tuple[float, float]:
        """The least and the greatest."""
        every = [y for line in (self.whole, *self.sites.values()) for _, y in line]
        return min(every), max(every)


def of(metrics: Iterable[runs.Metric]) -> tuple[Chart, ...]:
    """A chart for each name; what has no round is drawn at 0. Values that are none are left out."""
    found: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for metric in metrics:
        points = found[metric.name][metric.step]
        if isfinite(metric.value):
            points[metric.iteration or 0] = metric.value
    charts = []
    for name in sorted(found, key=_order):
        if name == "sites" or (name == "lost" and not any(found[name][SERVER].values())):
            continue
        lines = {step: tuple(sorted(points.items())) for step, points in found[name].items()}
        sites = {site: line for site, line in lines.items() if line and site != SERVER}
        whole = lines.get(SERVER, ())
        if whole or sites:
            charts.append(Chart(name=name, whole=whole, sites=sites, spread=_spread(sites)))
    return tuple(charts)


def _order(name: str) -> int:
    return _LAST.index(name) + 1 if name in _LAST else 0


def _spread(sites: dict[str, Line]) -> tuple[tuple[int, float, float, float, float], ...]:
    if len(sites) <= FEW:
        return ()
    at: dict[int, list[float]] = defaultdict(list)
    for line in sites.values():
        for x, y in line:
            at[x].append(y)
    spread = []
    for x, values in sorted(at.items()):
        values.sort()
        last = len(values) - 1
        spread.append(
            (x, values[0], values[round(last / 4)], values[round(last * 3 / 4)], values[last])
        )
    return tuple(spread)
