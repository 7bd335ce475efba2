"""The metrics of a run as TensorBoard reads them: a folder of event files for each site."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from ame import runs
from ame.federation.client.tfevents import EventFile

_MOST = 200
"""Sites up to which each has a folder."""


def write(metrics: Iterable[runs.Metric], folder: Path) -> None:
    """Writes one event file for the server and one for each site, at the times of measuring."""
    by_step: dict[str, list[runs.Metric]] = defaultdict(list)
    for metric in metrics:
        by_step[metric.step].append(metric)
    for step, measured in list(by_step.items())[:_MOST]:
        times = _Times(measured[0].at.timestamp())
        with EventFile(folder / step, clock=times) as file:
            for each in measured:
                times.now = each.at.timestamp()
                file.add({each.name: each.value}, each.iteration)


class _Times:
    """A clock that is set by hand."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
