"""The charts of a run as a picture (PNG)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ame import errors
from ame.federation.results.drawing.charts import Chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a8a00", "#5e4fa2")
"""Told apart by those who see colours differently, too (after Okabe and Ito)."""
_WIDE = 3
_LEGEND = 12
_MARKED = 30


def draw(title: str, charts: Sequence[Chart], file: Path) -> None:
    """Writes one picture with all charts.

    Raises:
        errors.ExtraMissing: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise errors.ExtraMissing("federation", "drawing the metrics of a job") from error
    across = min(_WIDE, max(1, len(charts)))
    down = -(-len(charts) // across)
    figure = Figure(figsize=(5.2 * across, 3.6 * down + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=13)
    places = list(figure.subplots(down, across, squeeze=False).flat)
    for axes, chart in zip(places, charts, strict=False):
        _draw(axes, chart)
    for axes in places[len(charts) :]:
        axes.set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False)
    figure.savefig(file, dpi=110)


def _draw(axes: "Axes", chart: Chart) -> None:
    from matplotlib.ticker import MaxNLocator

    shape: dict[str, Any] = {}
    if sum(map(len, (chart.whole, *chart.sites.values()))) <= _MARKED * (len(chart.sites) + 1):
        shape = {"marker": "o", "markersize": 3}
    if chart.spread:
        x, low, quarter, three, high = zip(*chart.spread, strict=True)
        axes.fill_between(x, low, high, color=COLOURS[0], alpha=0.15, label="all sites")
        axes.fill_between(x, quarter, three, color=COLOURS[0], alpha=0.3, label="half of them")
    else:
        for place, (site, line) in enumerate(chart.sites.items()):
            label = site if len(chart.sites) <= _LEGEND else None
            colour = COLOURS[place % len(COLOURS)]
            style = ("-", "--", ":")[place // len(COLOURS) % 3]
            axes.plot(*_xy(line), style, color=colour, alpha=0.75, lw=1, label=label, **shape)
    if chart.whole:
        axes.plot(*_xy(chart.whole), color="#222222", lw=2.4, label="together", **shape)
    axes.set_title(chart.name, fontsize=11)
    axes.set_xlabel("round")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=True, color="#dddddd", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _xy(line: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [x for x, _ in line], [y for _, y in line]
