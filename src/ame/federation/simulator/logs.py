"""What scripts print: it is in their logs at once, and their watcher hears of it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ame.federation.exchange.watcher import Nobody
from ame.federation.simulator.setup import Places

if TYPE_CHECKING:
    from ame.federation.exchange.watcher import Watcher

_MOST = 1 << 16
"""Bytes that the watcher is shown of what was printed at a time; the log has all."""


class Logs:
    """The logs of all sites, as far as they were shown."""

    def __init__(self, workspace: Path, watcher: Watcher) -> None:
        self._workspace = str(workspace)
        self._watcher = None if type(watcher) is Nobody else watcher
        self._shown: dict[str, int] = {}

    def grew(self, site: str, size: int) -> None:
        """A log has so many bytes now: shows what is new."""
        shown = self._shown.get(site, 0)
        if self._watcher is None or size <= shown:
            return
        self._shown[site] = size
        skipped = max(size - shown - _MOST, 0)
        with contextlib.suppress(OSError), self._log(site).open("rb") as log:
            log.seek(shown + skipped)
            chunk = log.read(size - shown - skipped)
            if skipped:
                chunk = b"[%d bytes more are in %s]\n" % (skipped, os.fsencode(log.name)) + chunk
            self._watcher.printed(site, chunk)

    def look(self, site: str) -> None:
        """Shows what a site that is at work has printed meanwhile."""
        if self._watcher is not None:
            with contextlib.suppress(OSError):
                self.grew(site, self._log(site).stat().st_size)

    def _log(self, site: str) -> Path:
        return Path(Places(self._workspace, site).log)
