"""What each site has spent of its privacy in a run, whatever becomes of its processes."""

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from ame.federation.spec.context import FLContext


class Ledger:
    """Adds up what is spent. With a file it goes on where that ends.

    Each process of a run has one of its own over the same file, and of a site only the process
    that it is in at the time spends: so the file is read once, when that site's process begins to.
    What is spent is in the file before it is told, and hence before what cost it can leave.
    """

    def __init__(self, file: Path | None = None) -> None:
        """Without a file it is for this process alone."""
        self._file = file
        self._spent: defaultdict[str, defaultdict[str, float]] | None = None

    def spend(self, site: str, way: str, amount: float) -> float:
        """All that a site has spent in this way, with this.

        Raises:
            OSError: it cannot be kept.
        """
        spent = self._known()[site]
        if self._file is not None:
            with self._file.open("ab") as out:
                # What a write that was cut off has left is not part of the next line.
                out.write(f"\n{json.dumps([site, way, amount])}".encode())
        spent[way] += amount
        return spent[way]

    def of(self, site: str) -> dict[str, float]:
        """What a site has spent, by the way."""
        return dict(self._known()[site])

    def take_over(self, site: str, spent: Mapping[str, float]) -> None:
        """What another ledger has of a site; where this one has more, that stays."""
        for way, amount in spent.items():
            if (more := amount - self._known()[site][way]) > 0:
                self.spend(site, way, more)

    def _known(self) -> defaultdict[str, defaultdict[str, float]]:
        if self._spent is None:
            self._spent = defaultdict(lambda: defaultdict(float))
            if self._file is not None and self._file.exists():
                for site, way, amount in _lines(self._file):
                    self._spent[site][way] += amount
        return self._spent


def ledger_of(ctx: FLContext, otherwise: Ledger) -> Ledger:
    """That of the run; otherwise this one, where a run keeps none."""
    return getattr(ctx.get_engine(), "ledger", None) or otherwise


def _lines(file: Path) -> Iterator[tuple[str, str, float]]:
    """What was spent, but for what was cut off: that was not told, and cost nothing."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            with contextlib.suppress(ValueError):
                site, way, amount = json.loads(line)
                yield site, way, amount
