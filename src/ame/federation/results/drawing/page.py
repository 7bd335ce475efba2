"""The charts and tables of a run as one page (HTML) that needs nothing beside itself."""

from collections.abc import Iterable, Sequence
from html import escape
from math import floor, log10
from pathlib import Path

from ame.federation.results import tables
from ame.federation.results.drawing.charts import Chart, Line
from ame.federation.results.drawing.plot import COLOURS
from ame.federation.results.tally import Tally

_W, _H = 460, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 10, 12, 34
_TICKS = 5
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_HERE = Path(__file__).parent


def write(
    title: str, facts: Sequence[tuple[str, str]], charts: Sequence[Chart], tally: Tally, file: Path
) -> None:
    """Writes the page. `facts` are shown below the title, each with its name."""
    style = (_HERE / "page.css").read_text()
    script = (_HERE / "page.js").read_text()
    sites = list(dict.fromkeys(s for chart in charts if not chart.spread for s in chart.sites))
    told = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>",
        f"<h1>{escape(title)}</h1><dl>{told}</dl>",
        _legend(sites),
        '<div class="charts">',
        *(_figure(chart, sites) for chart in charts),
        "</div>",
        _table("Rounds", *tables.by_round(tally)),
        _table("Sites", *tables.by_site(tally)),
        _losses(tally),
        f"</main><script>{script}</script></body></html>",
    ]
    file.write_text("\n".join(part for part in parts if part))


def _legend(sites: Sequence[str]) -> str:
    if not sites:
        return ""
    items = "".join(
        f'<button type="button" aria-pressed="false" data-site="{escape(site)}">'
        f'<i style="background:{_colour(place)}"></i>{escape(site)}</button>'
        for place, site in enumerate(sites)
    )
    return (
        '<div class="legend" role="group" aria-label="Show these sites alone">'
        f'<span><i class="whole"></i>together</span>{items}</div>'
    )


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def _figure(chart: Chart, sites: Sequence[str]) -> str:
    scale = _Scale(chart)
    body = [*scale.grid()]
    if chart.spread:
        body.append(_band(scale, [(x, a, d) for x, a, _, _, d in chart.spread], "all"))
        body.append(_band(scale, [(x, b, c) for x, _, b, c, _ in chart.spread], "half"))
    for site, line in chart.sites.items() if not chart.spread else ():
        body.append(_line(scale, line, site, sites.index(site)))
    if chart.whole:
        body.append(_line(scale, chart.whole, "together"))
    name = escape(chart.name)
    shaded = "<small>shaded: all sites, and half of them</small>" if chart.spread else ""
    return (
        f"<figure><figcaption>{name} {shaded}</figcaption>"
        f'<svg viewBox="0 0 {_W} {_H}" role="img" aria-label="{escape(_said(chart))}">'
        f"{''.join(body)}</svg>"
        f"<details><summary>{name} as a table</summary>{_values(chart)}</details></figure>"
    )


def _said(chart: Chart) -> str:
    """A chart in words."""
    first, last = chart.rounds
    low, high = chart.values
    words = f"{chart.name} in rounds {first} to {last}, between {low:.4g} and {high:.4g}"
    if chart.whole:
        words += f"; together {chart.whole[0][1]:.4g} at first, {chart.whole[-1][1]:.4g} at last"
    if chart.spread:
        words += f"; the spread of {len(chart.sites)} sites"
    return words


class _Scale:
    """Where values lie in a drawing."""

    def __init__(self, chart: Chart) -> None:
        (self.left, self.right), (low, high) = chart.rounds, chart.values
        self.step = _nice((high - low) / (_TICKS - 1) or abs(high) / 2 or 1)
        self.low = floor(low / self.step) * self.step
        self.high = max(-floor(-high / self.step) * self.step, self.low + self.step)

    def x(self, at: float) -> float:
        room = _W - _LEFT - _RIGHT
        return round(_LEFT + room * (at - self.left) / ((self.right - self.left) or 1), 1)

    def y(self, value: float) -> float:
        room = _H - _TOP - _BOTTOM
        return round(_TOP + room * (self.high - value) / (self.high - self.low), 1)

    def grid(self) -> Iterable[str]:
        for tick in range(round((self.high - self.low) / self.step) + 1):
            value = self.low + tick * self.step
            y = self.y(value)
            yield f'<path class="grid" d="M{_LEFT} {y}H{_W - _RIGHT}"/>'
            yield f'<text class="y" x="{_LEFT - 8}" y="{y + 4}">{value:.4g}</text>'
        every = max(1, -(-(self.right - self.left) // 8))
        for at in range(self.left, self.right + 1, every):
            yield f'<text class="x" x="{self.x(at)}" y="{_H - _BOTTOM + 18}">{at}</text>'
        yield f'<text class="x" x="{(_LEFT + _W - _RIGHT) / 2}" y="{_H - 2}">round</text>'


def _nice(step: float) -> float:
    """The next of 1, 2, 5, 10, 20, … that is no less."""
    power: float = 10.0 ** floor(log10(step))
    return next(power * each for each in (1, 2, 5, 10) if power * each >= step * 0.999)


def _line(scale: _Scale, line: Line, name: str, place: int | None = None) -> str:
    points = [(scale.x(x), scale.y(y)) for x, y in line]
    path = "M" + "L".join(f"{x} {y}" for x, y in points)
    shape = 'class="line whole"'
    if place is not None:
        shape = f'class="line dash{place // len(COLOURS) % 3}" style="--c:{_colour(place)}"'
    dots = "".join(
        f'<circle cx="{x}" cy="{y}" r="3"><title>{escape(name)}, round {at}: '
        f"{value:.6g}</title></circle>"
        for (x, y), (at, value) in zip(points, line, strict=True)
    )
    return f'<g {shape} data-site="{escape(name)}"><path d="{path}"/>{dots}</g>'


def _band(scale: _Scale, edges: Sequence[tuple[int, float, float]], kind: str) -> str:
    above = [f"{scale.x(x)} {scale.y(high)}" for x, _, high in edges]
    below = [f"{scale.x(x)} {scale.y(low)}" for x, low, _ in reversed(edges)]
    return f'<path class="band {kind}" d="M{"L".join([*above, *below])}Z"/>'


def _values(chart: Chart) -> str:
    rounds = sorted({x for line in (chart.whole, *chart.sites.values()) for x, _ in line})
    lines = [("together", chart.whole), *chart.sites.items()]
    rows = []
    for name, line in lines:
        values = dict(line)
        cells = [f"{values[x]:.5g}" if x in values else "" for x in rounds]
        rows.append([name, *cells] if line else [])
    return _cells(["", *map(str, rounds)], [row for row in rows if row])


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f"<h2>{escape(title)}</h2>{_cells(head, rows)}"


def _cells(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    first = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="table">'
        f"<table><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _losses(tally: Tally) -> str:
    found = [(each, site, why) for each in tally.rounds for site, why in each.losses.items()]
    if not found:
        return ""
    items = "".join(
        f"<li><b>{escape(site)}</b>, {escape(each.label)}: {escape(why.text)}"
        + (f" <code>{escape(why.place)}</code>" if why.place else "")
        + (f"<pre>{escape(why.trace)}</pre>" if why.trace else "")
        + "</li>"
        for each, site, why in found
    )
    return f"<h2>Lost</h2><ul>{items}</ul>"
