"""The rounds of a job as tables: for a terminal, for a spreadsheet, for a program."""

import csv
import json
from collections.abc import Iterable, Sequence
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import Any

from ame.federation.results.tally import Round, Tally
from ame.runs.words import duration

_SITES = 20
"""Rows of sites that a terminal is shown."""


def by_round(tally: Tally) -> tuple[list[str], list[list[str]]]:
    """Head and rows: per round its time, who replied, who was lost, and the metrics' means."""
    names = tally.metrics()
    head = ["Round", "Took", "Replied", "Lost", *names]
    rows = []
    for each in tally.rounds:
        means = each.means()
        took = duration(each.ended - each.began) if each.ended is not None else ""
        lost = ", ".join(f"{site} ({why.kind})" for site, why in each.losses.items())
        if len(each.losses) > _SITES:
            lost = f"{len(each.losses)}"
        values = [_number(means[name]) if name in means else "" for name in names]
        label = each.label.removeprefix("round ")
        rows.append([label, took, f"{len(each.answers)}/{len(each.asked)}", lost, *values])
    return head, rows


def by_site(tally: Tally) -> tuple[list[str], list[list[str]]]:
    """Head and rows: per site in how many rounds it replied, its time, its last metrics."""
    names = tally.metrics()
    head = ["Site", "Replied", "Lost", "Seconds", *names]
    rows = []
    for site in tally.sites():
        asked = [each for each in tally.rounds if site in each.asked]
        answers = [each.answers[site] for each in asked if site in each.answers]
        last = {name: value for each in answers for name, value in each.metrics.items()}
        lost = [each.losses[site] for each in asked if site in each.losses]
        rows.append(
            [
                site,
                f"{len(answers)}/{len(asked)}",
                ", ".join(dict.fromkeys(why.kind for why in lost)),
                f"{sum(each.seconds for each in answers):.2f}",
                *(_number(last[name]) if name in last else "" for name in names),
            ]
        )
    return head, rows


def text(tally: Tally) -> str:
    """Both tables, for a terminal: of many sites the first, and those that were lost."""
    head, rows = by_site(tally)
    shown = rows if len(rows) <= _SITES else [row for row in rows if row[2]][:_SITES]
    parts = [aligned(*by_round(tally))]
    if shown:
        parts.append(aligned(head, shown))
    if len(shown) < len(rows):
        parts.append(f"{len(rows)} sites; results/sites.csv has them all")
    return "\n\n".join(parts)


def write(tally: Tally, folder: Path) -> list[Path]:
    """`rounds.csv`, `sites.csv` (a row for each site in each round) and `rounds.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / name for name in ("rounds.csv", "sites.csv", "rounds.json")]
    files[0].write_text(_csv(*by_round(tally)))
    files[1].write_text(_csv(*_each(tally)))
    files[2].write_text(json.dumps([plain(each) for each in tally.rounds], indent=1))
    return files


def plain(of: Round) -> dict[str, Any]:
    """A round as JSON has it; numbers that are none are null."""
    return {
        "task": of.name,
        "round": of.number,
        "seconds": None if of.ended is None else round(of.ended - of.began, 3),
        "metrics": _finite(of.means()),
        "sites": {
            site: {
                "seconds": round(answer.seconds, 3),
                "weight": answer.weight,
                "metrics": _finite(answer.metrics),
            }
            for site, answer in of.answers.items()
        },
        "lost": {
            site: {"kind": why.kind, "why": why.text, "place": why.place}
            for site, why in of.losses.items()
        },
    }


def aligned(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _each(tally: Tally) -> tuple[list[str], list[list[str]]]:
    names = tally.metrics()
    rows = []
    for each in tally.rounds:
        number = "" if each.number is None else str(each.number)
        for site in each.asked:
            start = [each.name, number, site]
            if site in each.losses:
                why = each.losses[site]
                rows.append([*start, "", "", f"{why.kind}: {why.text}", *("" for _ in names)])
            elif site in each.answers:
                answer = each.answers[site]
                values = [str(answer.metrics.get(name, "")) for name in names]
                rows.append([*start, f"{answer.seconds:.3f}", f"{answer.weight:g}", "", *values])
    return ["task", "round", "site", "seconds", "weight", "lost", *names], rows


def _csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()


def _number(value: float) -> str:
    return f"{value:.5g}"


def _finite(values: Any) -> dict[str, float | None]:
    return {name: value if isfinite(value) else None for name, value in values.items()}
